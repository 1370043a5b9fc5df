import assert from "node:assert/strict";
import { test } from "node:test";
import { DuologSaver } from "@duolog/langgraph-checkpoint";
import { checkpoint, metadata, put, rig, thread } from "./rig.mjs";

const message = (n) => ({ role: "user", content: `message ${n} `.repeat(100) });
const messages = (count) => Array.from({ length: count }, (_, n) => message(n));
const last = (fake) => fake.requests.at(-1);
const sent = (fake) => last(fake).body.operations[0].put.values[0].value;

test("of a list that grows only what is new is sent", async (t) => {
  const { fake, saver } = await rig(t);
  for (const count of [10, 11, 12, 50]) await put(saver, thread(), { messages: messages(count) });
  assert.ok(last(fake).tail.length < 39 * 1400);
  assert.deepEqual(Object.keys(sent(fake)), ["type", "sha256", "base", "parts"]);
  assert.deepEqual((await saver.getTuple(thread())).checkpoint.channel_values.messages, messages(50));
});

test("of a value that changes in the middle only the middle is sent", async (t) => {
  const { fake, saver } = await rig(t);
  const doc = messages(50);
  await put(saver, thread(), { doc });
  doc[25] = { role: "tool", content: "short" };
  await put(saver, thread(), { doc });
  assert.ok(last(fake).tail.length < 100, `${last(fake).tail.length} bytes`);
  assert.deepEqual((await saver.getTuple(thread())).checkpoint.channel_values.doc, doc);
});

test("any two values make a change that gives the second", async (t) => {
  const { saver } = await rig(t);
  let seed = 1;
  const random = (n) => (seed = (seed * 48271) % 2147483647) % n;
  let text = "abcdefgh".repeat(400);
  for (let i = 0; i < 60; i++) {
    const at = random(text.length);
    const cut = random(3) === 0 ? random(2000) : 0;
    text = text.slice(0, at) + "xyz".repeat(random(300)) + text.slice(at + cut);
    if (random(10) === 0) text = "ü".repeat(random(3000) + 1);
    await put(saver, thread(), { text });
    assert.equal((await saver.getTuple(thread())).checkpoint.channel_values.text, text);
  }
});

test("a saver that has read a thread sends changes to what it read", async (t) => {
  const { fake, saver } = await rig(t);
  const config = await put(saver, thread(), { messages: messages(40) });
  const second = DuologSaver.fromUrl(fake.url, { token: "secret" });
  t.after(() => second.end());
  await second.getTuple(config);
  await put(second, config, { messages: messages(41) });
  assert.ok(last(fake).tail.length < 2000);
});

test("a server that has not the base gets the whole, under another key", async (t) => {
  const { fake, saver } = await rig(t);
  await put(saver, thread(), { messages: messages(20) });
  fake.verdicts.push("send_whole");
  await put(saver, thread(), { messages: messages(21) });
  const [, change, whole] = fake.requests;
  assert.notEqual(change.body.operations[0].key, whole.body.operations[0].key);
  assert.equal(whole.tail.length, JSON.stringify(messages(21)).length);
  fake.verdicts.push(undefined, "send_whole");
  const tooLate = put(saver, thread(), { messages: messages(22) });
  await tooLate;
  assert.deepEqual((await saver.getTuple(thread())).checkpoint.channel_values.messages, messages(22));
});

test("nothing is built on a put that was refused", async (t) => {
  const { fake, saver } = await rig(t);
  fake.verdicts.push("stale_writer");
  await assert.rejects(put(saver, thread(), { messages: messages(20) }));
  await put(saver, thread(), { messages: messages(21) });
  assert.equal(sent(fake).parts, undefined);
});

test("puts that travel together may build on each other", async (t) => {
  const { fake, saver } = await rig(t);
  const puts = [20, 21, 22].map((count) => put(saver, thread(), { messages: messages(count) }));
  await Promise.all(puts);
  assert.equal(fake.requests.length, 1);
  assert.ok(last(fake).tail.length < 23 * 1400);
  assert.deepEqual((await saver.getTuple(thread())).checkpoint.channel_values.messages, messages(22));
});

test("a namespace's values are its own", async (t) => {
  const { fake, saver } = await rig(t);
  await put(saver, thread(), { messages: messages(20) });
  const given = checkpoint({ messages: messages(20) });
  await saver.put(thread("t", { checkpoint_ns: "sub:1" }), given, metadata, given.channel_versions);
  assert.equal(sent(fake).parts, undefined);
});

test("without memory all values are whole", async (t) => {
  const { fake, saver } = await rig(t, { memory: 0 });
  for (const count of [20, 21]) await put(saver, thread(), { messages: messages(count) });
  assert.equal(sent(fake).parts, undefined);
});
