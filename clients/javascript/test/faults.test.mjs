import assert from "node:assert/strict";
import { test } from "node:test";
import { all, checkpoint, faults, metadata, put, rig, thread } from "./rig.mjs";

const writes = (fake) => fake.requests.filter(({ endpoint }) => endpoint === "write");
const keys = ({ body }) => body.operations.map(({ key }) => key);

test("what is asked for while a request is under way goes out as the next, in order", async (t) => {
  const { fake, saver } = await rig(t);
  let release;
  fake.faults.push(({ response, act }) => {
    release = () => faults.status(200, act().json)({ response });
    return true;
  });
  const first = put(saver, thread(), { n: 0 });
  while (release === undefined) await new Promise(setImmediate);
  const config = thread("t", { checkpoint_id: checkpoint().id });
  const rest = [1, 2, 3].map((n) => saver.putWrites(config, [["n", n]], `task${n}`));
  rest.push(put(saver, thread(), { n: 4 }));
  const other = put(saver, thread("other"), { n: 5 });
  await other;
  assert.equal(writes(fake).length, 1, "another thread does not wait");
  release();
  await Promise.all([first, ...rest]);
  const [, , batch] = writes(fake);
  assert.deepEqual(batch.body.operations.map(({ writes: w, put: p }) => w?.task_id ?? p.values.length), ["task1", "task2", "task3", 1]);
});

test("more than one request takes goes out in several", async (t) => {
  const { fake, saver } = await rig(t);
  const config = await put(saver, thread(), {});
  await Promise.all(Array.from({ length: 130 }, (_, n) => saver.putWrites(config, [["n", n]], `task${n}`)));
  assert.deepEqual(writes(fake).map(({ body }) => body.operations.length), [1, 64, 64, 2]);
  const big = "x".repeat(3 << 20);
  await Promise.all([1, 2, 3].map((n) => saver.putWrites(config, [["n", big]], `big${n}`)));
  assert.deepEqual(writes(fake).slice(4).map(({ body }) => body.operations.length), [1, 1, 1]);
});

for (const [name, fault] of [
  ["request is lost", faults.lost],
  ["answer is lost", faults.answerLost],
  ["server is busy", faults.status(503, { code: "not_now", message: "busy" })],
  ["tenant is busy", faults.status(429, { code: "rate_limited", message: "busy" })],
  ["proxy finds no server", faults.status(502, "<html>", {})],
]) {
  test(`a write whose ${name} is sent again under its key and done once`, async (t) => {
    const { fake, saver } = await rig(t);
    const config = await put(saver, thread(), { n: 1 });
    fake.faults.push(fault, fault);
    await saver.putWrites(config, [["n", 1]], "task");
    const sent = writes(fake).slice(1);
    assert.equal(new Set(sent.flatMap(keys)).size, 1);
    assert.equal((await saver.getTuple(config)).pendingWrites.length, 1);
  });
}

test("a read whose answer is cut off is asked for again", async (t) => {
  const { fake, saver } = await rig(t);
  await put(saver, thread(), { n: 1 });
  fake.faults.push(faults.cut);
  assert.equal((await saver.getTuple(thread())).checkpoint.channel_values.n, 1);
  fake.faults.push(faults.cut);
  assert.equal((await all(saver.list(thread()))).length, 1);
});

test("Retry-After is honoured", async (t) => {
  const { fake, saver } = await rig(t);
  fake.faults.push(faults.status(503, { code: "not_now", message: "busy" }, { "Duolog-Threads": "1", "Retry-After": "1" }));
  const began = performance.now();
  await put(saver, thread(), { n: 1 });
  assert.ok(performance.now() - began >= 700);
});

test("a server that is away for a while stops nothing", async (t) => {
  const { fake, saver } = await rig(t);
  const config = await put(saver, thread(), { n: 1 });
  await fake.stop();
  const waiting = [put(saver, config, { n: 2 }), saver.putWrites(config, [["n", 2]], "task")];
  setTimeout(() => fake.start(), 500);
  await Promise.all(waiting);
  assert.equal((await saver.getTuple(thread())).checkpoint.channel_values.n, 2);
});

test("retries end, with an error that says why", async (t) => {
  const { fake, saver } = await rig(t, { retryFor: 300 });
  await fake.stop();
  await assert.rejects(put(saver, thread(), {}), { name: "UnreachableError", code: "unreachable" });
  await assert.rejects(saver.getTuple(thread()), { name: "UnreachableError" });
  await fake.start();
  fake.verdicts.push(...Array(50).fill("not_now"));
  await assert.rejects(put(saver, thread(), {}), { name: "UnavailableError", code: "not_now" });
});

test("a silent server counts as away", async (t) => {
  const { fake, saver } = await rig(t, { timeout: 200 });
  fake.faults.push(() => true);
  await put(saver, thread(), { n: 1 });
  assert.equal(writes(fake).length, 1);
});

