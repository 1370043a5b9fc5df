import assert from "node:assert/strict";
import { test } from "node:test";
import { MemorySaver } from "@langchain/langgraph-checkpoint";
import { all, checkpoint, faults, metadata, rig, thread } from "./rig.mjs";

const at = (id, more = {}) => thread("t", { checkpoint_id: id, ...more });
const writes = (fake) => fake.requests.filter(({ endpoint }) => endpoint === "write");
const turn = () => new Promise(setImmediate);

/** Has the double hold the next request until it is released, then answer, or do what else it is told. */
function hold(fake, what = ({ response, act }) => faults.status(200, act().json)({ response })) {
  const held = {};
  held.came = new Promise((resolve) => {
    fake.faults.push((request) => {
      held.release = () => what(request);
      resolve();
      return true;
    });
  });
  return held;
}

/** A thread in which LangGraph goes on with a step while the checkpoint before it is put. */
function loop(saver, values = (n) => ({ n })) {
  let chain = Promise.resolve();
  let parent;
  const promises = [];
  const track = (promise) => promises.push(promise) && promise.catch(() => undefined);
  return {
    ids: [],
    done: 0,
    promises,
    step(n) {
      if (parent !== undefined) track(saver.putWrites(at(parent), [["n", n]], `task${n}`));
      const given = checkpoint(values(n));
      const config = parent === undefined ? thread() : at(parent);
      parent = given.id;
      this.ids.push(given.id);
      chain = chain.then(() => saver.put(config, given, metadata, given.channel_versions));
      track(chain.then(() => this.done++));
      return chain;
    },
  };
}

/** Has a graph take steps while the request of the first is held. Returns how many of its puts were done then. */
async function steps(run, count, held) {
  for (let n = 0; n < count; n++) {
    run.step(n);
    await (n === 0 ? held.came : turn());
  }
  const { done } = run;
  held.release();
  return done;
}

test("steps that a graph is ahead of its server go out together, in order", async (t) => {
  const { fake, saver } = await rig(t);
  const held = hold(fake);
  const run = loop(saver);
  await steps(run, 5, held);
  await Promise.all(run.promises);
  assert.equal(writes(fake).length, 2);
  assert.deepEqual(fake.operations().filter((o) => o.put).map((o) => o.put.checkpoint_id), run.ids);
  assert.deepEqual(fake.operations().map((o) => (o.put ? "put" : "writes")).join(" "), "put writes put writes put writes put writes put");
});

test("a put that nothing vouches for is not done before it is stored", async (t) => {
  const { fake, saver } = await rig(t);
  const held = hold(fake);
  let done = false;
  const put = loop(saver).step(0).then(() => (done = true));
  await held.came;
  await turn();
  assert.equal(done, false);
  held.release();
  await put;
});

test("writes that vouch for a put are not done before it, and neither is a read", async (t) => {
  const { fake, saver } = await rig(t);
  const held = hold(fake);
  const run = loop(saver);
  const put = run.step(0);
  await held.came;
  fake.verdicts.push(undefined, undefined);
  const wrote = saver.putWrites(at(run.ids[0]), [["n", 1]], "task");
  await put;
  let read = false;
  const tuple = saver.getTuple(thread()).then((found) => ((read = true), found));
  const list = all(saver.list(thread())).then((found) => found.length);
  await turn();
  assert.equal(read, false);
  held.release();
  await wrote;
  assert.equal((await tuple).checkpoint.id, run.ids[0]);
  assert.equal(await list, 1);
});

test("a put that fails after it was vouched for fails what vouched for it, and nothing that stands on it is sent", async (t) => {
  const { fake, saver } = await rig(t);
  const held = hold(fake, faults.status(200, { results: [{ error: { code: "invalid_field", message: "no", field: "metadata" } }], incarnation: 1 }));
  const run = loop(saver);
  await steps(run, 4, held);
  const results = await Promise.allSettled(run.promises);
  assert.equal(results[0].status, "fulfilled", "its own caller had gone on");
  assert.deepEqual(new Set(results.slice(1).filter(({ status }) => status === "rejected").map(({ reason }) => reason.name)), new Set(["InvalidInputError"]));
  assert.equal(results[1].status, "rejected", "the writes on it say so");
  assert.equal(results.at(-1).status, "rejected");
  assert.equal(fake.operations().length, 0);
  await assert.rejects(saver.putWrites(at(run.ids[0]), [["n", 1]], "late"), { name: "InvalidInputError", message: /was not stored/ });
  await assert.rejects(run.step(9), { name: "InvalidInputError" });
});

test("a checkpoint that is there after all may be stood on", async (t) => {
  const { fake, saver } = await rig(t, { retryFor: 0 });
  const held = hold(fake, faults.answerLost);
  const run = loop(saver);
  await steps(run, 2, held);
  const [, wrote] = await Promise.allSettled(run.promises);
  assert.equal(wrote.reason.name, "UnreachableError");
  assert.equal((await saver.getTuple(thread())).checkpoint.id, run.ids[0]);
  await saver.putWrites(at(run.ids[0]), [["n", 1]], "again");
});

test("a thread is at most some checkpoints ahead, and fewer large ones", async (t) => {
  const { fake, saver } = await rig(t);
  const ahead = async (values) => {
    const held = hold(fake);
    const run = loop(saver, values);
    const done = await steps(run, 20, held);
    await Promise.all(run.promises);
    return done;
  };
  assert.equal(await ahead((n) => ({ n })), 8);
  const big = "x".repeat(3 << 20);
  assert.equal(await ahead(() => ({ big })), 0, "these are waited for");
  assert.equal(await ahead((n) => ({ big: `${n}${big}` })), 2);
});

test("a put of many new bytes, or one whose bytes take a while to make, is waited for", async (t) => {
  for (const [options, value] of [[{}, "x".repeat(100 << 10)], [{ serde: new MemorySaver().serde }, 1]]) {
    const { fake, saver } = await rig(t, options);
    const held = hold(fake);
    const run = loop(saver, (n) => ({ n: `${value}${n}` }));
    let done = false;
    const put = run.step(0).then(() => (done = true));
    await held.came;
    const wrote = saver.putWrites(at(run.ids[0]), [["n", 1]], "task");
    for (let i = 0; i < 5; i++) await turn();
    assert.equal(done, false);
    held.release();
    await Promise.all([put, wrote]);
  }
});
