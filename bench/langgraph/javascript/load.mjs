// Loads of make bench/langgraph in JavaScript: the stock saver and Duolog's, in one process, told what to do line by line.
//
// A line of standard input is {"do": NAME, ...arguments}; its answer is a line of JSON, {"error": …} where it failed. Where a
// saver is named it is "stock" or "duolog". What is measured is what ../python/load.py measures.

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { randomUUID } from "node:crypto";
import { AIMessage } from "@langchain/core/messages";
import { Annotation, END, START, StateGraph, messagesStateReducer } from "@langchain/langgraph";
import { uuid6 } from "@langchain/langgraph-checkpoint";
import { PostgresSaver } from "@langchain/langgraph-checkpoint-postgres";

const { DuologSaver } = await import("@duolog/langgraph-checkpoint").catch((e) => {
  if (e.code !== "ERR_MODULE_NOT_FOUND") throw e;
  return {};
});

// New text at each cut: random, or like English.
const kinds = Object.fromEntries(["random", "english"].map((k) => [k, readFileSync(process.env[`BENCH_${k.toUpperCase()}`], "latin1")]));
let at = 0;
function cut(kind, size) {
  const text = kinds[kind];
  at = (at + size) % (text.length - size);
  return text.slice(at, at + size);
}

// What a model says: with an id, as models give.
const said = (kind, size) => new AIMessage({ content: cut(kind, size), id: randomUUID() });

const made = new Map();
async function saverOf(name) {
  if (!made.has(name)) {
    if (name === "duolog") {
      made.set(name, DuologSaver.fromUrl(process.env.DUOLOG_URL, { token: process.env.DUOLOG_TOKEN }));
    } else {
      const saver = PostgresSaver.fromConnString(process.env.STOCK_DATABASE);
      await saver.setup();
      made.set(name, saver);
    }
  }
  return made.get(name);
}

// A thread that is written to as LangGraph's loop does: one put a step, and the writes of its task.
class Thread {
  constructor(saver, messages, kind, item) {
    Object.assign(this, { saver, kind, item, id: randomUUID(), parent: undefined, step: -1, version: undefined });
    this.messages = messages.map((size) => this.fresh(size));
  }

  config(checkpoint) {
    return { configurable: { thread_id: this.id, checkpoint_ns: "", ...(checkpoint && { checkpoint_id: checkpoint }) } };
  }

  fresh(size) {
    return this.item === "message" ? said(this.kind, size) : { role: "assistant", content: cut(this.kind, size) };
  }

  // One checkpoint whose channels are all new.
  async put(values) {
    this.step += 1;
    this.version = this.saver.getNextVersion(this.version);
    const versions = Object.fromEntries(Object.keys(values).map((c) => [c, this.version]));
    const checkpoint = {
      v: 4,
      id: uuid6(this.step),
      ts: "2026-01-01T00:00:00+00:00",
      channel_values: values,
      channel_versions: versions,
      versions_seen: { agent: versions },
    };
    await this.saver.put(this.config(this.parent), checkpoint, { source: "loop", step: this.step, parents: {} }, versions);
    this.parent = checkpoint.id;
  }

  // A step that adds a message: the task's write, then the checkpoint.
  async take(size) {
    const message = this.fresh(size);
    if (this.parent) await this.saver.putWrites(this.config(this.parent), [["messages", [message]]], randomUUID());
    this.messages = [...this.messages, message];
    await this.put({ messages: this.messages });
  }
}

async function timed(call) {
  const began = performance.now();
  await call();
  return performance.now() - began;
}

// Times of calls one after another, in milliseconds, for so long and at least so many.
async function repeated(call, seconds, least) {
  const times = [];
  const began = performance.now();
  while (times.length < least || performance.now() - began < seconds * 1000) times.push(await timed(call));
  return { times };
}

const threads = new Map();
const keep = (thread) => {
  threads.set(thread.id, thread);
  return { thread: thread.id };
};
const must = (holds) => {
  if (!holds) throw new Error("another answer was expected");
};
const Messages = { messages: Annotation({ reducer: messagesStateReducer, default: () => [] }) };

