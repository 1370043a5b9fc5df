import { randomUUID } from "node:crypto";
import type { RunnableConfig } from "@langchain/core/runnables";
import {
  BaseCheckpointSaver,
  type ChannelVersions,
  type Checkpoint,
  type CheckpointListOptions,
  type CheckpointMetadata,
  type CheckpointTuple,
  type PendingWrite,
  type SerializerProtocol,
} from "@langchain/langgraph-checkpoint";
import { type Dumped, dumpAll, dumpMetadata, headerOf, indexOf } from "./dumping.js";
import { ThreadDeletedError } from "./errors.js";
import { key, Memory } from "./memory.js";
import { Put, Writes } from "./operations.js";
import { type DeltaHistory, Reader } from "./reader.js";
import { Serializer } from "./serializer.js";
import { checkpointId, namespace, needed, threadOf } from "./target.js";
import { Transport } from "./transport.js";
import { UnderWay } from "./underway.js";
import { nextVersion } from "./version.js";
import { Writer } from "./writer.js";

/** Bytes of a put above which nothing vouches for it: a server refuses some of them, where all small ones are stored. */
const mostVouchedFor = 64 << 10;

/** How a saver reaches its server and what it does when that is away. Everything but the token has a default. */
export interface DuologSaverOptions {
  /** A token of the tenant, or what returns one: it is asked before each request. */
  token: string | (() => string | Promise<string>);
  /** How values become bytes. Default: as LangGraph's own, whose bytes it reads and writes. */
  serde?: SerializerProtocol;
  /** The name under which this process writes, for tenants that fence writers. Default: a random one. */
  writer?: string;
  /** Milliseconds for which a request is tried again while the server is away or busy. Default 60,000. */
  retryFor?: number;
  /** Milliseconds without a byte after which a request counts as lost and is sent again. Default 30,000. */
  timeout?: number;
  /** Headers for every request, as a proxy may want them. */
  headers?: Record<string, string>;
  /** Whether answers come compressed: for slow networks. Default false. */
  gzip?: boolean;
  /** Connections at most. Default 64. */
  connections?: number;
  /** Bytes of values kept to send only what changed of them; 0 sends all values whole. Default 64 MiB. */
  memory?: number;
}

/** What prune leaves of a thread. */
export type PruneStrategy = "keep_latest" | "delete";

/** What becomes of a thread after a time without writes. */
export interface Retention {
  /** Seconds after the last write; 0 keeps the thread for good, null leaves it to the tenant. */
  ttlSeconds: number | null;
  strategy?: PruneStrategy;
}

/**
 * Keeps the checkpoints of LangGraph threads in Duolog.
 *
 * Methods throw DuologError: see its subclasses for what can be refused. A write resolves once it is durable and every
 * reader sees it; a put also once writes that stand on it are under way, which then resolve or fail for both. Writes of one
 * thread that are under way together travel together, in order.
 */
export class DuologSaver extends BaseCheckpointSaver {
  readonly #transport: Transport;
  readonly #reader: Reader;
  readonly #writer: Writer;
  readonly #memory: Memory;
  readonly #underWay = new UnderWay();

  constructor(baseUrl: string, options: DuologSaverOptions) {
    super(options.serde ?? new Serializer());
    const { token, headers = {}, gzip = false, retryFor = 60_000, timeout = 30_000, connections = 64 } = options;
    if (!token) throw new TypeError("token: a DuologSaver needs a token of the tenant whose threads it keeps");
    this.#transport = new Transport({ baseUrl, token, headers, gzip, retryFor, timeout, connections });
    this.#writer = new Writer(this.#transport, options.writer ?? randomUUID());
    this.#memory = new Memory(options.memory ?? 64 << 20);
    this.#reader = new Reader(this.#transport, this.serde);
  }

  /** A saver for the server at a base URL, such as https://duolog.example.com. */
  static fromUrl(baseUrl: string, options: DuologSaverOptions): DuologSaver {
    return new DuologSaver(baseUrl, options);
  }

  /** The checkpoint that the config names, else the newest of its thread and namespace; undefined where there is none. */
  override async getTuple(config: RunnableConfig): Promise<CheckpointTuple | undefined> {
    if (config.configurable?.["thread_id"] == null) return undefined;
    const thread = threadOf(config, "get a checkpoint");
    const ns = namespace(config) ?? "";
    await this.#underWay.settled(thread);
    const { tuple, incarnation, values } = await this.#reader.get(thread, ns, checkpointId(config));
    // Where there is nothing, a run begins the thread anew, whichever life of it was seen before.
    this.#writer.seen(thread, tuple === undefined && ns === "" ? undefined : incarnation);
    for (const [channel, known] of values) this.#memory.remember(thread, ns, channel, known);
    if (tuple !== undefined) {
      this.#memory.descends(thread, ns, tuple.checkpoint.id, checkpointId(tuple.parentConfig) ?? null);
      this.#memory.found(thread, ns, tuple.checkpoint.id);
    }
    return tuple;
  }

  /** Checkpoints, newest first. Without a thread: those of all threads that the token may see. */
  override async *list(config: RunnableConfig, options?: CheckpointListOptions): AsyncGenerator<CheckpointTuple> {
    await this.#underWay.settled();
    yield* this.#reader.list(config, options);
  }

