import { createHash, type Hash } from "node:crypto";

/** What the server is known to have of a channel, or will have once what was sent before is acknowledged. */
export interface Known {
  checkpointId: string;
  type: string;
  bytes: Buffer;
  /** SHA-256 of bytes in hex; made when first asked for. */
  sha256?: string;
  /** The hash of all bytes but the last, to go on from with a list that grows. */
  hash?: Hash;
}

/** A value as its difference to one that the server has: the base's first bytes, bytes of its own, the base's last. */
export interface Change {
  base: Known;
  /** Bytes taken from the base's begin. */
  prefix: number;
  /** Bytes taken from the base's end. */
  suffix: number;
}

/** Values below this are sent whole: a change would be no shorter. Bytes. */
export const smallest = 1024;

/** Bytes from which on hashing goes on from the base's hash. */
const large = 16 << 10;

export function sha256(known: Known): string {
  return (known.sha256 ??= digest(known, createHash("sha256"), 0));
}

/** The SHA-256 of the value that a change makes, from the base's where the base but for its last byte begins it. */
export function changedSha256(known: Known, { base, prefix }: Change): string {
  const from = base.bytes.length - 1;
  if (base.hash === undefined || prefix < from) return sha256(known);
  return (known.sha256 ??= digest(known, base.hash.copy(), from));
}

function digest(known: Known, hash: Hash, from: number): string {
  const { bytes } = known;
  if (bytes.length < large) return hash.update(bytes.subarray(from)).digest("hex");
  hash.update(bytes.subarray(from, -1));
  known.hash = hash;
  return hash.copy().update(bytes.subarray(-1)).digest("hex");
}

/** The change from base to bytes, or undefined where the whole is about as short. */
export function changeFrom(base: Known | undefined, type: string, bytes: Buffer): Change | undefined {
  if (base === undefined || base.type !== type || bytes.length < smallest) return undefined;
  const prefix = commonPrefix(base.bytes, bytes);
  const suffix = commonSuffix(base.bytes, bytes, Math.min(base.bytes.length, bytes.length) - prefix);
  const saved = prefix + (suffix >= 64 ? suffix : 0);
  if (saved < 512 || saved < bytes.length / 8) return undefined;
  return { base, prefix, suffix: suffix >= 64 ? suffix : 0 };
}

const block = 4096;

/** How many bytes two buffers begin with alike: blocks by memcmp, then the first block that differs by halves. */
function commonPrefix(a: Buffer, b: Buffer): number {
  const limit = Math.min(a.length, b.length);
  let at = 0;
  while (at < limit) {
    const size = Math.min(block, limit - at);
    if (a.compare(b, at, at + size, at, at + size) !== 0) break;
    at += size;
  }
  while (at < limit && a[at] === b[at]) at++;
  return at;
}

/** How many of at most limit bytes two buffers end with alike. */
function commonSuffix(a: Buffer, b: Buffer, limit: number): number {
  let count = 0;
  while (count < limit) {
    const size = Math.min(block, limit - count);
    const endA = a.length - count;
    const endB = b.length - count;
    if (a.compare(b, endB - size, endB, endA - size, endA) !== 0) break;
    count += size;
  }
  while (count < limit && a[a.length - 1 - count] === b[b.length - 1 - count]) count++;
  return count;
}
