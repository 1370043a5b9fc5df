import { DuologSaver } from "@duolog/langgraph-checkpoint";
import { inject } from "vitest";

/**
 * Tenants of the server for the tests of one file: some of the whole, each used in turn. A saver that is released leaves
 * its tenant empty for the next.
 */
export class Tenants {
  #tokens;
  #next = 0;
  #open = new Map();

  /** Those from `begin` to before `end`, of those that `kind` names. */
  constructor(begin, end, kind = "tokens") {
    this.#tokens = inject(kind).slice(begin, end);
    if (this.#tokens.length === 0) throw new Error(`DUOLOG_${kind.toUpperCase()} has too few tokens`);
  }

  token() {
    return this.#tokens[this.#next++ % this.#tokens.length];
  }

  /** A saver of the tenant that a token is of, by default the next. */
  saver(token = this.token(), options = {}, Class = DuologSaver) {
    const saver = new Class(inject("url"), { token, ...options });
    this.#open.set(saver, token);
    return saver;
  }

  async release(saver) {
    if (!this.#open.delete(saver)) return;
    const threads = new Set();
    for await (const { config } of saver.list({})) threads.add(config.configurable.thread_id);
    await Promise.all([...threads].map((thread) => saver.deleteThread(thread)));
    await saver.end();
  }

  releaseAll() {
    return Promise.all([...this.#open.keys()].map((saver) => this.release(saver)));
  }
}
