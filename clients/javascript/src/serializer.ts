import { DeltaSnapshot, isDeltaSnapshot, MemorySaver, type SerializerProtocol } from "@langchain/langgraph-checkpoint";

import { loaded } from "./messages.js";
import { Pieces } from "./pieces.js";

type Json = Record<string, unknown>;

const mark = Buffer.from('"lc"');
/** Lists with fewer items, or none that are objects, are serialized as a whole. */
const fewest = 8;

/**
 * Writes and reads what LangGraph's own serializer does, byte for byte in what it writes, in fewer passes: lists item by
 * item where these are new, and on reading a second pass only where something is more than data.
 */
export class Serializer implements SerializerProtocol {
  readonly #stock: SerializerProtocol = new MemorySaver().serde;
  readonly #pieces = new Pieces();

  async dumpsTyped(value: unknown): Promise<[string, Uint8Array]> {
    return this.dumps(value) ?? (await this.#stock.dumpsTyped(value));
  }

  async loadsTyped(type: string, data: Uint8Array | string): Promise<unknown> {
    return this.loads(type, typeof data === "string" ? Buffer.from(data) : asBuffer(data));
  }

  /** The value's type and bytes, its own copy; undefined for what refers to itself, which the stock one takes apart. */
  dumps(value: unknown): [string, Buffer] | undefined {
    if (value instanceof Uint8Array) return ["bytes", Buffer.from(value)];
    try {
      return ["json", isLong(value) ? this.#pieces.list(value, write) : Buffer.from(write(value))];
    } catch {
      return undefined;
    }
  }

  /** The value of bytes, or a promise of it where LangChain has to load something. */
  loads(type: string, data: Buffer): unknown {
    if (type === "bytes") return new Uint8Array(data);
    if (type !== "json") throw new Error(`Unknown serialization type: ${type}`);
    const value: unknown = JSON.parse(data.toString("utf8"));
    return data.includes(mark) ? revive(value) : value;
  }
}

function isLong(value: unknown): value is unknown[] {
  return Array.isArray(value) && value.length >= fewest && typeof value[0] === "object" && value[0] !== null && !("toJSON" in value);
}

function write(value: unknown): string {
  return JSON.stringify(value, plain) ?? "null";
}

function asBuffer(data: Uint8Array): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}

/** A replacer for JSON.stringify: what JSON has no form for, as LangGraph's serializer writes it. */
function plain(_key: string, value: unknown): unknown {
  if (value === undefined) return { lc: 2, type: "undefined" };
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype ? unSent(value as Json) : special(value);
}

function special(value: object): unknown {
  if (isDeltaSnapshot(value)) return { lc: 2, type: "delta_snapshot", value: value.value };
  if (value instanceof Set || value instanceof Map) return made(value.constructor.name, [Array.from<unknown>(value)]);
  if (value instanceof RegExp) return made("RegExp", [value.source, value.flags]);
  if (value instanceof Error) return made("Error", [value.message]);
  if (value instanceof Uint8Array) return made("Uint8Array", [Array.from(value)], "from");
  return unSent(value as Json);
}

function unSent(value: Json): unknown {
  if (value["lg_name"] !== "Send") return value;
  const send: Json = { node: value["node"], args: value["args"] };
  if (value["timeout"] !== undefined) send["timeout"] = value["timeout"];
  return send;
}

function made(name: string, args: unknown[], method: string | null = null): Json {
  return { lc: 2, type: "constructor", id: [name], method, args, kwargs: {} };
}

/** Makes of parsed JSON what was written, in place. A promise where LangChain has to load something in it. */
export function revive(value: unknown): unknown {
  if (value === null || typeof value !== "object") return value;
  const record = value as Json;
  let waiting: Promise<void>[] | undefined;
  for (const key in record) {
    const old = record[key];
    if (old === null || typeof old !== "object") continue;
    const now = revive(old);
    if (now instanceof Promise) (waiting ??= []).push(now.then((loaded) => assign(record, key, loaded)));
    else if (now !== old) assign(record, key, now);
  }
  return waiting === undefined ? revived(record) : Promise.all(waiting).then(() => revived(record));
}

function assign(record: Json, key: string, value: unknown): void {
  if (key !== "__proto__") record[key] = value;
  else Object.defineProperty(record, key, { value, writable: true, enumerable: true, configurable: true });
}

/** What a record stands for whose members are revived: itself, unless it is one of the marked forms. */
function revived(record: Json): unknown {
  if (record["lc"] === 1 && record["type"] === "constructor" && Array.isArray(record["id"])) {
    return loaded(record);
  }
  if (record["lc"] !== 2) return record;
  if (record["type"] === "undefined") return undefined;
  if (record["type"] === "delta_snapshot" && Object.hasOwn(record, "value")) return new DeltaSnapshot(record["value"]);
  return record["type"] === "constructor" ? (constructed(record) ?? record) : record;
}

/** Only what the serializer writes is made again; any other constructor stays the data that it is. */
function constructed(record: Json): unknown {
  const { id, args, method } = record;
  if (!Array.isArray(id) || id.length !== 1 || !Array.isArray(args)) return undefined;
  const [first, second] = args as unknown[];
  if (id[0] === "Uint8Array" && (method == null || method === "from")) return byteArray(args);
  if (method != null) return undefined;
  if (id[0] === "RegExp") return regExp(args);
  if (args.length !== 1) return undefined;
  if (id[0] === "Error") return typeof first === "string" && second === undefined ? new Error(first) : undefined;
  if (!Array.isArray(first)) return undefined;
  if (id[0] === "Set") return new Set(first);
  return id[0] === "Map" && first.every(isPair) ? new Map(first as [unknown, unknown][]) : undefined;
}

function isPair(entry: unknown): boolean {
  return Array.isArray(entry) && entry.length === 2;
}

function byteArray(args: unknown[]): Uint8Array | undefined {
  const [bytes] = args;
  const fits = args.length === 1 && Array.isArray(bytes) && bytes.every((b) => Number.isInteger(b) && b >= 0 && b <= 255);
  return fits ? new Uint8Array(bytes as number[]) : undefined;
}

function regExp(args: unknown[]): RegExp | undefined {
  const [source, flags] = args;
  if (args.length !== 2 || typeof source !== "string" || typeof flags !== "string") return undefined;
  try {
    return new RegExp(source, flags);
  } catch {
    return undefined;
  }
}
