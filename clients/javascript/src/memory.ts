import { changeFrom, type Known, smallest } from "./change.js";
import { DuologError, refused } from "./errors.js";
import { Lru } from "./lru.js";
import type { Sent } from "./operations.js";

/** Checkpoints that are remembered at most. */
const checkpoints = 10_000;

/** What a saver remembers of what its server has: never needed, and never trusted by the server. */
export class Memory {
  readonly #values: Lru<Known>;
  /** The parents of checkpoints; null where they have none. */
  readonly #parents = new Lru<string | null>(checkpoints);
  /** Checkpoints that nothing may stand on, and why they were not stored. */
  readonly #lost = new Lru<unknown>(checkpoints);

  /** Remembers values of so many bytes. */
  constructor(bytes: number) {
    this.#values = new Lru(bytes);
  }

  /** The value as it is sent: its change where the server is known to have one before it. */
  sent(thread: string, ns: string, channel: string, known: Known): Sent {
    const change = changeFrom(this.#values.get(key(thread, ns, channel)), known.type, known.bytes);
    this.remember(thread, ns, channel, known);
    return { channel, known, change };
  }

  remember(thread: string, ns: string, channel: string, known: Known): void {
    const place = key(thread, ns, channel);
    if (known.bytes.length < smallest) this.#values.delete(place);
    else this.#values.set(place, known, known.bytes.length);
  }

  /** Forgets what a refused put would have left on the server. */
  forget(thread: string, ns: string, sent: Sent[]): void {
    for (const { channel, known } of sent) {
      const place = key(thread, ns, channel);
      if (this.#values.get(place) === known) this.#values.delete(place);
    }
  }

  parent(thread: string, ns: string, id: string): string | null | undefined {
    return this.#parents.get(key(thread, ns, id));
  }

  descends(thread: string, ns: string, id: string, parent: string | null): void {
    this.#parents.set(key(thread, ns, id), parent);
  }

  /** A checkpoint was not stored, and what stands on it must not be. */
  lose(thread: string, ns: string, id: string, why: unknown): void {
    this.#lost.set(key(thread, ns, id), why);
  }

  /** A checkpoint that is there after all. */
  found(thread: string, ns: string, id: string): void {
    this.#lost.delete(key(thread, ns, id));
  }

  /** Why nothing may stand on a checkpoint; undefined where something may. */
  lost(thread: string, ns: string, id: string | null): unknown {
    const why = id === null ? undefined : this.#lost.get(key(thread, ns, id));
    if (!(why instanceof DuologError)) return why;
    const message = `checkpoint ${id}, on which this stands, was not stored: ${why.message}`;
    return refused({ code: why.code, message, fix: "read the thread again and begin from what is there" }, 0, { cause: why });
  }
}

/** One text for what several name. */
export function key(...parts: string[]): string {
  return JSON.stringify(parts);
}
