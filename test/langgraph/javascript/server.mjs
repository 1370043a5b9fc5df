import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { configure } from "./config.mjs";

/** A duolog dev of these tests, with tenants of its own, that can be killed and started again. */
export class Server {
  #dir;
  #flags;
  #process;
  #said = "";

  static async start(counts) {
    const { text, tokens, fenced } = configure(counts);
    const server = Object.assign(new Server(), { tokens, fenced });
    server.#dir = await mkdtemp(join(tmpdir(), "duolog-langgraph-"));
    const config = join(server.#dir, "duolog.yaml");
    await writeFile(config, text);
    const listen = `127.0.0.1:${await freePort()}`;
    server.url = `http://${listen}`;
    server.#flags = ["dev", "--config", config, "--state-dir", join(server.#dir, "state"), "--log-level", "warn", "--listen", listen];
    server.#flags.push("--log-listen", "127.0.0.1:0", "--database-listen", "127.0.0.1:0");
    await server.restart();
    return server;
  }

  /** Starts it where it does not run, and waits until it is ready. */
  async restart() {
    let failed;
    const child = spawn(process.env.DUOLOG_BIN, this.#flags, { env: withoutSettings(), stdio: ["ignore", "pipe", "pipe"] });
    this.#process = child.on("error", (error) => (failed = error));
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (this.#said = `${this.#said}${text}`.slice(-8000)));
    while (!(await this.#ready())) {
      if (failed !== undefined) throw failed;
      if (child.exitCode !== null) throw new Error(`duolog dev ended with ${child.exitCode}: ${this.#said}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Ends it without a word, as a machine that loses power does, and resolves when it is gone. */
  kill() {
    return this.#end("SIGKILL");
  }

  async stop() {
    await this.#end("SIGTERM");
    await rm(this.#dir, { recursive: true, force: true });
  }

  async #end(signal) {
    const child = this.#process;
    if (child.exitCode !== null || child.signalCode !== null) return;
    await new Promise((resolve) => {
      child.on("exit", resolve);
      child.kill(signal);
    });
  }

  async #ready() {
    return fetch(`${this.url}/readyz`).then(({ ok }) => ok, () => false);
  }
}

/** The environment without what would set up a server: that may be for another one. */
function withoutSettings() {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("DUOLOG_")));
}

/** A port that nobody has, below those that outgoing connections take: it stays free while the server is down. */
async function freePort() {
  for (;;) {
    const port = 24_000 + Math.floor(Math.random() * 8_000);
    const server = createServer();
    const free = await new Promise((resolve) => server.once("error", () => resolve(false)).listen(port, "127.0.0.1", () => resolve(true)));
    if (!free) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}
