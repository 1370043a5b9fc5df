/**
 * The JSON of lists item by item. A thread's messages are serialized anew with every step though all but the last are as
 * they were: an item whose members all are what they were gets the bytes that it had. Strings are alike at a glance when
 * they are the same, so that this costs what an item has members, not what it has bytes.
 */
export class Pieces {
  readonly #items = new WeakMap<object, Piece>();

  /** The JSON of a list that is not empty, with `write` for what is new in it. */
  list(items: readonly unknown[], write: (item: unknown) => string): Buffer {
    const parts = items.map((item) => this.#item(item, write));
    const bytes = Buffer.concat([...parts, end]);
    bytes[0] = bracket;
    return bytes;
  }

  /** The JSON of an item after a comma. */
  #item(item: unknown, write: (item: unknown) => string): Buffer {
    if (typeof item !== "object" || item === null) return Buffer.from(`,${write(item)}`);
    const known = this.#items.get(item);
    if (known !== undefined && new Comparison(known.trace).same(item)) return known.bytes;
    const bytes = Buffer.from(`,${write(item)}`);
    const trace: unknown[] = [];
    if (record(item, trace, 0)) this.#items.set(item, { trace, bytes });
    else this.#items.delete(item);
    return bytes;
  }
}

/** An item's bytes, after a comma, and all that they were made of, in the order of its members. */
interface Piece {
  trace: unknown[];
  bytes: Buffer;
}

const bracket = "[".charCodeAt(0);
const end = Buffer.from("]");
const deepest = 40;

/** Writes down what a value is made of. False for what may change without its members changing. */
function record(value: unknown, trace: unknown[], depth: number): boolean {
  if (typeof value !== "object" || value === null) {
    trace.push(value);
    return typeof value !== "function";
  }
  if (depth > deepest || !isOpen(value)) return false;
  const keys = Object.keys(value);
  trace.push(Object.getPrototypeOf(value), keys.length);
  for (const key of keys) {
    trace.push(key);
    if (!record((value as Record<string, unknown>)[key], trace, depth + 1)) return false;
  }
  return true;
}

/** Whether an object's members are all that it is: arrays, plain objects, and LangChain's messages. */
function isOpen(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === Array.prototype) return true;
  const { lc_serializable: serializable, getType } = value as { lc_serializable?: unknown; getType?: unknown };
  return serializable === true && typeof getType === "function";
}

/** Holds a value to what was written down of it. */
class Comparison {
  readonly #trace: unknown[];
  #at = 0;

  constructor(trace: unknown[]) {
    this.#trace = trace;
  }

  same(value: unknown): boolean {
    if (typeof value !== "object" || value === null) return Object.is(this.#trace[this.#at++], value);
    const keys = Object.keys(value);
    if (this.#trace[this.#at++] !== Object.getPrototypeOf(value) || this.#trace[this.#at++] !== keys.length) return false;
    for (const key of keys) {
      if (this.#trace[this.#at++] !== key || !this.same((value as Record<string, unknown>)[key])) return false;
    }
    return true;
  }
}
