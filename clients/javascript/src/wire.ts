/** What travels between the saver and the server, as JSON has it. See schemas/openapi.yaml of Duolog. */

/** The version of /v1/threads that this package speaks, as the header Duolog-Threads says it. */
export const apiVersion = "1";
export const valuesType = "application/vnd.duolog.values";
/** Operations of one request. */
export const maxOperations = 64;

/** Bytes at..at+size of the tail. */
export interface Value {
  type: string;
  at: number;
  size: number;
}

export interface ChannelValue {
  channel: string;
  value: Value;
}

export interface TaskWrite {
  task_id: string;
  task_path?: string;
  idx: number;
  channel: string;
  value: Value;
}

export interface Tuple {
  thread_id: string;
  checkpoint_ns: string;
  checkpoint_id: string;
  parent_checkpoint_id: string | null;
  checkpoint: Record<string, unknown>;
  metadata: Record<string, unknown>;
  values?: ChannelValue[];
  writes?: TaskWrite[];
  pending_sends?: Omit<TaskWrite, "channel">[];
  number: number;
  created_at: string;
}

export interface GetAnswer {
  checkpoint: Tuple | null;
  incarnation?: number;
}

export interface ListAnswer {
  checkpoints: Tuple[];
  next: string | null;
}

export interface HistoryAnswer {
  channels: Record<string, { writes: (Omit<TaskWrite, "task_path"> & { checkpoint_id: string })[]; seed?: Value }>;
}

export interface WriteResult {
  put?: { checkpoint_id: string; number: number };
  writes?: Record<string, never>;
  error?: { code: string; message: string; field?: string; fix?: string };
}

export interface WriteAnswer {
  thread_id: string;
  workflow: string;
  incarnation: number;
  results: WriteResult[];
}

/** An answer's JSON and the bytes that follow it. */
export interface Document<T> {
  json: T;
  tail: Buffer;
  /** Whether the JSON has a member "lc", by which LangChain marks what is more than data. */
  marked: boolean;
}