const asked = {
  // A real graph of one node that adds a message a step.
  async conversation({ saver, steps, size, kind }) {
    const graph = new StateGraph(Annotation.Root(Messages))
      .addNode("agent", () => ({ messages: [said(kind, size)] }))
      .addEdge(START, "agent")
      .addConditionalEdges("agent", (s) => (s.messages.length < steps ? "agent" : END), ["agent", END])
      .compile({ checkpointer: await saverOf(saver) });
    const config = { configurable: { thread_id: randomUUID() }, recursionLimit: steps + 10 };
    return { seconds: (await timed(() => graph.invoke({ messages: [] }, config))) / 1000 };
  },

  // Puts of a small state at one thread.
  async put({ saver, seconds, least }) {
    const thread = new Thread(await saverOf(saver), [], "english");
    return repeated(() => thread.put({ status: cut("english", 500) }), seconds, least);
  },

  // A thread with a large state and some checkpoints that have it; the answer names it.
  async prepare({ saver, items, size, last, item }) {
    const thread = new Thread(await saverOf(saver), Array(items).fill(size), "english", item);
    for (let i = 0; i < last; i++) await thread.take(size);
    return keep(thread);
  },

  // The newest checkpoint of a prepared thread.
  async read({ thread, seconds, least }) {
    const t = threads.get(thread);
    return repeated(async () => {
      const found = await t.saver.getTuple(t.config());
      must(found.checkpoint.channel_values.messages.length === t.messages.length);
    }, seconds, least);
  },

  // The newest checkpoints of a prepared thread.
  async listed({ thread, count, seconds, least }) {
    const t = threads.get(thread);
    return repeated(async () => {
      let n = 0;
      for await (const _ of t.saver.list(t.config(), { limit: count })) n += 1;
      must(n === count);
    }, seconds, least);
  },

  // A thread that has that many messages, of which the last ones were sent one by one.
  async grown({ saver, steps, size, item, sent }) {
    const thread = new Thread(await saverOf(saver), Array(steps - sent).fill(size), "english", item);
    for (let i = 0; i < sent; i++) await thread.take(size);
    return keep(thread);
  },

  // Times of the next steps.
  async steps({ thread, count, size }) {
    const times = [];
    for (let i = 0; i < count; i++) times.push(await timed(() => threads.get(thread).take(size)));
    return { times };
  },

  // Steps a second of a real graph with a fan-out of three, on some threads at once.
  async graphs({ saver, threads, steps, size }) {
    const last = (_, b) => b;
    const State = Annotation.Root({
      ...Messages,
      status: Annotation({ reducer: last, default: () => "" }),
      plan: Annotation({ reducer: last, default: () => "" }),
      count: Annotation({ reducer: (a, b) => a + b, default: () => 0 }),
    });
    const names = ["agent", "watch", "planner"];
    const graph = new StateGraph(State)
      .addNode("agent", () => ({ messages: [said("english", size)], count: 1 }))
      .addNode("watch", (s) => ({ status: `step ${s.count}` }))
      .addNode("planner", (s) => (s.count % 5 === 0 ? { plan: cut("english", 2000) } : {}));
    for (const name of names) graph.addEdge(START, name);
    graph.addConditionalEdges("agent", (s) => (s.count < steps ? names : END), [...names, END]);
    const compiled = graph.compile({ checkpointer: await saverOf(saver) });
    const run = () => compiled.invoke({ messages: [], count: 0 }, { configurable: { thread_id: randomUUID() }, recursionLimit: steps + 10 });
    const took = await timed(() => Promise.all(Array.from({ length: threads }, run)));
    return { rate: (threads * steps) / (took / 1000) };
  },

  // Which savers there are.
  async has() {
    return { savers: ["stock", ...(DuologSaver ? ["duolog"] : [])] };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { do: what, ...rest } = JSON.parse(line);
  let answer;
  try {
    answer = await asked[what](rest);
  } catch (e) {
    answer = { error: String(e?.stack ?? e) };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
process.exit(0);
