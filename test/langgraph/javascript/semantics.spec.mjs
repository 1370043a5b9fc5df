import { createHash, randomUUID } from "node:crypto";
import { connect } from "node:net";
import { DuologSaver } from "@duolog/langgraph-checkpoint";
import { BaseCheckpointSaver, emptyCheckpoint, uuid6 } from "@langchain/langgraph-checkpoint";
import { afterEach, describe, expect, inject, test } from "vitest";
import { conversation, delta, history, scenarios } from "./graphs.mjs";
import { Tenants } from "./tenants.mjs";
import { twice } from "./twice.mjs";

const metadata = { source: "loop", step: 1, parents: {} };
const tenants = new Tenants(13, 28);
const fencing = new Tenants(0, 4, "fenced");
afterEach(() => Promise.all([tenants.releaseAll(), fencing.releaseAll()]));

const threadConfig = (thread_id = randomUUID()) => ({ configurable: { thread_id, checkpoint_ns: "" } });

/** Puts a checkpoint with values that are all new. */
function put(saver, config, values, more = {}) {
  const versions = Object.fromEntries(Object.keys(values).map((channel) => [channel, saver.getNextVersion(undefined)]));
  return saver.put(config, { ...emptyCheckpoint(), id: uuid6(1), channel_values: values, channel_versions: versions }, { ...metadata, ...more }, versions);
}

async function all(generator) {
  const items = [];
  for await (const item of generator) items.push(item);
  return items;
}

/** Versions as a saver has them that does not make its own: the same numbers on every branch. */
class Numbers extends DuologSaver {
  getNextVersion(current) {
    return BaseCheckpointSaver.prototype.getNextVersion.call(this, current);
  }
}

describe.each([["a saver's versions", DuologSaver], ["plain numbers as versions", Numbers]])("forks with %s", (_name, Class) => {
  test("keep to themselves", async () => {
    const saver = tenants.saver(undefined, {}, Class);
    const graph = conversation(saver, { steps: 6, size: 2000 });
    const config = threadConfig();
    await graph.invoke({ log: ["begin"] }, config);
    const before = await all(graph.getStateHistory(config));
    const from = before[4];
    const forks = [];
    for (const name of ["left", "right"]) {
      const fork = await graph.updateState(from.config, { log: [name] });
      forks.push((await graph.invoke(null, fork)).log.filter((entry) => typeof entry === "string"));
    }
    expect(forks).toEqual([["begin", "left"], ["begin", "right"]]);
    for (const { config: old, values } of before) expect((await graph.getState(old)).values).toEqual(values);
  });
});

describe("every request delivered twice", () => {
  test.each(Object.entries(scenarios))("%s: as with one delivery", async (_name, scenario) => {
    const proxy = await twice(inject("url"));
    const token = tenants.token();
    const doubled = new DuologSaver(proxy.url, { token });
    try {
      const twiceDelivered = await scenario(doubled, threadConfig());
      expect(twiceDelivered).toEqual(await scenario(tenants.saver(token), threadConfig()));
      expect([proxy.delivered > 0, proxy.different]).toEqual([true, []]);
    } finally {
      await doubled.end();
      await proxy.stop();
    }
  });
});

test("what is done to whole threads is done once when it is delivered twice", async () => {
  const proxy = await twice(inject("url"));
  const token = tenants.token();
  const saver = tenants.saver(token);
  const doubled = new DuologSaver(proxy.url, { token });
  try {
    for (const n of [1, 2, 3]) await put(doubled, threadConfig("source"), { n }, { run_id: `r${n}` });
    expect(await doubled.copyThread("source", "target")).toBe(3);
    await doubled.deleteForRuns(["r1"]);
    await doubled.prune(["target"]);
    await doubled.deleteThread("source");
    await put(doubled, threadConfig("source"), { n: 4 });
    const left = (await all(saver.list({}))).map(({ config, checkpoint }) => [config.configurable.thread_id, checkpoint.channel_values.n]);
    expect(left.sort()).toEqual([["source", 4], ["target", 3]]);
    expect(proxy.different).toEqual([]);
  } finally {
    await doubled.end();
    await proxy.stop();
  }
});

