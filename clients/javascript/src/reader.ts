import type { RunnableConfig } from "@langchain/core/runnables";
import {
  type Checkpoint,
  type CheckpointListOptions,
  type CheckpointMetadata,
  type CheckpointPendingWrite,
  type CheckpointTuple,
  maxChannelVersion,
  type SerializerProtocol,
  TASKS,
} from "@langchain/langgraph-checkpoint";
import { type Known, smallest } from "./change.js";
import { revive, Serializer } from "./serializer.js";
import { checkpointId, namespace, threadOf } from "./target.js";
import type { Transport } from "./transport.js";
import { bytesOf } from "./values.js";
import { nextVersion } from "./version.js";
import type { Document, GetAnswer, HistoryAnswer, ListAnswer, Tuple, Value } from "./wire.js";

/** Checkpoints of the first request of a list, which many need no more than, and of those after it. */
const firstPage = 20;
const nextPage = 100;

/** What one channel got from the ancestors of a checkpoint. */
export interface DeltaHistory {
  writes: CheckpointPendingWrite[];
  seed?: unknown;
}

/** What was read of a thread, and the bytes of its larger values as the server has them. */
export interface Read {
  tuple: CheckpointTuple | undefined;
  incarnation: number | undefined;
  values: [string, Known][];
}

/** Asks for checkpoints and makes LangGraph's objects of them. */
export class Reader {
  readonly #transport: Transport;
  readonly #serde: SerializerProtocol;

  constructor(transport: Transport, serde: SerializerProtocol) {
    this.#transport = transport;
    this.#serde = serde;
  }

  async get(thread: string, ns: string, id: string | undefined): Promise<Read> {
    const question = { thread_id: thread, checkpoint_ns: ns, checkpoint_id: id };
    const document = await this.#transport.ask<GetAnswer>("get", question);
    const { checkpoint, incarnation } = document.json;
    if (checkpoint === null) return { tuple: undefined, incarnation, values: [] };
    const known = (checkpoint.values ?? []).filter(({ value }) => value.size >= smallest);
    const values = known.map(({ channel, value }): [string, Known] => {
      return [channel, { checkpointId: checkpoint.checkpoint_id, type: value.type, bytes: kept(value, document.tail) }];
    });
    return { tuple: await this.#tuple(checkpoint, document), incarnation, values };
  }

  async *list(config: RunnableConfig | undefined, options: CheckpointListOptions = {}): AsyncGenerator<CheckpointTuple> {
    const { filter, before } = options;
    const thread = config?.configurable?.["thread_id"] as unknown;
    const question = {
      thread_id: thread == null ? undefined : String(thread),
      checkpoint_ns: namespace(config),
      checkpoint_id: checkpointId(config),
      before: checkpointId(before),
      filter,
    };
    let left = options.limit ?? Infinity;
    let page = firstPage;
    for (let cursor: string | undefined; left > 0; page = nextPage) {
      const document = await this.#transport.ask<ListAnswer>("list", { ...question, limit: Math.min(left, page), cursor });
      for (const checkpoint of document.json.checkpoints) yield await this.#tuple(checkpoint, document);
      left -= document.json.checkpoints.length;
      cursor = document.json.next ?? undefined;
      if (cursor === undefined) return;
    }
  }

  async history(config: RunnableConfig, channels: string[]): Promise<Record<string, DeltaHistory>> {
    if (channels.length === 0) return {};
    const question = {
      thread_id: threadOf(config, "get a channel's history"),
      checkpoint_ns: namespace(config) ?? "",
      checkpoint_id: checkpointId(config),
      channels,
    };
    const { json, tail } = await this.#transport.ask<HistoryAnswer>("history", question);
    const entries = channels.map(async (channel): Promise<[string, DeltaHistory]> => {
      const { writes = [], seed } = json.channels[channel] ?? {};
      const loaded = await Promise.all(writes.map((write) => this.#write(write, tail)));
      return [channel, seed === undefined ? { writes: loaded } : { writes: loaded, seed: await this.#load(seed, tail) }];
    });
    return Object.fromEntries(await Promise.all(entries));
  }

  async #tuple(stored: Tuple, { tail, marked }: Document<unknown>): Promise<CheckpointTuple> {
    const { thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id: parent } = stored;
    const [values, pendingWrites, metadata] = await Promise.all([
      this.#values(stored, tail),
      Promise.all((stored.writes ?? []).map((write) => this.#write(write, tail))),
      marked ? revive(stored.metadata) : stored.metadata,
    ]);
    const checkpoint = { ...stored.checkpoint, channel_values: values } as Checkpoint;
    checkpoint.channel_versions ??= {};
    checkpoint.versions_seen ??= {};
    await this.#addSends(checkpoint, stored, tail);
    const tuple: CheckpointTuple = {
      config: { configurable: { thread_id, checkpoint_ns, checkpoint_id } },
      checkpoint,
      metadata: metadata as CheckpointMetadata,
      pendingWrites,
    };
    if (parent !== null) tuple.parentConfig = { configurable: { thread_id, checkpoint_ns, checkpoint_id: parent } };
    return tuple;
  }

  async #values({ values = [] }: Tuple, tail: Buffer): Promise<Record<string, unknown>> {
    const loaded = await Promise.all(values.map(({ value }) => this.#load(value, tail)));
    return Object.fromEntries(values.map(({ channel }, i) => [channel, loaded[i]]));
  }

  /** Before version 4 the Sends of a checkpoint stood among its parent's writes. */
  async #addSends(checkpoint: Checkpoint, { pending_sends: sends = [] }: Tuple, tail: Buffer): Promise<void> {
    if (sends.length === 0) return;
    const ordered = sends.toSorted((a, b) => (a.task_id < b.task_id ? -1 : a.task_id > b.task_id ? 1 : a.idx - b.idx));
    checkpoint.channel_values[TASKS] = await Promise.all(ordered.map(({ value }) => this.#load(value, tail)));
    const versions = Object.values(checkpoint.channel_versions);
    checkpoint.channel_versions[TASKS] = versions.length > 0 ? maxChannelVersion(...versions) : nextVersion(undefined);
  }

  async #write(write: { task_id: string; channel: string; value: Value }, tail: Buffer): Promise<CheckpointPendingWrite> {
    return [write.task_id, write.channel, await this.#load(write.value, tail)];
  }

  /** The value, or a promise of it. */
  #load(value: Value, tail: Buffer): unknown {
    const bytes = bytesOf(value, tail);
    return this.#serde instanceof Serializer ? this.#serde.loads(value.type, bytes) : this.#serde.loadsTyped(value.type, bytes);
  }
}

/** A value's bytes to keep: a copy where they are a small part of an answer that would be kept with them. */
function kept(value: Value, tail: Buffer): Buffer {
  const bytes = bytesOf(value, tail);
  return bytes.length * 4 < tail.length ? Buffer.from(bytes) : bytes;
}
