import type { RunnableConfig } from "@langchain/core/runnables";
import { getCheckpointId } from "@langchain/langgraph-checkpoint";
import { InvalidInputError } from "./errors.js";

/** What a call needs of its config, or an error that says what is missing. */
export function needed<T>(value: T | null | undefined, field: string, purpose: string): T {
  if (value != null) return value;
  const message = `cannot ${purpose}: config.configurable has no ${field}`;
  throw new InvalidInputError({ code: "invalid_field", field, message, fix: `pass {configurable: {${field}: ...}}` });
}

/** The thread that a config names. */
export function threadOf(config: RunnableConfig, purpose: string): string {
  return String(needed<unknown>(config.configurable?.["thread_id"], "thread_id", purpose));
}

/** The namespace that a config names; undefined where it names none. */
export function namespace(config: RunnableConfig | undefined): string | undefined {
  return (config?.configurable?.["checkpoint_ns"] as string | null | undefined) ?? undefined;
}

/** The checkpoint that a config names; undefined where it names none. */
export function checkpointId(config: RunnableConfig | undefined): string | undefined {
  return config === undefined ? undefined : getCheckpointId(config) || undefined;
}
