import { type Checkpoint, type CheckpointMetadata, type SerializerProtocol, WRITES_IDX_MAP } from "@langchain/langgraph-checkpoint";
import { Serializer } from "./serializer.js";

/** A value's type and bytes. */
export type Dumped = [string, Buffer];

const stock = new Serializer();

/** The values' bytes: at once where the serializer can, so that what is changed afterwards is not in them. */
export function dumpAll(serde: SerializerProtocol, values: unknown[]): Dumped[] | Promise<Dumped[]> {
  if (serde instanceof Serializer) {
    const dumped = values.map((value) => serde.dumps(value));
    if (dumped.every((value) => value !== undefined)) return dumped;
  }
  return Promise.all(values.map(async (value) => copied(await serde.dumpsTyped(value))));
}

function copied([type, bytes]: [string, Uint8Array]): Dumped {
  return [type, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)];
}

/** JSON of a checkpoint without its values. */
export function headerOf(checkpoint: Checkpoint): { header: string } {
  const { channel_values: _, ...header } = checkpoint;
  return { header: JSON.stringify(header) };
}

/** JSON of metadata. NUL characters go: no database keeps them in JSON. */
export function dumpMetadata(metadata: CheckpointMetadata): { metadata: string } {
  const [, bytes] = stock.dumps(metadata) ?? ["json", Buffer.from("{}")];
  const text = bytes.toString();
  return { metadata: text.includes("\\u0000") ? JSON.stringify(JSON.parse(text, withoutNul)) : text };
}

function withoutNul(_key: string, value: unknown): unknown {
  return typeof value === "string" ? value.replaceAll("\0", "") : value;
}

/** Where a write stands among those of its task: special channels have places of their own. */
export function indexOf(channel: string, position: number): number {
  return Object.hasOwn(WRITES_IDX_MAP, channel) ? WRITES_IDX_MAP[channel]! : position;
}
