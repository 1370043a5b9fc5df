import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import * as esm from "@duolog/langgraph-checkpoint";
import { DuologSaver } from "@duolog/langgraph-checkpoint";
import { uuid6 } from "@langchain/langgraph-checkpoint";
import { all, checkpoint, metadata, put, rig, thread } from "./rig.mjs";

test("both module systems have the same names", () => {
  const cjs = createRequire(import.meta.url)("@duolog/langgraph-checkpoint");
  assert.deepEqual(Object.keys(cjs).sort(), Object.keys(esm).sort());
});

test("a saver needs a token and an http address", () => {
  assert.throws(() => DuologSaver.fromUrl("http://127.0.0.1:1", { token: "" }), /token/);
  assert.throws(() => DuologSaver.fromUrl("postgres://127.0.0.1:1", { token: "t" }), /baseUrl/);
});

test("what is put is got, with exactly three keys in the config", async (t) => {
  const { saver } = await rig(t);
  const given = checkpoint({ a: [1, { b: "ü\u0000" }], s: new Set([1]), u: undefined, raw: new Uint8Array([0, 255]) }, { extra: { kept: 1.5 } });
  const config = await saver.put(thread("a/b c 🙂", { run: 1 }), given, metadata, given.channel_versions);
  assert.deepEqual(config, { configurable: { thread_id: "a/b c 🙂", checkpoint_ns: "", checkpoint_id: given.id } });
  const tuple = await saver.getTuple(thread("a/b c 🙂"));
  assert.deepEqual(tuple, { config, checkpoint: given, metadata, pendingWrites: [] });
});

test("a value that is not new is not sent", async (t) => {
  const { fake, saver } = await rig(t);
  const given = checkpoint({ old: 1, new: 2 });
  await saver.put(thread(), given, metadata, { new: 2, gone: 3 });
  assert.deepEqual(fake.operations()[0].put.values.map(({ channel }) => channel), ["new"]);
});

test("what a call needs and does not get is said before anything is sent", async (t) => {
  const { fake, saver } = await rig(t);
  const missing = (field) => ({ name: "InvalidInputError", code: "invalid_field", field });
  await assert.rejects(saver.put({}, checkpoint(), metadata, {}), missing("thread_id"));
  await assert.rejects(saver.putWrites({ configurable: { checkpoint_id: uuid6(1) } }, [["a", 1]], "t"), missing("thread_id"));
  await assert.rejects(saver.putWrites(thread(), [["a", 1]], "t"), missing("checkpoint_id"));
  await assert.rejects(saver.deleteThread(undefined), missing("thread_id"));
  assert.equal(await saver.getTuple({ configurable: {} }), undefined);
  assert.deepEqual(await saver.getDeltaChannelHistory({ config: thread(), channels: [] }), {});
  assert.equal(fake.requests.length, 0);
});

test("a value changed after put is stored as it was", async (t) => {
  const { saver } = await rig(t);
  const values = { list: [1], bytes: new Uint8Array([1]) };
  const done = put(saver, thread(), values);
  values.list.push(2);
  values.bytes[0] = 9;
  await done;
  const { checkpoint: got } = await saver.getTuple(thread());
  assert.deepEqual(got.channel_values, { list: [1], bytes: new Uint8Array([1]) });
});

test("special writes have places of their own", async (t) => {
  const { fake, saver } = await rig(t);
  const config = await put(saver, thread(), {});
  await saver.putWrites(config, [["a", 1], ["__error__", "e"], ["__interrupt__", "i"], ["__resume__", "r"], ["__scheduled__", 0]], "t1");
  assert.deepEqual(fake.operations()[1].writes.writes.map(({ idx }) => idx), [0, -1, -3, -4, -2]);
});

test("metadata loses its NUL characters and nothing else", async (t) => {
  const { saver } = await rig(t);
  await put(saver, thread(), {}, { ...metadata, note: "a\0b\\u0000", nested: ["\0"], when: new Map([[1, 2]]) });
  const { metadata: got } = await saver.getTuple(thread());
  assert.deepEqual(got, { ...metadata, note: "ab\\u0000", nested: [""], when: new Map([[1, 2]]) });
});

