import { changeFrom, type Known, smallest } from "./change.js";
import { Lru } from "./lru.js";
import type { Sent } from "./operations.js";

/** Checkpoints that are remembered at most. */
const checkpoints = 10_000;

/** What a saver remembers of what its server has: never needed, and never trusted by the server. */
export class Memory {
  readonly #values: Lru<Known>;
  /** The parents of checkpoints; null where they have none. */
  readonly #parents = new Lru<string | null>(checkpoints);
  /** Checkpoints that were refused because their thread was deleted. */
  readonly #lost = new Lru<true>(checkpoints);

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

  lose(thread: string, ns: string, id: string): void {
    this.#lost.set(key(thread, ns, id), true);
  }

  isLost(thread: string, ns: string, id: string): boolean {
    return this.#lost.get(key(thread, ns, id)) === true;
  }
}

function key(...parts: string[]): string {
  return JSON.stringify(parts);
}
