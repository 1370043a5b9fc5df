import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { promisify } from "node:util";
import { DuologSaver } from "@duolog/langgraph-checkpoint";
import { MemorySaver } from "@langchain/langgraph";
import { afterAll, beforeAll, expect, test } from "vitest";
import { asking, conversation, history } from "./graphs.mjs";
import { Server } from "./server.mjs";

const run = promisify(execFile);
let server;
let saver;

beforeAll(async () => {
  server = await Server.start({ tenants: 1 });
  saver = DuologSaver.fromUrl(server.url, { token: server.tokens[0] });
});

afterAll(async () => {
  await saver.end();
  await server.stop();
});

const threadConfig = (durability) => ({ configurable: { thread_id: randomUUID() }, durability, recursionLimit: 200 });

/** Kills the server in the middle of a run, brings it back, and returns what the run and its history came to. */
async function interrupted(durability) {
  let back;
  const onStep = async (step) => {
    if (step === 10) back = server.kill().then(() => server.restart());
  };
  const config = threadConfig(durability);
  const out = await conversation(saver, { steps: 25, size: 2000, onStep }).invoke({ log: ["begin"] }, config);
  await back;
  return { out, history: await history(conversation(saver), config) };
}

test.each(["sync", "async"])("a server killed in the middle of a run stops nothing and loses nothing: durability %s", async (durability) => {
  const config = threadConfig(durability);
  const memory = conversation(new MemorySaver(), { steps: 25, size: 2000 });
  const expected = { out: await memory.invoke({ log: ["begin"] }, config), history: await history(memory, config) };
  expect(await interrupted(durability)).toEqual(expected);
});

test("a server that is away for 10 s in the middle of a run stops nothing", async () => {
  const onStep = async (step) => {
    if (step !== 3) return;
    await server.kill();
    setTimeout(() => server.restart(), 10_000);
  };
  const config = threadConfig("sync");
  const out = await conversation(saver, { steps: 6, onStep }).invoke({ log: ["begin"] }, config);
  expect(out.log).toHaveLength(7);
  expect((await conversation(saver).getState(config)).values.log).toEqual(out.log);
}, 120_000);

test("what was interrupted goes on in another process", async () => {
  const config = threadConfig("sync");
  const { thread_id } = config.configurable;
  await asking(saver).invoke({ log: [] }, config);
  const resume = async (answer) => JSON.parse((await run(process.execPath, ["resume.mjs", server.url, server.tokens[0], thread_id, answer])).stdout);
  expect((await resume("one")).asked).toEqual(["second?"]);
  const { asked, out } = await resume("two");
  expect([asked, out.log]).toEqual([[], ["before", "before", "first one", "second two", "noted", "after"]]);
  expect((await asking(saver).getState(config)).next).toEqual([]);
});
