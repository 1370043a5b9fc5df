import * as langchain from "@langchain/core/messages";
import { load } from "@langchain/core/load";

type Json = Record<string, unknown>;
type MessageClass = new (fields: Json) => object;

/**
 * What LangChain makes of an object that it serialized. Its own load takes some time for each member, which for the
 * messages of a thread is most of reading it: a message whose members are plain data is constructed as load would do it.
 */
export function loaded(record: Json): unknown {
  const { id, kwargs } = record as { id: unknown[]; kwargs: unknown };
  const Class = messageClass(id);
  const fields = Class !== undefined && isRecord(kwargs) ? fieldsOf(kwargs, aliases(Class)) : undefined;
  if (Class !== undefined && fields !== undefined) return new Class(fields);
  return load(JSON.stringify(record));
}

/** The class of LangChain's core that an id names, if it is one of a message. */
function messageClass(id: unknown[]): MessageClass | undefined {
  const [library, module, name] = id;
  if (id.length !== 3 || library !== "langchain_core" || module !== "messages" || typeof name !== "string") return undefined;
  const found = Object.hasOwn(langchain, name) ? (langchain as Json)[name] : undefined;
  const isMessage = typeof found === "function" && Object.prototype.isPrototypeOf.call(langchain.BaseMessage.prototype, found.prototype);
  return isMessage ? (found as MessageClass) : undefined;
}

const known = new WeakMap<MessageClass, ReadonlyMap<string, string>>();

/** The names that a class gives members other than JSON has them. */
function aliases(Class: MessageClass): ReadonlyMap<string, string> {
  let names = known.get(Class);
  if (names === undefined) {
    const all = new Map<string, string>();
    for (let at: unknown = Class; typeof at === "function" && at.prototype; at = Object.getPrototypeOf(at)) {
      for (const [name, inJson] of Object.entries(Reflect.get(at.prototype, "lc_aliases") ?? {})) all.set(String(inJson), name);
    }
    known.set(Class, (names = all));
  }
  return names;
}

/**
 * Members that are plain data, under the names that their class has for them; none for one that is undefined, as JSON has
 * it. Undefined itself where load would make more of them.
 */
function fieldsOf(kwargs: Json, names: ReadonlyMap<string, string>): Json | undefined {
  const fields: Json = {};
  for (const [key, value] of Object.entries(kwargs)) {
    if (value === undefined) continue;
    const name = names.get(key) ?? (/[-_\s]/.test(key) ? undefined : key);
    if (name === undefined || !isPlain(value, 0)) return undefined;
    fields[name] = value;
  }
  return "lc" in fields || "__lc_escaped__" in fields ? undefined : fields;
}

function isRecord(value: unknown): value is Json {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

/** Whether load would leave data as it is: nothing in it is marked, made already, undefined, or deep. */
function isPlain(value: unknown, depth: number): boolean {
  if (typeof value !== "object" || value === null) return value !== undefined;
  if (depth > 40) return false;
  if (Array.isArray(value)) return value.every((item) => isPlain(item, depth + 1));
  if (!isRecord(value) || Object.hasOwn(value, "__proto__") || "lc" in value || "__lc_escaped__" in value) return false;
  return Object.values(value).every((member) => isPlain(member, depth + 1));
}
