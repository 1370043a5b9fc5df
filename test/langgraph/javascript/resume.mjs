// Resumes an interrupted graph in a process of its own: node resume.mjs URL TOKEN THREAD ANSWER
import { DuologSaver } from "@duolog/langgraph-checkpoint";
import { Command } from "@langchain/langgraph";
import { asking } from "./graphs.mjs";

const [url, token, thread_id, resume] = process.argv.slice(2);
const saver = DuologSaver.fromUrl(url, { token });
const { __interrupt__: asked = [], ...out } = await asking(saver).invoke(new Command({ resume }), { configurable: { thread_id } });
await saver.end();
console.log(JSON.stringify({ asked: asked.map(({ value }) => value), out }));