test("only operations without a verdict are sent again", async (t) => {
  const { fake, saver } = await rig(t);
  fake.verdicts.push(undefined, "not_now", undefined);
  const config = thread("t", { checkpoint_id: checkpoint().id });
  await Promise.all([1, 2, 3].map((n) => saver.putWrites(config, [["n", n]], `task${n}`)));
  const [first, second] = writes(fake);
  assert.deepEqual(keys(second), [keys(first)[1]]);
});

for (const [code, name] of [
  ["thread_deleted", "ThreadDeletedError"],
  ["stale_writer", "StaleWriterError"],
  ["stale_run", "StaleRunError"],
  ["too_large", "TooLargeError"],
  ["key_reused", "KeyReusedError"],
  ["invalid_field", "InvalidInputError"],
  ["brand_new", "DuologError"],
]) {
  test(`an operation refused as ${code} throws ${name}, its neighbours do not`, async (t) => {
    const { fake, saver } = await rig(t);
    fake.verdicts.push(undefined, code);
    const config = thread("t", { checkpoint_id: checkpoint().id });
    const results = await Promise.allSettled([1, 2, 3].map((n) => saver.putWrites(config, [["n", n]], `task${n}`)));
    assert.deepEqual(results.map(({ status }) => status), ["fulfilled", "rejected", "fulfilled"]);
    assert.deepEqual([results[1].reason.name, results[1].reason.code], [name, code]);
  });
}

test("a request refused for one operation's sake is sent as one for each", async (t) => {
  const { fake, saver } = await rig(t);
  fake.faults.push(faults.status(413, { code: "too_large", message: "too large", request_id: "r9" }));
  const config = thread("t", { checkpoint_id: checkpoint().id });
  await Promise.all([1, 2].map((n) => saver.putWrites(config, [["n", n]], `task${n}`)));
  assert.deepEqual(writes(fake).map(({ body }) => body.operations.length), [1, 1]);
  fake.faults.push(faults.status(413, { code: "too_large", message: "too large", fix: "send less", request_id: "r9" }));
  await assert.rejects(put(saver, thread(), {}), { name: "TooLargeError", status: 413, fix: "send less", requestId: "r9", message: /send less/ });
});

test("a wrong token and an unknown one are no reason to retry", async (t) => {
  const { saver } = await rig(t, { token: async () => "other" });
  await assert.rejects(put(saver, thread(), {}), { name: "UnauthenticatedError", status: 401 });
});

test("what is no Duolog server, or another version of it, is told apart", async (t) => {
  const { fake, saver } = await rig(t);
  for (const [headers, message] of [[{}, /no Duolog server/], [{ "Duolog-Threads": "2" }, /version 2/]]) {
    fake.headers = headers;
    await assert.rejects(saver.getTuple(thread()), { name: "IncompatibleServerError", message });
  }
  fake.faults.push(faults.status(404, "page not found", {}));
  await assert.rejects(saver.getTuple(thread()), { name: "IncompatibleServerError", status: 404 });
});

test("a thread that someone else deleted is not brought back by who wrote to it before", async (t) => {
  const { fake, saver } = await rig(t);
  const config = await put(saver, thread(), { n: 1 });
  fake.delete({ thread_id: "t" });
  await assert.rejects(put(saver, config, { n: 2 }), { name: "ThreadDeletedError" });
  const late = checkpoint();
  await assert.rejects(saver.put(config, late, metadata, {}), { name: "ThreadDeletedError" });
  assert.equal(await saver.getTuple(thread()), undefined, "a new run reads first");
  const onLate = thread("t", { checkpoint_id: late.id });
  await assert.rejects(put(saver, onLate, {}), { name: "ThreadDeletedError" }, "the old one goes on, knowing of no deletion");
  await assert.rejects(saver.putWrites(onLate, [["n", 1]], "task"), { name: "ThreadDeletedError" });
  await put(saver, thread(), { n: 3 });
  await saver.deleteThread("t");
  await put(saver, thread(), { n: 4 });
  assert.equal((await saver.getTuple(thread())).checkpoint.channel_values.n, 4);
});

test("deletion waits for the writes before it", async (t) => {
  const { fake, saver } = await rig(t);
  const written = put(saver, thread(), { n: 1 });
  const deleted = saver.deleteThread("t");
  const anew = put(saver, thread(), { n: 2 });
  await Promise.all([written, deleted, anew]);
  assert.deepEqual(fake.requests.map(({ endpoint }) => endpoint), ["write", "delete", "write"]);
});

test("a writer keeps its name, and end waits for what is under way", async (t) => {
  const { fake, saver } = await rig(t, { writer: "me" });
  const pending = put(saver, thread(), { n: 1 });
  await saver.end();
  await pending;
  assert.equal(writes(fake)[0].body.writer, "me");
});
