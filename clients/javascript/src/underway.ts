/** Bytes of values up to which the puts of a thread may be ahead of its server, and what each of them counts at least. */
const most = 8 << 20;
const least = 1 << 20;

/**
 * The puts and writes of a saver that are under way, by the checkpoint that they make or stand on.
 *
 * LangGraph puts one checkpoint after the other, and goes on with the next step meanwhile. What a task of that step writes
 * stands on the checkpoint, and vouches for its put: it is not done before the put, and fails where that does. So who waits
 * for the put may go on, and the next checkpoint goes out together with what waits already. A put that nothing vouches for
 * is waited for until it is stored.
 */
export class UnderWay {
  readonly #places = new Map<string, Place>();
  readonly #threads = new Map<string, Ahead>();

  /** Waits for a put: until it is stored, or vouched for. `bytes` are those of its values; nobody vouches for too many. */
  put(place: string, thread: string, bytes: number, stored: Promise<void>): Promise<void> {
    const at = this.#at(place);
    const end = stored.finally(() => this.#end(place, put));
    const put = new PutUnderWay(thread, Math.max(bytes, least), end);
    at.put = put;
    if (at.writes > 0) this.#vouch(put);
    return Promise.race([put.stored, put.vouched]);
  }

  /** Waits for writes on a checkpoint: until they are stored, and the put that they vouch for. */
  async writes(place: string, stored: Promise<void>): Promise<void> {
    const at = this.#at(place);
    at.writes++;
    if (at.put !== undefined) this.#vouch(at.put);
    try {
      await stored;
      if (at.put?.isVouchedFor) await at.put.stored;
    } finally {
      at.writes--;
      this.#clear(place);
    }
  }

  /** Whether the put of a checkpoint that is under way is vouched for. */
  isVouchedFor(place: string): boolean {
    return this.#places.get(place)?.put?.isVouchedFor === true;
  }

  /** Resolves once what was vouched for by now, in a thread or in all, has come to its end. */
  async settled(thread?: string): Promise<void> {
    const threads = thread === undefined ? [...this.#threads.values()] : [this.#threads.get(thread)];
    const open = threads.flatMap((ahead) => [...(ahead?.puts ?? [])]);
    if (open.length > 0) await Promise.allSettled(open.map(({ stored }) => stored));
  }

  /** Lets who waits for a put go on, as soon as the thread is not too far ahead. */
  #vouch(put: PutUnderWay): void {
    if (!put.isOpen || put.isVouchedFor) return;
    let ahead = this.#threads.get(put.thread);
    if (ahead === undefined) this.#threads.set(put.thread, (ahead = { bytes: 0, puts: new Set(), held: new Set() }));
    if (ahead.bytes + put.bytes > most) {
      ahead.held.add(put);
      return;
    }
    ahead.held.delete(put);
    ahead.puts.add(put);
    ahead.bytes += put.bytes;
    put.vouch();
  }

  #end(place: string, put: PutUnderWay): void {
    put.isOpen = false;
    this.#clear(place);
    const ahead = this.#threads.get(put.thread);
    if (ahead === undefined) return;
    if (ahead.puts.delete(put)) ahead.bytes -= put.bytes;
    ahead.held.delete(put);
    for (const held of ahead.held) this.#vouch(held);
    if (ahead.puts.size === 0 && ahead.held.size === 0) this.#threads.delete(put.thread);
  }

  #at(place: string): Place {
    let at = this.#places.get(place);
    if (at === undefined) this.#places.set(place, (at = { put: undefined, writes: 0 }));
    return at;
  }

  #clear(place: string): void {
    const at = this.#places.get(place);
    if (at !== undefined && at.writes === 0 && !at.put?.isOpen) this.#places.delete(place);
  }
}

/** What is under way at a checkpoint. */
interface Place {
  /** Its last put. */
  put: PutUnderWay | undefined;
  /** How many writes. */
  writes: number;
}

/** How far a thread is ahead of its server. */
interface Ahead {
  bytes: number;
  /** Puts that are vouched for. */
  puts: Set<PutUnderWay>;
  /** Puts that would be, were the thread not so far ahead. */
  held: Set<PutUnderWay>;
}

class PutUnderWay {
  readonly thread: string;
  readonly bytes: number;
  /** What becomes of it. */
  readonly stored: Promise<void>;
  isOpen = true;
  isVouchedFor = false;
  /** Resolves once it is vouched for. */
  readonly vouched: Promise<void>;
  #resolve!: () => void;

  constructor(thread: string, bytes: number, stored: Promise<void>) {
    this.thread = thread;
    this.bytes = bytes;
    this.stored = stored;
    this.vouched = new Promise((resolve) => (this.#resolve = resolve));
  }

  vouch(): void {
    this.isVouchedFor = true;
    this.#resolve();
  }
}
