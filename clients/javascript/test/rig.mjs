import { DuologSaver } from "@duolog/langgraph-checkpoint";
import { emptyCheckpoint, uuid6 } from "@langchain/langgraph-checkpoint";
import { Fake } from "./fake.mjs";

/** A double of the server and a saver of it, both gone when the test ends. */
export async function rig(t, options = {}) {
  const fake = await new Fake().start();
  const saver = DuologSaver.fromUrl(fake.url, { token: "secret", retryFor: 5000, ...options });
  t.after(async () => {
    await saver.end();
    await fake.stop();
  });
  return { fake, saver };
}

export const metadata = { source: "loop", step: 1, parents: {} };
export const thread = (thread_id = "t", more = {}) => ({ configurable: { thread_id, checkpoint_ns: "", ...more } });

let versions = 0;

/** A checkpoint whose values are all new, and their versions. */
export function checkpoint(channel_values = {}, more = {}) {
  const channel_versions = Object.fromEntries(Object.keys(channel_values).map((channel) => [channel, ++versions]));
  return { ...emptyCheckpoint(), id: uuid6(1), channel_values, channel_versions, ...more };
}

export async function put(saver, config, values, meta = metadata) {
  const given = checkpoint(values);
  return saver.put(config, given, meta, given.channel_versions);
}

export async function all(generator) {
  const items = [];
  for await (const item of generator) items.push(item);
  return items;
}

/** Faults for the double. */
export const faults = {
  /** The request never arrives. */
  lost: ({ response }) => {
    response.socket.destroy();
    return true;
  },
  /** The request does what it should; its answer is lost. */
  answerLost: ({ response, act }) => {
    act();
    response.socket.destroy();
    return true;
  },
  status: (status, body, headers = { "Duolog-Threads": "1" }) => ({ response }) => {
    response.writeHead(status, headers);
    response.end(typeof body === "string" ? body : JSON.stringify(body));
    return true;
  },
  /** Half of an answer, then the connection is gone. */
  cut: ({ response }) => {
    response.writeHead(200, { "Duolog-Threads": "1", "Content-Length": "1000" });
    response.write('{"checkpoint"');
    setImmediate(() => response.socket.destroy());
    return true;
  },
};
