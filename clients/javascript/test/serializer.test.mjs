import assert from "node:assert/strict";
import { test } from "node:test";
import { AIMessage, AIMessageChunk, FunctionMessage, HumanMessage, RemoveMessage, SystemMessage, ToolMessage } from "@langchain/core/messages";
import { DeltaSnapshot, MemorySaver } from "@langchain/langgraph-checkpoint";
import { rig } from "./rig.mjs";

const stock = new MemorySaver().serde;
const loop = { name: "loop" };
loop.self = loop;

const values = {
  null: null,
  undefined: undefined,
  numbers: [0, -0, 1.5, 1e308, NaN, Infinity],
  text: "NUL \0, quote \", ü, 🙂, lone \ud800",
  nested: { a: [{ b: { c: [undefined, { d: undefined }] } }] },
  set: new Set([1, { a: new Set(["x"]) }]),
  map: new Map([["k", new Map([[1, new Date(0)]])]]),
  regexp: /a+b/giu,
  error: new TypeError("wrong"),
  bytes: new Uint8Array([0, 1, 255]),
  bytesWithin: { b: new Uint8Array([1, 2]), buffer: Buffer.from("x") },
  send: { lg_name: "Send", node: "n", args: { a: 1 }, other: "dropped" },
  snapshot: new DeltaSnapshot([1, new Set([2])]),
  message: new HumanMessage({ content: "hi", id: "1", additional_kwargs: { x: undefined, s: new Set([1]) } }),
  messages: [new AIMessage({ content: "", tool_calls: [{ id: "c", name: "n", args: { q: 1 } }] }), new ToolMessage({ content: "r", tool_call_id: "c" })],
  kindsOfMessages: [
    new HumanMessage({ content: [{ type: "text", text: "hi" }, { type: "image_url", image_url: { url: "data:" } }], name: "mia" }),
    new SystemMessage({ content: "be brief", additional_kwargs: { a_b: [1, { lc: 1, type: "constructor", id: ["x"] }] }, response_metadata: { model_name: "m" } }),
    new AIMessage({ content: "x", usage_metadata: { input_tokens: 1, output_tokens: 2, total_tokens: 3 }, invalid_tool_calls: [{ id: "i", args: "{" }] }),
    new AIMessageChunk({ content: "x", tool_call_chunks: [{ index: 0, args: "{}", name: "n", id: "c" }] }),
    new ToolMessage({ content: "r", tool_call_id: "c", status: "error", artifact: { deep: [1] } }),
    new FunctionMessage({ content: "f", name: "fn" }),
    new RemoveMessage({ id: "1" }),
  ],
  escaped: new HumanMessage({ content: "c", additional_kwargs: { e: { __lc_escaped__: { lc: 1 } } } }),
  unknownMember: { lc: 1, type: "constructor", id: ["langchain_core", "messages", "HumanMessage"], kwargs: { content: "c", odd_name: 1, other: [2] } },
  noKwargs: [{ lc: 1, type: "constructor", id: ["langchain_core", "messages", "HumanMessage"] }],
  setOfMessages: new Set([new HumanMessage("in a set")]),
  dressedUp: { lc: 2, type: "constructor", id: ["Function"], method: null, args: [["return 1"]], kwargs: {} },
  half: { lc: 2, type: "constructor", id: ["Set"], method: "from", args: [[1]] },
  badRegExp: { lc: 2, type: "constructor", id: ["RegExp"], method: null, args: ["(", ""] },
  mention: 'a text with "lc" in it',
  getter: { get computed() { return 1; } },
  loop,
  bigint: { n: 1n },
};

for (const [name, value] of Object.entries(values)) {
  test(`${name} has LangGraph's own form and comes back as from there`, async (t) => {
    const { serde } = (await rig(t)).saver;
    const [type, bytes] = await serde.dumpsTyped(value);
    const [stockType, stockBytes] = await stock.dumpsTyped(value);
    assert.equal(type, stockType);
    assert.equal(Buffer.from(bytes).toString("latin1"), Buffer.from(stockBytes).toString("latin1"));
    const copy = new Uint8Array(bytes);
    assert.deepEqual(await serde.loadsTyped(type, copy), await stock.loadsTyped(type, copy));
  });
}

test("a member called __proto__ stays a member", async (t) => {
  const { serde } = (await rig(t)).saver;
  const text = '{"__proto__":{"polluted":{"lc":2,"type":"undefined"}},"x":{"lc":2,"type":"undefined"}}';
  const value = await serde.loadsTyped("json", text);
  assert.equal(value.polluted, undefined);
  assert.ok(Object.hasOwn(value, "__proto__"));
});

test("an unknown type is an error", async (t) => {
  const { serde } = (await rig(t)).saver;
  await assert.rejects(serde.loadsTyped("msgpack", new Uint8Array()), /Unknown serialization type: msgpack/);
});

test("a list is serialized as it is now, whatever was changed in its items", async (t) => {
  const { serde } = (await rig(t)).saver;
  const message = (n) => new HumanMessage({ id: `${n}`, content: [{ type: "text", text: `text ${n}` }] });
  const list = Array.from({ length: 20 }, (_, n) => (n % 2 ? message(n) : { n, deep: { list: [n, NaN], set: new Set([n]), when: new Date(n) } }));
  const changes = [
    () => {},
    () => (list[0].n = -0),
    () => (list[0].n = 0),
    () => list[2].deep.list.push(1),
    () => list[2].deep.set.add(1),
    () => list[4].deep.when.setTime(99),
    () => (list[1].content[0].text = "other"),
    () => (list[3].additional_kwargs.x = 1),
    () => (list[3].name = "n"),
    () => delete list[6].deep,
    () => (list[6].toJSON = () => "mine"),
    () => Object.defineProperty(list[8], "n", { value: 8, enumerable: false }),
    () => (list[10] = Object.assign(Object.create({ inherited: 1 }), list[10])),
    () => list.push(undefined, null, 1, "x", list[12]),
    () => (list[12] = { b: 1, a: 2 }),
    () => (list[12] = { a: 2, b: 1 }),
    () => (list[14].self = list[14]),
  ];
  for (const change of changes) {
    change();
    for (let i = 0; i < 2; i++) {
      const [, bytes] = await serde.dumpsTyped(list);
      const [, stockBytes] = await stock.dumpsTyped(list);
      assert.equal(Buffer.from(bytes).toString(), Buffer.from(stockBytes).toString(), change.toString());
    }
  }
});

test("lists that begin alike share what they have in common, and nothing else", async (t) => {
  const { serde } = (await rig(t)).saver;
  const all = Array.from({ length: 30 }, (_, n) => new HumanMessage({ id: `${n}`, content: `text ${n}` }));
  const sparse = [...all];
  delete sparse[5];
  const lists = [
    all.slice(0, 20),
    all,
    all.slice(0, 12),
    all.with(3, new HumanMessage("another branch")),
    all.toSpliced(4, 1),
    [...all, 1, "x", null],
    [...all, 1, "x", null, all[1]],
    [all[0], ...Array(12).fill(7)],
    sparse,
    Object.assign([...all], { toJSON: () => "mine" }),
    Array.from({ length: 40 }, (_, n) => n / 3),
    [null, ...all],
  ];
  for (const list of [...lists, ...lists.toReversed()]) {
    const [, bytes] = await serde.dumpsTyped(list);
    const [, stockBytes] = await stock.dumpsTyped(list);
    assert.equal(Buffer.from(bytes).toString(), Buffer.from(stockBytes).toString());
  }
});