  override async put(
    config: RunnableConfig,
    checkpoint: Checkpoint,
    metadata: CheckpointMetadata,
    newVersions: ChannelVersions,
  ): Promise<RunnableConfig> {
    const thread = threadOf(config, "put a checkpoint");
    const ns = namespace(config) ?? "";
    const { id } = checkpoint;
    const stated = checkpointId(config) ?? null;
    this.#refuseLost(thread, ns, stated);
    const channels = Object.keys(newVersions).filter((channel) => Object.hasOwn(checkpoint.channel_values, channel));
    const texts = { ...headerOf(checkpoint), ...dumpMetadata(metadata) };
    const dumped = dumpAll(this.serde, channels.map((channel) => checkpoint.channel_values[channel]));
    const parent = stated === id ? this.#parentOf(thread, ns, id) : stated;
    const place = key(thread, ns, id);
    const operation = (values: Dumped[], parent: string | null) => {
      const sent = values.map(([type, bytes], i) => this.#memory.sent(thread, ns, channels[i]!, { checkpointId: id, type, bytes }));
      this.#memory.descends(thread, ns, id, parent);
      return new Put({ ns, id, parent, ...texts, values: sent }, {
        refusal: () => this.#memory.lost(thread, ns, parent),
        failed: (error) => {
          this.#memory.forget(thread, ns, sent);
          if (error instanceof ThreadDeletedError || this.#underWay.isVouchedFor(place)) this.#memory.lose(thread, ns, id, error);
        },
      });
    };
    const both = dumped instanceof Promise || parent instanceof Promise ? Promise.all([dumped, parent]) : undefined;
    const ready = both?.then((both) => operation(...both)) ?? operation(dumped as Dumped[], parent as string | null);
    const bytes = ready instanceof Promise || ready.size > mostVouchedFor ? Infinity : ready.held;
    await this.#underWay.put(place, thread, bytes, this.#writer.write(thread, ready));
    return { configurable: { thread_id: config.configurable?.["thread_id"] as string, checkpoint_ns: ns, checkpoint_id: id } };
  }

  override async putWrites(config: RunnableConfig, writes: PendingWrite[], taskId: string): Promise<void> {
    const thread = threadOf(config, "put writes");
    const id = needed(checkpointId(config), "checkpoint_id", "put writes");
    const ns = namespace(config) ?? "";
    this.#refuseLost(thread, ns, id);
    const dumped = dumpAll(this.serde, writes.map(([, value]) => value));
    const operation = (values: Dumped[]) => {
      const all = values.map(([type, bytes], i) => ({ idx: indexOf(writes[i]![0], i), channel: writes[i]![0], type, bytes }));
      return new Writes({ ns, id, taskId, writes: all }, () => this.#memory.lost(thread, ns, id));
    };
    const ready = dumped instanceof Promise ? dumped.then(operation) : operation(dumped);
    await this.#underWay.writes(key(thread, ns, id), this.#writer.write(thread, ready));
  }

  /** Deletes a thread. Writes of runs that began before are refused from then on; a new run begins the thread anew. */
  override async deleteThread(threadId: string): Promise<void> {
    const thread = String(needed(threadId, "thread_id", "delete a thread"));
    await this.#writer.alone(thread, () => this.#transport.ask("delete", { thread_id: thread }, randomUUID()));
    this.#writer.seen(thread, undefined);
  }

  /** Deletes the checkpoints of runs, by metadata.run_id, in all threads. Returns how many the answered request removed. */
  async deleteForRuns(runIds: readonly string[]): Promise<number> {
    if (runIds.length === 0) return 0;
    await this.#underWay.settled();
    const { json } = await this.#transport.ask<{ removed: number }>("delete_runs", { run_ids: runIds }, randomUUID());
    return json.removed;
  }

  /** Copies all of a thread to one that has no checkpoints. Returns how many checkpoints that were. */
  async copyThread(source: string, target: string): Promise<number> {
    const ask = () => this.#transport.ask<{ checkpoints: number }>("copy", { source, target }, randomUUID());
    const { json } = await this.#writer.alone(source, ask);
    return json.checkpoints;
  }

  /** Keeps of each namespace of the threads only the newest checkpoint and what it stands on, or nothing. */
  async prune(threadIds: readonly string[], strategy: PruneStrategy = "keep_latest"): Promise<number> {
    if (threadIds.length === 0) return 0;
    await this.#underWay.settled();
    const { json } = await this.#transport.ask<{ removed: number }>("prune", { thread_ids: threadIds, strategy }, randomUUID());
    if (strategy === "delete") for (const thread of threadIds) this.#writer.seen(thread, undefined);
    return json.removed;
  }

  /** Says how long a thread is kept, in place of what its tenant says. */
  async setRetention(threadId: string, { ttlSeconds, strategy = "delete" }: Retention): Promise<void> {
    await this.#transport.ask("retention", { thread_id: threadId, ttl_seconds: ttlSeconds, strategy }, randomUUID());
  }

  override async getDeltaChannelHistory(options: { config: RunnableConfig; channels: string[] }): Promise<Record<string, DeltaHistory>> {
    await this.#underWay.settled();
    return this.#reader.history(options.config, options.channels);
  }

  /** LangGraph takes versions as they come: here a text, so that no two branches give one version to two values. */
  override getNextVersion(current: number | undefined): number {
    return nextVersion(current) as number;
  }

  /** Waits for the writes that are under way and closes the connections. */
  async end(): Promise<void> {
    await this.#writer.idle();
    this.#transport.close();
  }

  /** The parent of a checkpoint that LangGraph puts again as its own parent, as it does with durability "exit". */
  #parentOf(thread: string, ns: string, id: string): string | null | Promise<string | null> {
    const known = this.#memory.parent(thread, ns, id);
    if (known !== undefined) return known;
    return this.#reader.get(thread, ns, id).then(({ tuple }) => checkpointId(tuple?.parentConfig) ?? null);
  }

  /** Refuses what stands on a checkpoint that was not stored. */
  #refuseLost(thread: string, ns: string, id: string | null): void {
    const refusal = this.#memory.lost(thread, ns, id);
    if (refusal !== undefined) throw refusal;
  }
}