describe("writes", () => {
  test("may come before their checkpoint, and show with it", async () => {
    const saver = tenants.saver();
    const config = threadConfig();
    const id = uuid6(1);
    await saver.putWrites({ configurable: { ...config.configurable, checkpoint_id: id } }, [["a", 1]], "task");
    expect(await saver.getTuple(config)).toBeUndefined();
    await saver.put(config, { ...emptyCheckpoint(), id }, metadata, {});
    expect((await saver.getTuple(config)).pendingWrites).toEqual([["task", "a", 1]]);
  });

  test("of a task: the first stays, of special channels the last", async () => {
    const saver = tenants.saver();
    const config = await put(saver, threadConfig(), {});
    for (const n of [1, 2]) {
      await saver.putWrites(config, [["a", n], ["b", n]], "task");
      await saver.putWrites(config, [["__error__", n]], "task");
    }
    expect((await saver.getTuple(config)).pendingWrites).toEqual([["task", "__error__", 2], ["task", "a", 1], ["task", "b", 1]]);
  });

  test("of 50 tasks at once through two savers all count", async () => {
    const token = tenants.token();
    const savers = [tenants.saver(token), tenants.saver(token)];
    const config = await put(savers[0], threadConfig(), {});
    const names = Array.from({ length: 50 }, (_, n) => `task-${String(n).padStart(2, "0")}`);
    await Promise.all(names.map((name, n) => savers[n % 2].putWrites(config, [["a", n]], name)));
    expect((await savers[0].getTuple(config)).pendingWrites.map(([name]) => name)).toEqual(names);
  });
});

describe("two writers", () => {
  test("that a tenant allows: both branches stay", async () => {
    const token = tenants.token();
    const [a, b] = [tenants.saver(token), tenants.saver(token)];
    const root = await put(a, threadConfig(), { log: ["root"] });
    await Promise.all([put(a, root, { log: ["a"] }), put(b, root, { log: ["b"] })]);
    const tuples = await all(a.list(threadConfig(root.configurable.thread_id)));
    expect(tuples.map(({ checkpoint }) => checkpoint.channel_values.log[0]).sort()).toEqual(["a", "b", "root"]);
    expect(tuples.filter(({ parentConfig }) => parentConfig?.configurable.checkpoint_id === root.configurable.checkpoint_id)).toHaveLength(2);
  });

  test("that a tenant fences: the stale one is told, and nothing of it is stored", async () => {
    const token = fencing.token();
    const [a, b] = [fencing.saver(token), fencing.saver(token)];
    const root = await put(a, threadConfig(), { log: ["root"] });
    const taken = await put(b, root, { log: ["b"] });
    await expect(put(a, root, { log: ["a"] })).rejects.toMatchObject({ name: "StaleWriterError", code: "stale_writer" });
    await expect(a.putWrites(root, [["log", 1]], "task")).rejects.toMatchObject({ name: "StaleWriterError" });
    await put(b, taken, { log: ["b", "b"] });
    expect((await all(b.list(threadConfig(root.configurable.thread_id)))).length).toBe(3);
  });
});

describe("a deleted thread", () => {
  test("stays deleted when a run writes that began before, and begins anew with a new run", async () => {
    const token = tenants.token();
    const [agent, person] = [tenants.saver(token), tenants.saver(token)];
    const config = threadConfig();
    const last = await put(agent, config, { log: ["old"] });
    await person.deleteThread(config.configurable.thread_id);
    await expect(put(agent, last, { log: ["late"] })).rejects.toMatchObject({ name: "ThreadDeletedError", code: "thread_deleted" });
    await expect(agent.putWrites(last, [["log", "late"]], "task")).rejects.toMatchObject({ name: "ThreadDeletedError" });
    expect(await agent.getTuple(config)).toBeUndefined();
    await conversation(agent, { steps: 2 }).invoke({ log: ["new"] }, config);
    expect((await person.getTuple(config)).checkpoint.channel_values.log[0]).toBe("new");
    expect(await person.getTuple(last)).toBeUndefined();
  });

  test("is no error to delete again, nor one that never was", async () => {
    const saver = tenants.saver();
    await saver.deleteThread("never");
    await put(saver, threadConfig("was"), {});
    await saver.deleteThread("was");
    await saver.deleteThread("was");
    expect(await all(saver.list({}))).toEqual([]);
  });
});