test("list follows pages, keeps its limit over them, and asks for no page that nobody reads", async (t) => {
  const { fake, saver } = await rig(t);
  for (let i = 0; i < 7; i++) await put(saver, thread(`t${i % 2}`), { i });
  fake.page = 3;
  const newestFirst = (tuples) => tuples.map(({ checkpoint: { channel_values } }) => channel_values.i);
  assert.deepEqual(newestFirst(await all(saver.list({}))), [6, 5, 4, 3, 2, 1, 0]);
  assert.deepEqual(newestFirst(await all(saver.list({}, { limit: 4 }))), [6, 5, 4, 3]);
  assert.deepEqual(newestFirst(await all(saver.list(thread("t1"), { limit: 0 }))), []);
  const before = fake.requests.length;
  for await (const tuple of saver.list(thread("t0"))) if (tuple) break;
  assert.equal(fake.requests.length, before + 1);
});

test("a serializer of the user's own sees every value and nothing else does", async (t) => {
  const turned = (bytes) => Uint8Array.from(bytes, (byte) => byte ^ 0x55);
  const serde = {
    dumpsTyped: async (value) => ["json+x", turned(new TextEncoder().encode(JSON.stringify(value)))],
    loadsTyped: async (type, bytes) => JSON.parse(new TextDecoder().decode(turned(bytes))),
  };
  const { fake, saver } = await rig(t, { serde });
  const config = await put(saver, thread(), { secret: "plaintext" });
  await saver.putWrites(config, [["secret", "plaintext"]], "t1");
  assert.ok(fake.requests.every(({ tail }) => !tail.includes("plaintext")));
  const tuple = await saver.getTuple(config);
  assert.deepEqual([tuple.checkpoint.channel_values, tuple.pendingWrites], [{ secret: "plaintext" }, [["t1", "secret", "plaintext"]]]);
});

test("a value that cannot be serialized fails its call and no other", async (t) => {
  const serde = {
    dumpsTyped: async (value) => {
      if (value === "bad") throw new Error("no form for this");
      return ["json", Buffer.from(JSON.stringify(value))];
    },
    loadsTyped: async (_type, bytes) => JSON.parse(bytes.toString()),
  };
  const { saver } = await rig(t, { serde });
  const results = await Promise.allSettled(["good", "bad", "good"].map((value) => put(saver, thread(), { value })));
  assert.deepEqual(results.map(({ status }) => status), ["fulfilled", "rejected", "fulfilled"]);
});

test("versions differ between branches, sort as they count, and need no saver", async (t) => {
  const { saver } = await rig(t);
  const { getNextVersion } = saver;
  const first = getNextVersion(undefined);
  let last = first;
  for (let i = 0; i < 200; i++) {
    const next = getNextVersion(last);
    assert.ok(next.localeCompare(last) > 0, `${next} is after ${last}`);
    last = next;
  }
  assert.notEqual(getNextVersion(first), getNextVersion(first));
  const python = "00000000000000000000000000000009.0.123";
  assert.ok(getNextVersion(python) > python);
  const number = getNextVersion(5);
  assert.ok(number > 5 && getNextVersion(number) > number && number !== getNextVersion(5));
});

test("threads are copied, pruned, cleared of runs and given a retention", async (t) => {
  const { fake, saver } = await rig(t);
  await put(saver, thread("a"), { x: 1 }, { ...metadata, run_id: "r1" });
  assert.equal(await saver.copyThread("a", "b"), 1);
  assert.equal(await saver.deleteForRuns(["r1"]), 2);
  assert.equal(await saver.deleteForRuns([]), 0);
  assert.equal(await saver.prune(["a"]), 1);
  await saver.setRetention("a", { ttlSeconds: 60 });
  assert.deepEqual(fake.requests.at(-1).body, { thread_id: "a", ttl_seconds: 60, strategy: "delete" });
});

test("a graph that carries its saver can be written as JSON", async (t) => {
  const { saver } = await rig(t);
  assert.equal(JSON.stringify({ saver }), '{"saver":"[DuologSaver]"}');
});

test("a checkpoint put again as its own parent keeps the parent that it has", async (t) => {
  const { fake, saver } = await rig(t);
  const root = await put(saver, thread(), {});
  const child = checkpoint({ n: 1 });
  const config = await saver.put(root, child, metadata, child.channel_versions);
  const other = DuologSaver.fromUrl(fake.url, { token: "secret" });
  t.after(() => other.end());
  for (const again of [saver, other]) {
    await again.put(config, child, metadata, {});
    assert.equal(fake.operations().at(-1).put.parent_checkpoint_id, root.configurable.checkpoint_id);
    assert.deepEqual((await again.getTuple(config)).parentConfig, root);
  }
});
