/**
 * The JSON of lists item by item. A thread's messages are serialized anew with every step though all but the last are as
 * they were: an item whose members all are what they were gets the bytes that it had, and where a list begins as the last one
 * with the same first item, these are copied at once. Strings are alike at a glance when they are the same, so that this
 * costs what an item has members, not what it has bytes.
 */
export class Pieces {
  readonly #pieces = new WeakMap<object, Piece>();
  /** The last list that began with an item. */
  readonly #lists = new WeakMap<object, List>();

  /** The JSON of a list whose first item is an object, with `write` for what is new in it. */
  list(items: readonly unknown[], write: (item: unknown) => string): Buffer {
    const first = items[0] as object;
    const known = this.#lists.get(first);
    const pieces = known === undefined ? [] : unchanged(known, items);
    const begin = known === undefined ? none : known.bytes.subarray(0, sizeOf(known, pieces.length));
    const fresh: Buffer[] = [];
    for (let i = pieces.length; i < items.length; i++) {
      const piece = this.#piece(items[i], write);
      pieces.push(piece);
      fresh.push(piece.bytes);
    }
    const bytes = Buffer.concat([begin, ...fresh, end]);
    bytes[0] = bracket;
    this.#lists.set(first, { pieces, bytes });
    return bytes;
  }

  #piece(item: unknown, write: (item: unknown) => string): Piece {
    if (typeof item !== "object" || item === null) return { item, trace: undefined, bytes: Buffer.from(`,${write(item)}`) };
    const known = this.#pieces.get(item);
    if (known !== undefined && isAsItWas(known)) return known;
    const bytes = Buffer.from(`,${write(item)}`);
    const trace: unknown[] = [];
    const piece = { item, trace: record(item, trace, 0) ? trace : undefined, bytes };
    this.#pieces.set(item, piece);
    return piece;
  }
}

/** An item's bytes, after a comma, and all that they were made of, in the order of its members, if that can be told. */
interface Piece {
  item: unknown;
  trace: unknown[] | undefined;
  bytes: Buffer;
}

/** A list as it was serialized. */
interface List {
  pieces: Piece[];
  bytes: Buffer;
}

/** The pieces that a list still begins with. */
function unchanged({ pieces }: List, items: readonly unknown[]): Piece[] {
  const most = Math.min(pieces.length, items.length);
  let count = 0;
  while (count < most && pieces[count]!.item === items[count] && isAsItWas(pieces[count]!)) count++;
  return pieces.slice(0, count);
}

/** Whether an item would be serialized to the bytes that its piece has. */
function isAsItWas({ item, trace }: Piece): boolean {
  return trace !== undefined && alike(item as object, trace, 0) >= 0;
}

/** How many bytes the first pieces of a list take. */
function sizeOf({ pieces, bytes }: List, count: number): number {
  if (count === pieces.length) return bytes.length - end.length;
  return pieces.slice(0, count).reduce((sum, piece) => sum + piece.bytes.length, 0);
}

const none = Buffer.alloc(0);
const bracket = "[".charCodeAt(0);
const end = Buffer.from("]");
const deepest = 40;
/** Stands in a trace where an object's members end. */
const noMore = Symbol("no more");

/** Writes down what a value is made of. False for what may change without its members changing. */
function record(value: unknown, trace: unknown[], depth: number): boolean {
  if (typeof value !== "object" || value === null) {
    trace.push(value);
    return typeof value !== "function";
  }
  if (depth > deepest || !isOpen(value)) return false;
  trace.push(Object.getPrototypeOf(value));
  if (Array.isArray(value)) {
    trace.push(value.length);
    return !("toJSON" in value) && value.every((item) => record(item, trace, depth + 1));
  }
  for (const key in value) {
    trace.push(key);
    if (!record((value as Record<string, unknown>)[key], trace, depth + 1)) return false;
  }
  trace.push(noMore);
  return true;
}

/** Whether an object's members are all that it is: arrays, plain objects, and LangChain's messages. */
function isOpen(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === Array.prototype) return true;
  const { lc_serializable: serializable, getType } = value as { lc_serializable?: unknown; getType?: unknown };
  return serializable === true && typeof getType === "function";
}

/**
 * Holds an object to what was written down of it, from a place in it on. The place behind it, or -1 where it is another. This
 * runs for each message of a thread at each step: it makes no list of members, and looks at their values where it finds them.
 */
function alike(value: object, trace: readonly unknown[], at: number): number {
  if (trace[at++] !== Object.getPrototypeOf(value)) return -1;
  if (Array.isArray(value)) return alikeItems(value, trace, at);
  for (const key in value) {
    if (trace[at++] !== key) return -1;
    const member = (value as Record<string, unknown>)[key];
    if (typeof member === "object" && member !== null) {
      at = alike(member, trace, at);
      if (at < 0) return -1;
    } else if (!Object.is(trace[at++], member)) {
      return -1;
    }
  }
  return trace[at] === noMore ? at + 1 : -1;
}

function alikeItems(items: unknown[], trace: readonly unknown[], at: number): number {
  if (trace[at++] !== items.length || (items as { toJSON?: unknown }).toJSON !== undefined) return -1;
  for (let i = 0; i < items.length; i++) {
    const item = items[i];
    if (typeof item === "object" && item !== null) {
      at = alike(item, trace, at);
      if (at < 0) return -1;
    } else if (!Object.is(trace[at++], item)) {
      return -1;
    }
  }
  return at;
}