describe("a thread as a whole", () => {
  test("with delta channels is pruned without losing its state", async () => {
    const saver = tenants.saver();
    const graph = delta(saver, 12);
    const config = threadConfig();
    const { log } = await graph.invoke({ log: ["begin"] }, config);
    expect(log).toHaveLength(13);
    await saver.prune([config.configurable.thread_id]);
    expect((await graph.getState(config)).values.log).toEqual(log);
    expect((await graph.invoke({ log: ["again"] }, config)).log.slice(0, 14)).toEqual([...log, "again"]);
  });

  test("is copied, cleared of a run, and pruned to its newest checkpoint", async () => {
    const saver = tenants.saver();
    const graph = conversation(saver, { steps: 3 });
    const source = threadConfig("source");
    await graph.invoke({ log: ["begin"] }, source);
    const before = await history(graph, source);
    expect(await saver.copyThread("source", "target")).toBe(before.length);
    expect(await history(graph, threadConfig("target"))).toEqual(before);
    await saver.prune(["target"]);
    expect(await history(graph, threadConfig("target"))).toHaveLength(1);
    expect((await graph.getState(threadConfig("target"))).values).toEqual(before[0].values);
    await put(saver, threadConfig("other"), { a: 1 }, { run_id: "r1" });
    await put(saver, threadConfig("other"), { a: 2 }, { run_id: "r2" });
    expect(await saver.deleteForRuns(["r1", "unknown"])).toBe(1);
    expect((await all(saver.list(threadConfig("other")))).map(({ metadata: { run_id } }) => run_id)).toEqual(["r2"]);
    await saver.prune(["source"], "delete");
    expect(await history(graph, source)).toEqual([]);
  });

  test("is seen by its own tenant only", async () => {
    const [mine, theirs] = [tenants.saver(), tenants.saver()];
    await put(mine, threadConfig("same name"), { who: "mine" });
    await put(theirs, threadConfig("same name"), { who: "theirs" });
    expect((await all(mine.list({}))).map(({ checkpoint }) => checkpoint.channel_values.who)).toEqual(["mine"]);
    expect((await theirs.getTuple(threadConfig("same name"))).checkpoint.channel_values.who).toBe("theirs");
  });

  test.each(["a/b", " ", "🙂", "..", "%2F?#", "x".repeat(1024), randomUUID(), randomUUID().toUpperCase()])("may be called %j", async (name) => {
    const saver = tenants.saver();
    const config = await put(saver, threadConfig(name), { name });
    expect((await saver.getTuple(config)).checkpoint.channel_values).toEqual({ name });
  });
});

describe("values", () => {
  test("of 5 MB go in and out", async () => {
    const token = tenants.token();
    const saver = tenants.saver(token);
    const text = "a line of text. ".repeat(5 * 65_536);
    const bytes = new Uint8Array(5 << 20).map((_, i) => (i * 2654435761) >>> 13);
    let config = await put(saver, threadConfig(), { text, bytes });
    await saver.putWrites(config, [["text", text]], "task");
    config = await put(saver, config, { text: `${text}!`, bytes });
    const { checkpoint } = await tenants.saver(token).getTuple(config);
    expect(checkpoint.channel_values.text === `${text}!`).toBe(true);
    expect(Buffer.compare(checkpoint.channel_values.bytes, bytes)).toBe(0);
  });

  test("that JSON has no form for come back as they were", async () => {
    const saver = tenants.saver();
    const values = { set: new Set([1]), map: new Map([["a", { b: undefined }]]), nothing: undefined, nul: "a\0b", pattern: /x/g, raw: new Uint8Array([0, 10, 255]), tiny: -0.5e-300 };
    const config = await put(saver, threadConfig(), values);
    expect((await saver.getTuple(config)).checkpoint.channel_values).toEqual(values);
  });

  test("above the limit are refused, and nothing is damaged", async () => {
    const saver = tenants.saver();
    const config = await put(saver, threadConfig(), { a: 1 });
    const raw = new Uint8Array(64 << 20);
    await expect(put(saver, config, { raw })).rejects.toMatchObject({ name: "TooLargeError", code: "too_large" });
    const results = await Promise.allSettled([put(saver, config, { a: 2 }), saver.putWrites(config, [["raw", raw]], "task"), saver.putWrites(config, [["a", 2]], "task")]);
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect((await saver.getTuple(config)).pendingWrites).toEqual([["task", "a", 2]]);
  });
});

