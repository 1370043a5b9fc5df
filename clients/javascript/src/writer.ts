import { DuologError, passes, refused } from "./errors.js";
import { Lru } from "./lru.js";
import type { Operation } from "./operations.js";
import type { Transport } from "./transport.js";
import { Tail } from "./values.js";
import { maxOperations, valuesType, type WriteAnswer, type WriteResult } from "./wire.js";

/** Bytes above which a request takes no further operation. */
const enough = 4 << 20;

/** What is to be done in a thread, in the order in which it was asked for. */
interface Item {
  /** An operation that may share a request with its neighbours, once its values are serialized. */
  operation?: Operation | Promise<Operation>;
  /** What has to stand alone. */
  alone?: () => Promise<unknown>;
  resolve: (value: unknown) => void;
  reject: (error: unknown) => void;
}

/** An operation with who waits for it. */
interface Waiting {
  operation: Operation;
  resolve: (value: unknown) => void;
  reject: (error: unknown) => void;
}

/**
 * Sends the writes of each thread in order, one request at a time: what comes while one is under way goes out together
 * as the next. A write resolves once the server has it durably.
 */
export class Writer {
  readonly #transport: Transport;
  readonly #name: string;
  readonly #lanes = new Map<string, Item[]>();
  readonly #running = new Set<Promise<void>>();
  /** The incarnation in which a thread was last seen. */
  readonly #incarnations = new Lru<number>(10_000);

  constructor(transport: Transport, name: string) {
    this.#transport = transport;
    this.#name = name;
  }

  write(thread: string, operation: Operation | Promise<Operation>): Promise<void> {
    if (operation instanceof Promise) operation.catch(() => undefined);
    return this.#enqueue(thread, { operation }) as Promise<void>;
  }

  /** Does something after all writes that the thread was given before, and before those that it is given after. */
  alone<T>(thread: string, alone: () => Promise<T>): Promise<T> {
    return this.#enqueue(thread, { alone }) as Promise<T>;
  }

  /** Notes the incarnation that the server says a thread is in; undefined where it has none. */
  seen(thread: string, incarnation: number | undefined): void {
    if (incarnation === undefined) this.#incarnations.delete(thread);
    else this.#incarnations.set(thread, incarnation);
  }

  /** Resolves once nothing is under way. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  #enqueue(thread: string, what: Pick<Item, "operation" | "alone">): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const item = { ...what, resolve, reject };
      const lane = this.#lanes.get(thread);
      if (lane !== undefined) {
        lane.push(item);
        return;
      }
      this.#start(thread, [item]);
    });
  }

  #start(thread: string, lane: Item[]): void {
    this.#lanes.set(thread, lane);
    const run = this.#run(thread, lane).finally(() => this.#running.delete(run));
    this.#running.add(run);
  }

  /** Works a lane off, and ends with it. What is asked for in one turn of the event loop goes together. */
  async #run(thread: string, lane: Item[]): Promise<void> {
    while (lane.length > 0) {
      await new Promise((resolve) => setImmediate(resolve));
      const [first] = lane;
      if (first!.alone !== undefined) {
        lane.shift();
        await first!.alone().then(first!.resolve, first!.reject);
      } else {
        await this.#deliver(thread, await nextBatch(lane));
      }
    }
    this.#lanes.delete(thread);
  }

  /** Has every operation of a batch resolved or rejected in the end. */
  async #deliver(thread: string, batch: Waiting[]): Promise<void> {
    const deadline = this.#transport.deadline();
    let open = batch.filter(mayBeSent);
    for (let attempt = 0; open.length > 0; attempt++, open = open.filter(mayBeSent)) {
      try {
        const { results, incarnation } = await this.#send(thread, open, deadline);
        this.seen(thread, incarnation);
        open = open.filter((waiting, i) => settle(waiting, results[i]!));
        const error = lastRefusal(results);
        if (open.length > 0 && error !== undefined) await this.#transport.pause(attempt, error, deadline);
      } catch (error) {
        if (open.length > 1 && mayBeOne(error)) {
          for (const waiting of open) await this.#deliver(thread, [waiting]);
        } else {
          for (const waiting of open) fail(waiting, error);
        }
        return;
      }
    }
  }

  async #send(thread: string, batch: Waiting[], deadline: number): Promise<WriteAnswer> {
    const tail = new Tail();
    const operations = batch.map(({ operation }) => operation.encode(tail)).join(",");
    const incarnation = this.#incarnations.get(thread);
    const stated = incarnation === undefined ? "" : `,"incarnation":${incarnation}`;
    const head = `"thread_id":${JSON.stringify(thread)},"writer":${JSON.stringify(this.#name)}${stated}`;
    const body = tail.body(`{${head},"operations":[${operations}]}`);
    const { json } = await this.#transport.send<WriteAnswer>("write", body, valuesType, undefined, deadline);
    if (json.results.length === batch.length) return json;
    throw refused({ code: "incompatible_server", message: `the server answered ${json.results.length} of ${batch.length} operations` });
  }
}

/** Takes the operations from a lane's head that go together. One whose values cannot be serialized fails here. */
async function nextBatch(lane: Item[]): Promise<Waiting[]> {
  const batch: Waiting[] = [];
  let size = 0;
  while (batch.length < maxOperations && size < enough && lane[0]?.operation !== undefined) {
    const { operation, resolve, reject } = lane[0];
    try {
      const ready = operation instanceof Promise ? await operation : operation;
      if (batch.length > 0 && size + ready.size > enough) return batch;
      batch.push({ operation: ready, resolve, reject });
      size += ready.size;
    } catch (error) {
      reject(error);
    }
    lane.shift();
  }
  return batch;
}

/** Whether an operation may go out; what stands on something that failed meanwhile fails here. */
function mayBeSent(waiting: Waiting): boolean {
  const refusal = waiting.operation.refusal();
  if (refusal !== undefined) fail(waiting, refusal);
  return refusal === undefined;
}

/** Ends the wait for an operation by its result; true where it has to be sent again. */
function settle(waiting: Waiting, { error }: WriteResult): boolean {
  if (error === undefined) {
    waiting.resolve(undefined);
    return false;
  }
  if (passes(error.code) || (error.code === "send_whole" && waiting.operation.sendWhole())) return true;
  fail(waiting, refused(error));
  return false;
}

/** The last refusal that passes: what the writes that it met fail with when it does not. */
function lastRefusal(results: WriteResult[]): DuologError | undefined {
  const error = results.findLast((result) => result.error !== undefined && passes(result.error.code))?.error;
  return error === undefined ? undefined : refused(error);
}

/** Whether a refused request of many operations may be one operation's fault. */
function mayBeOne(error: unknown): boolean {
  return error instanceof DuologError && (error.status === 400 || error.status === 413 || error.status === 422);
}

function fail({ operation, reject }: Waiting, error: unknown): void {
  operation.failed(error);
  reject(error);
}
