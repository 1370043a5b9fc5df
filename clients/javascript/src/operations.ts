import { randomUUID } from "node:crypto";
import { type Change, changedSha256, type Known, sha256 } from "./change.js";
import type { Tail } from "./values.js";

/** One write of a thread, in the form in which it can be sent, and sent again. */
export interface Operation {
  /** The same for every attempt: the server does once what bears it. */
  key: string;
  /** Bytes that it adds to a request, about. */
  readonly size: number;
  /** Its JSON; its values go to the tail. */
  encode(tail: Tail): string;
  /** Makes it another operation that sends whole what it sent as changes. False where it sent none. */
  sendWhole(): boolean;
  /** Why it must not be sent, as far as is known by now; undefined where nothing is. */
  refusal(): unknown;
  /** Called once it is refused for good, or its outcome is unknown. */
  failed(error: unknown): void;
}

/** What a saver knows of an operation while that is under way. */
export type Fate = Pick<Operation, "refusal" | "failed">;

/** A channel's value with what of it is sent. */
export interface Sent {
  channel: string;
  known: Known;
  change?: Change | undefined;
}

export interface PutFields {
  ns: string;
  id: string;
  parent: string | null;
  /** JSON of the checkpoint without its values. */
  header: string;
  /** JSON of the metadata. */
  metadata: string;
  values: Sent[];
}

/** A checkpoint. */
export class Put implements Operation {
  key = randomUUID() as string;
  readonly size: number;
  /** Bytes of its values, sent or not. */
  readonly held: number;
  readonly refusal: () => unknown;
  readonly failed: (error: unknown) => void;
  readonly #fields: PutFields;

  constructor(fields: PutFields, { refusal, failed }: Fate) {
    this.#fields = fields;
    this.refusal = refusal;
    this.failed = failed;
    this.held = fields.values.reduce((sum, { known }) => sum + known.bytes.length, 0);
    this.size = fields.values.reduce((sum, sent) => sum + sentSize(sent), fields.header.length + fields.metadata.length);
  }

  encode(tail: Tail): string {
    const { ns, id, parent, header, metadata, values } = this.#fields;
    const sent = values.map((value) => `{"channel":${JSON.stringify(value.channel)},"value":${encodeSent(value, tail)}}`);
    const where = `"checkpoint_ns":${JSON.stringify(ns)},"checkpoint_id":${JSON.stringify(id)}`;
    const put = `{${where},"parent_checkpoint_id":${JSON.stringify(parent)},"checkpoint":${header},"metadata":${metadata},"values":[${sent.join(",")}]}`;
    return `{"key":"${this.key}","put":${put}}`;
  }

  sendWhole(): boolean {
    const changed = this.#fields.values.filter((value) => value.change !== undefined);
    for (const value of changed) value.change = undefined;
    this.key = randomUUID();
    return changed.length > 0;
  }
}

function sentSize({ known, change }: Sent): number {
  return change === undefined ? known.bytes.length : known.bytes.length - change.prefix - change.suffix;
}

function encodeSent({ known, change }: Sent, tail: Tail): string {
  const type = JSON.stringify(known.type);
  if (change === undefined) return `{"type":${type},${tail.add(known.bytes)}}`;
  const { base, prefix, suffix } = change;
  const parts: string[] = [];
  if (prefix > 0) parts.push(`{"copy":[0,${prefix}]}`);
  const own = known.bytes.subarray(prefix, known.bytes.length - suffix);
  if (own.length > 0) parts.push(`{${tail.add(own)}}`);
  if (suffix > 0) parts.push(`{"copy":[${base.bytes.length - suffix},${suffix}]}`);
  const stands = `{"checkpoint_id":${JSON.stringify(base.checkpointId)},"sha256":"${sha256(base)}"}`;
  return `{"type":${type},"sha256":"${changedSha256(known, change)}","base":${stands},"parts":[${parts.join(",")}]}`;
}

export interface TaskWriteFields {
  idx: number;
  channel: string;
  type: string;
  bytes: Buffer;
}

export interface WritesFields {
  ns: string;
  id: string;
  taskId: string;
  writes: TaskWriteFields[];
}

/** What one task wrote at a checkpoint. */
export class Writes implements Operation {
  readonly key = randomUUID() as string;
  readonly size: number;
  readonly refusal: () => unknown;
  readonly #fields: WritesFields;

  constructor(fields: WritesFields, refusal: () => unknown) {
    this.#fields = fields;
    this.refusal = refusal;
    this.size = fields.writes.reduce((sum, write) => sum + write.bytes.length, 0);
  }

  encode(tail: Tail): string {
    const { ns, id, taskId, writes } = this.#fields;
    const all = writes.map(
      ({ idx, channel, type, bytes }) =>
        `{"idx":${idx},"channel":${JSON.stringify(channel)},"value":{"type":${JSON.stringify(type)},${tail.add(bytes)}}}`,
    );
    const where = `"checkpoint_ns":${JSON.stringify(ns)},"checkpoint_id":${JSON.stringify(id)}`;
    const task = `"task_id":${JSON.stringify(taskId)},"task_path":""`;
    return `{"key":"${this.key}","writes":{${where},${task},"writes":[${all.join(",")}]}}`;
  }

  sendWhole(): boolean {
    return false;
  }

  failed(): void {
    // A write leaves nothing behind in the saver.
  }
}