describe("bad input is refused by name, and leaves no trace", () => {
  const at = (more) => ({ configurable: { ...threadConfig().configurable, ...more } });
  const invalid = (field) => ({ name: "InvalidInputError", field: expect.stringContaining(field) });

  const tooLarge = (field) => ({ name: "TooLargeError", field });

  test.each([
    ["an empty thread id", invalid("thread_id"), (saver) => put(saver, threadConfig(""), {})],
    ["a thread id of 10 KB", tooLarge("thread_id"), (saver) => put(saver, threadConfig("x".repeat(10_240)), {})],
    ["a long thread id to read", tooLarge("thread_id"), (saver) => saver.getTuple(threadConfig("x".repeat(10_240)))],
    ["a long thread id to list", tooLarge("thread_id"), (saver) => all(saver.list(threadConfig("x".repeat(10_240))))],
    ["a checkpoint id that is no UUID", invalid("checkpoint_id"), (saver) => saver.put(threadConfig(), { ...emptyCheckpoint(), id: "nope" }, metadata, {})],
    ["a parent that is no UUID", invalid("checkpoint_id"), (saver) => put(saver, at({ checkpoint_id: "nope" }), {})],
    ["no UUID to read", invalid("checkpoint_id"), (saver) => saver.getTuple(at({ checkpoint_id: "nope" }))],
    ["no UUID to write to", invalid("checkpoint_id"), (saver) => saver.putWrites(at({ checkpoint_id: "nope" }), [["a", 1]], "task")],
  ])("%s", async (_name, error, act) => {
    const saver = tenants.saver();
    await expect(act(saver)).rejects.toMatchObject(error);
    expect(await all(saver.list({}))).toEqual([]);
  });

  test("one bad operation among good ones", async () => {
    const saver = tenants.saver();
    const config = await put(saver, threadConfig(), {});
    const bad = { configurable: { ...config.configurable, checkpoint_id: "nope" } };
    const results = await Promise.allSettled([[config, "a"], [bad, "b"], [config, "c"]].map(([to, task]) => saver.putWrites(to, [["x", task]], task)));
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect((await saver.getTuple(config)).pendingWrites.map(([task]) => task)).toEqual(["a", "c"]);
  });

  test("a token that nobody has", async () => {
    const saver = new DuologSaver(inject("url"), { token: "unknown" });
    await expect(saver.getTuple(threadConfig())).rejects.toMatchObject({ name: "UnauthenticatedError" });
    await expect(put(saver, threadConfig(), {})).rejects.toMatchObject({ name: "UnauthenticatedError" });
    await saver.end();
  });

  test("a write for a checkpoint that never comes, and NUL in metadata", async () => {
    const saver = tenants.saver();
    await saver.putWrites(at({ checkpoint_id: uuid6(1) }), [["a", 1]], "task");
    const config = await put(saver, threadConfig(), { a: 1 }, { note: "a\0b" });
    expect((await saver.getTuple(config)).metadata.note).toBe("ab");
    expect(await all(saver.list({}))).toHaveLength(1);
  });

  test("a change whose base or hash is another", async () => {
    const token = tenants.token();
    const saver = tenants.saver(token);
    const text = "x".repeat(2000);
    const stored = await put(saver, threadConfig("changed"), { text });
    const hash = (bytes) => createHash("sha256").update(bytes).digest("hex");
    const base = { checkpoint_id: stored.configurable.checkpoint_id, sha256: hash(`"${text}"`) };
    const change = { type: "json", base, sha256: hash(`"${text}"`), parts: [{ copy: [0, 2002] }] };
    const send = async (value) => {
      const header = { v: 4, id: uuid6(1), channel_versions: { text: "v" } };
      const at = { checkpoint_ns: "", checkpoint_id: header.id, parent_checkpoint_id: null };
      const operation = { key: randomUUID(), put: { ...at, checkpoint: header, metadata, values: [{ channel: "text", value }] } };
      const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/vnd.duolog.values" };
      const body = `${JSON.stringify({ thread_id: "changed", operations: [operation] })}\n`;
      const answer = await fetch(`${inject("url")}/v1/threads/write`, { method: "POST", headers, body });
      return (await answer.json()).results[0].error?.code;
    };
    expect(await send({ ...change, sha256: hash("other") })).toBe("send_whole");
    expect(await send({ ...change, base: { ...base, sha256: hash("other") } })).toBe("send_whole");
    expect(await all(saver.list({}))).toHaveLength(1);
    expect(await send(change)).toBeUndefined();
    expect((await saver.getTuple(threadConfig("changed"))).checkpoint.channel_values.text === text).toBe(true);
  });

  test("half an upload", async () => {
    const token = tenants.token();
    const saver = tenants.saver(token);
    const config = await put(saver, threadConfig("half"), { a: 1 });
    const { hostname, port } = new URL(inject("url"));
    await new Promise((resolve) => {
      const socket = connect(Number(port), hostname, () => {
        socket.write(`POST /v1/threads/write HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Length: 5000\r\n\r\n{"thread_id":"half","op`, () => socket.destroy());
      });
      socket.on("close", resolve);
    });
    const next = await put(saver, config, { a: 2 });
    expect((await saver.getTuple(next)).checkpoint.channel_values).toEqual({ a: 2 });
    expect(await all(saver.list({}))).toHaveLength(2);
  });
});
