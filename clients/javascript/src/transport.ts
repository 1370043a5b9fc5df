import { type Agent, type IncomingMessage, Agent as HttpAgent, request as httpRequest } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { gunzip } from "node:zlib";
import { promisify } from "node:util";
import { type DuologError, type Refusal, refused } from "./errors.js";
import { parseDocument } from "./values.js";
import { apiVersion, type Document, valuesType } from "./wire.js";

const unzip = promisify(gunzip);

export interface TransportOptions {
  /** Where the server is; a path in it goes before /v1. */
  baseUrl: string;
  token: string | (() => string | Promise<string>);
  /** Milliseconds for which what may pass is tried again. */
  retryFor: number;
  /** Milliseconds without a byte after which a request counts as lost. */
  timeout: number;
  headers: Record<string, string>;
  /** Whether answers may come compressed. */
  gzip: boolean;
  /** Connections at most. */
  connections: number;
}

interface Answer {
  status: number;
  headers: IncomingMessage["headers"];
  body: Buffer;
}

/** An attempt that came to nothing, and how long the server wants it to be before the next. */
interface Failure {
  error: DuologError;
  /** Milliseconds; undefined where another attempt is of no use. */
  after?: number;
}

/** One server, over connections that stay open. Every request may be sent twice: what it does, it does once. */
export class Transport {
  readonly #options: TransportOptions;
  readonly #url: URL;
  readonly #agent: Agent;
  readonly #request: typeof httpRequest;

  constructor(options: TransportOptions) {
    this.#options = options;
    this.#url = new URL(options.baseUrl.endsWith("/") ? options.baseUrl : `${options.baseUrl}/`);
    const secure = this.#url.protocol === "https:";
    if (!secure && this.#url.protocol !== "http:") throw new TypeError(`baseUrl: ${options.baseUrl} is no http or https address`);
    const Class = secure ? HttpsAgent : HttpAgent;
    this.#agent = new Class({ keepAlive: true, maxSockets: options.connections, scheduling: "lifo" });
    this.#request = secure ? httpsRequest : httpRequest;
  }

  /** When attempts that begin now have to end. */
  deadline(): number {
    return Date.now() + this.#options.retryFor;
  }

  /** Sends JSON to an endpoint under /v1/threads until it is answered. */
  ask<T>(endpoint: string, question: unknown, key?: string): Promise<Document<T>> {
    return this.send<T>(endpoint, Buffer.from(JSON.stringify(question)), "application/json", key);
  }

  /**
   * Sends a body to an endpoint under /v1/threads, again and again until it is answered, refused for good, or the
   * deadline has passed. Throws a DuologError.
   */
  async send<T>(endpoint: string, body: Buffer, type: string, key?: string, deadline = this.deadline()): Promise<Document<T>> {
    for (let attempt = 0; ; attempt++) {
      const outcome = await this.#attempt<T>(endpoint, body, type, key);
      if ("json" in outcome) return outcome;
      if (outcome.after === undefined) throw outcome.error;
      await this.pause(attempt, outcome.error, deadline, outcome.after);
    }
  }

  /** Waits before the next attempt, longer with each, or throws the error where that would be past the deadline. */
  async pause(attempt: number, error: DuologError, deadline: number, least = 0): Promise<void> {
    const wait = Math.max(least, Math.min(2000, 50 * 2 ** attempt)) * (0.75 + Math.random() / 2);
    if (Date.now() + wait > deadline) throw error;
    await new Promise((resolve) => setTimeout(resolve, wait));
  }

  close(): void {
    this.#agent.destroy();
  }

  async #attempt<T>(endpoint: string, body: Buffer, type: string, key?: string): Promise<Document<T> | Failure> {
    const headers = await this.#headers(body, type, key);
    let answer: Answer;
    try {
      answer = await this.#exchange(`${this.#url.pathname}v1/threads/${endpoint}`, headers, body);
    } catch (cause) {
      const refusal = { code: "unreachable", message: `${this.#url.origin} does not answer: ${String((cause as Error).message)}` };
      return { error: refused(refusal, 0, { cause }), after: 0 };
    }
    return answer.status === 200 ? this.#understood<T>(answer) : failure(answer);
  }

  async #headers(body: Buffer, type: string, key?: string): Promise<Record<string, string | number>> {
    const { token, headers, gzip } = this.#options;
    const given = typeof token === "string" ? token : await token();
    const all: Record<string, string | number> = { ...headers, Authorization: `Bearer ${given}`, Accept: valuesType };
    all["Content-Type"] = type;
    all["Content-Length"] = body.length;
    if (gzip) all["Accept-Encoding"] = "gzip";
    if (key !== undefined) all["Idempotency-Key"] = key;
    return all;
  }

  #understood<T>(answer: Answer): Document<T> | Failure {
    if (!isThreads(answer)) return { error: stranger(answer) };
    try {
      return parseDocument<T>(answer.body);
    } catch (cause) {
      return { error: refused({ code: "incompatible_server", message: "the server's answer is no JSON" }, 200, { cause }) };
    }
  }

  #exchange(path: string, headers: Record<string, string | number>, body: Buffer): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const { hostname, port } = this.#url;
      const host = hostname.replace(/^\[|\]$/g, "");
      const options = { agent: this.#agent, method: "POST", host, port, path, headers, timeout: this.#options.timeout };
      const request = this.#request(options, (response) => {
        collect(response).then(resolve, reject);
      });
      request.on("error", reject);
      request.on("timeout", () => request.destroy(new Error(`nothing came for ${this.#options.timeout} ms`)));
      request.end(body);
    });
  }
}

async function collect(response: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  await new Promise<void>((resolve, reject) => {
    response.on("data", (chunk: Buffer) => chunks.push(chunk));
    response.on("end", resolve);
    response.on("error", reject);
    response.on("aborted", () => reject(new Error("the answer was cut off")));
  });
  const whole = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
  const body = response.headers["content-encoding"] === "gzip" ? await unzip(whole) : whole;
  return { status: response.statusCode ?? 0, headers: response.headers, body };
}

const temporary = new Set([429, 502, 503, 504]);

function failure(answer: Answer): Failure {
  const refusal = refusalOf(answer);
  if (temporary.has(answer.status)) {
    const said = refusal ?? { code: "not_now", message: `the server answered ${answer.status}` };
    return { error: refused(said, answer.status), after: retryAfter(answer) };
  }
  if (!isThreads(answer) || refusal === undefined) return { error: stranger(answer) };
  return { error: refused(refusal, answer.status) };
}

function refusalOf(answer: Answer): Refusal | undefined {
  try {
    const said = JSON.parse(answer.body.toString()) as Refusal;
    return typeof said.code === "string" && typeof said.message === "string" ? said : undefined;
  } catch {
    return undefined;
  }
}

/** Milliseconds that the server asks to wait. */
function retryAfter(answer: Answer): number {
  const seconds = Number(answer.headers["retry-after"]);
  return Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds, 30) * 1000 : 0;
}

function isThreads(answer: Answer): boolean {
  return answer.headers["duolog-threads"] === apiVersion;
}

function stranger(answer: Answer): DuologError {
  const version = answer.headers["duolog-threads"];
  const message =
    version === undefined
      ? `what answered (status ${answer.status}) is no Duolog server that keeps threads`
      : `the server speaks version ${String(version)} of /v1/threads, this package speaks ${apiVersion}`;
  const fix = version === undefined ? "check the base URL, or upgrade the server" : "install the version of the package that fits";
  return refused({ code: "incompatible_server", message, fix }, answer.status);
}
