import { DuologError } from "./errors.js";
import type { Document, Value } from "./wire.js";

const newline = 0x0a;
const mark = '"lc"';

/** Collects the tail of a request: what is added gets its place in it. */
export class Tail {
  readonly #pieces: Uint8Array[] = [];
  #size = 0;

  /** The place of the bytes, as members of a JSON object without its braces. */
  add(bytes: Uint8Array): string {
    const at = this.#size;
    this.#pieces.push(bytes);
    this.#size += bytes.length;
    return `"at":${at},"size":${bytes.length}`;
  }

  /** The body: the JSON on one line and the tail. The JSON must hold no line break, as JSON.stringify has it. */
  body(json: string): Buffer {
    return Buffer.concat([Buffer.from(`${json}\n`), ...this.#pieces]);
  }
}

/** Reads a body whose first line is JSON. Its tail shares memory with the body. */
export function parseDocument<T>(body: Buffer): Document<T> {
  const end = body.indexOf(newline);
  const line = body.toString("utf8", 0, end < 0 ? body.length : end);
  const tail = end < 0 ? body.subarray(body.length) : body.subarray(end + 1);
  return { json: JSON.parse(line) as T, tail, marked: line.includes(mark) };
}

/** The bytes of a value. */
export function bytesOf(value: Value, tail: Buffer): Buffer {
  if (value.at + value.size > tail.length) {
    throw new DuologError({ code: "incompatible_server", message: "the server's answer ends before a value that it names" });
  }
  return tail.subarray(value.at, value.at + value.size);
}
