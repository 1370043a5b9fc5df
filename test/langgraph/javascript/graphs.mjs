import { HumanMessage } from "@langchain/core/messages";
import { Annotation, Command, DeltaChannel, END, interrupt, MessagesAnnotation, Send, START, StateGraph } from "@langchain/langgraph";

const list = () => Annotation({ reducer: (a, b) => a.concat(b), default: () => [] });
const State = Annotation.Root({ log: list(), count: Annotation(), plan: Annotation() });
const says = (...words) => async ({ count = 0 }) => ({ log: words, count: count + 1 });

/** What a thread's history shows, without what differs between two runs of one graph. */
export async function history(graph, config) {
  const states = [];
  for await (const { values, next, metadata, tasks } of graph.getStateHistory(config)) {
    const shown = tasks.map(({ name, interrupts = [], error }) => ({ name, interrupts: interrupts.map(({ value }) => value), failed: error !== undefined }));
    states.push({ values, next, step: metadata.step, source: metadata.source, tasks: shown });
  }
  return states;
}

/** A graph that answers until it has `steps` answers of `size` characters. */
export const conversation = (checkpointer, { steps = 5, size = 40, onStep } = {}) =>
  new StateGraph(State)
    .addNode("talk", async ({ count = 0 }) => {
      await onStep?.(count);
      return { log: [{ role: "ai", n: count, content: `${count} `.repeat(size / 2) }], count: count + 1, plan: count % 5 === 0 ? { at: count } : undefined };
    })
    .addEdge(START, "talk")
    .addConditionalEdges("talk", ({ count }) => (count < steps ? "talk" : END))
    .compile({ checkpointer });

const fanOut = (checkpointer) =>
  ["a", "b", "c"]
    .reduce((graph, name) => graph.addNode(name, async () => ({ log: [name] })).addEdge("split", name), new StateGraph(State).addNode("split", says("split")))
    .addNode("join", says("join"))
    .addEdge(START, "split")
    .addEdge(["a", "b", "c"], "join")
    .compile({ checkpointer });

const sends = (checkpointer) =>
  new StateGraph(State)
    .addNode("split", async () => ({ plan: [1, 2, 3, 4] }))
    .addNode("work", async ({ item }) => ({ log: [item * item] }))
    .addEdge(START, "split")
    .addConditionalEdges("split", ({ plan }) => plan.map((item) => new Send("work", { item })), ["work"])
    .compile({ checkpointer });

/** A conversation whose log is kept as what was added to it, with a snapshot every five. */
export const delta = (checkpointer, steps) => {
  const log = () => new DeltaChannel((state, writes) => state.concat(...writes), { snapshotFrequency: 5, initialValueFactory: () => [] });
  return new StateGraph(Annotation.Root({ log, count: Annotation() }))
    .addNode("talk", async ({ count = 0 }) => ({ log: [`${count}`], count: count + 1 }))
    .addEdge(START, "talk")
    .addConditionalEdges("talk", ({ count }) => (count < steps ? "talk" : END))
    .compile({ checkpointer });
};

/** A graph that asks a person, in a subgraph, twice. */
export const asking = (checkpointer) => {
  const inner = new StateGraph(State)
    .addNode("ask", async () => ({ log: [`first ${interrupt({ question: "first?" })}`, `second ${interrupt("second?")}`] }))
    .addNode("note", says("noted"))
    .addEdge(START, "ask")
    .addEdge("ask", "note")
    .compile();
  return new StateGraph(State)
    .addNode("before", says("before"))
    .addNode("inner", inner)
    .addNode("after", says("after"))
    .addEdge(START, "before")
    .addEdge("before", "inner")
    .addEdge("inner", "after")
    .compile({ checkpointer });
};

/** Two nodes side by side of which one throws while broken.now is true. */
const breaking = (checkpointer, broken) =>
  new StateGraph(State)
    .addNode("split", says("split"))
    .addNode("fine", async () => {
      broken.ran.push("fine");
      return { log: ["fine"] };
    })
    .addNode("breaks", async () => {
      await new Promise((resolve) => setTimeout(resolve, 50));
      if (broken.now) throw new Error("broken");
      return { log: ["mended"] };
    })
    .addEdge(START, "split")
    .addEdge("split", "fine")
    .addEdge("split", "breaks")
    .compile({ checkpointer });

const chat = (checkpointer) =>
  new StateGraph(MessagesAnnotation)
    .addNode("echo", async ({ messages }) => ({ messages: [new HumanMessage({ id: `m${messages.length}`, content: `echo ${messages.at(-1).content}` })] }))
    .addEdge(START, "echo")
    .compile({ checkpointer });

/** Ordinary graphs: each is run on a saver and says what came of it. */
export const scenarios = {
  async "a loop with a reducer"(checkpointer, config) {
    const graph = conversation(checkpointer);
    return { out: await graph.invoke({ log: ["begin"] }, config), history: await history(graph, config) };
  },
  async "a fan-out and its join"(checkpointer, config) {
    const graph = fanOut(checkpointer);
    const updates = [];
    for await (const update of await graph.stream({ log: [] }, { ...config, streamMode: "values" })) updates.push(update);
    return { updates, history: await history(graph, config) };
  },
  async "sends to one node"(checkpointer, config) {
    const graph = sends(checkpointer);
    return { out: await graph.invoke({ log: [] }, config), history: await history(graph, config) };
  },
  async "interrupts in a subgraph"(checkpointer, config) {
    const graph = asking(checkpointer);
    const questions = async (out) => [out, (await graph.getState(config)).tasks.flatMap(({ interrupts }) => interrupts.map(({ value }) => value))];
    const plain = ({ __interrupt__: _, ...out }) => out;
    const seen = [await questions(plain(await graph.invoke({ log: [] }, config)))];
    seen.push(await questions(plain(await graph.invoke(new Command({ resume: "one" }), config))));
    seen.push(await questions(plain(await graph.invoke(new Command({ resume: "two" }), config))));
    return { seen, history: await history(graph, config) };
  },
  async "a node that throws and is tried again"(checkpointer, config) {
    const broken = { now: true, ran: [] };
    const graph = breaking(checkpointer, broken);
    const error = await graph.invoke({ log: [] }, config).catch(({ message }) => message);
    const between = await history(graph, config);
    broken.now = false;
    return { error, between, out: await graph.invoke(null, config), ran: broken.ran, history: await history(graph, config) };
  },
  async "a fork by updateState"(checkpointer, config) {
    const graph = conversation(checkpointer, { steps: 4 });
    await graph.invoke({ log: [] }, config);
    const states = [];
    for await (const state of graph.getStateHistory(config)) states.push(state);
    const fork = await graph.updateState(states[Math.min(2, states.length - 1)].config, { log: ["changed"], count: 1 });
    const out = await graph.invoke(null, { ...config, ...fork });
    return { out, history: await history(graph, config), old: (await graph.getState(states[0].config)).values };
  },
  async "a channel that is kept as deltas"(checkpointer, config) {
    const graph = delta(checkpointer, 12);
    return { out: await graph.invoke({ log: ["begin"] }, config), history: await history(graph, config) };
  },
  async "messages of a chat over several runs"(checkpointer, config) {
    const graph = chat(checkpointer);
    for (const content of ["one", "two"]) await graph.invoke({ messages: [new HumanMessage({ id: content, content })] }, config);
    const { values } = await graph.getState(config);
    return values.messages.map((message) => [message.constructor.name, message.getType(), message.id, message.content]);
  },
};
