// A double of Duolog's /v1/threads in memory, for tests of the package: what it stores is lost with it, and it fails
// when it is told to.
import { createHash } from "node:crypto";
import { createServer } from "node:http";

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const sha = (bytes) => createHash("sha256").update(bytes).digest("hex");
const refuse = (status, code, message, field = "", fix = "") => Object.assign(new Error(message), { status, refusal: { code, message, field, fix } });

export class Fake {
  /** Requests that came, oldest first: {endpoint, body, tail}. */
  requests = [];
  /** What befalls the next requests: functions of ({endpoint, response, act}) that return true once they answered. */
  faults = [];
  /** What befalls the next operations: error codes or undefined. */
  verdicts = [];
  headers = { "Duolog-Threads": "1" };
  /** Whether a token is one of the tenants'; each token is a tenant of its own. */
  accepts = (token) => token === "secret";
  #tenants = new Map();
  #tenant;
  #server = createServer((request, response) => void this.#serve(request, response));

  async start() {
    await new Promise((resolve) => this.#server.listen(this.port ?? 0, "127.0.0.1", resolve));
    this.port = this.#server.address().port;
    this.url = `http://127.0.0.1:${this.port}`;
    return this;
  }

  /** Goes away; start brings it back at the same address, with what it stored. */
  async stop() {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  /** The operations that came, in order, as their requests have them. */
  operations() {
    return this.requests.filter(({ endpoint }) => endpoint === "write").flatMap(({ body }) => body.operations);
  }

  async #serve(request, response) {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const endpoint = request.url.replace("/v1/threads/", "");
    const act = () => this.#act(endpoint, request, Buffer.concat(chunks));
    const fault = this.faults.shift();
    if (fault?.({ endpoint, response, act })) return;
    this.#answer(response, act);
  }

  #answer(response, act) {
    let status = 200;
    let body;
    try {
      body = act();
    } catch (error) {
      if (error.refusal === undefined) throw error;
      status = error.status;
      body = { json: { request_id: "r1", ...error.refusal } };
    }
    response.writeHead(status, { "Content-Type": "application/vnd.duolog.values", ...this.headers });
    response.end(Buffer.concat([Buffer.from(`${JSON.stringify(body.json)}\n`), ...(body.pieces ?? [])]));
  }

  #act(endpoint, request, bytes) {
    this.#enter(request.headers.authorization?.replace("Bearer ", ""));
    const end = bytes.indexOf(10);
    const body = JSON.parse(bytes.subarray(0, end < 0 ? bytes.length : end).toString());
    const tail = end < 0 ? Buffer.alloc(0) : bytes.subarray(end + 1);
    this.requests.push({ endpoint, body, tail });
    return this[endpoint](body, tail);
  }

  #enter(token) {
    if (!this.accepts(token)) throw refuse(401, "unauthenticated", "no such token");
    this.#tenant = this.#tenants.get(token) ?? new Map();
    this.#tenants.set(token, this.#tenant);
  }

  #thread(id) {
    if (typeof id !== "string" || id === "" || Buffer.byteLength(id) > 1024) {
      throw refuse(400, "invalid_field", "a thread id has 1 to 1024 bytes", "thread_id");
    }
    return this.#tenant.get(id);
  }

  write(body, tail) {
    let thread = this.#thread(body.thread_id);
    if (thread === undefined || thread.deleted) {
      const next = (thread?.incarnation ?? 0) + 1;
      if (body.incarnation !== undefined && body.incarnation < next) {
        return { json: this.#written(body, thread, body.operations.map(() => ({ error: { code: "thread_deleted", message: "the thread was deleted" } }))) };
      }
      thread = { incarnation: next, checkpoints: new Map(), writes: new Map(), done: thread?.done ?? new Map() };
      this.#tenant.set(body.thread_id, thread);
    }
    const results = body.operations.map((operation) => this.#operation(thread, body, operation, tail));
    return { json: this.#written(body, thread, results) };
  }

  #written(body, thread, results) {
    return { thread_id: body.thread_id, workflow: "00000000-0000-5000-8000-000000000000", incarnation: thread.incarnation, results };
  }

  #operation(thread, body, operation, tail) {
    const verdict = this.verdicts.shift();
    if (verdict !== undefined) return { error: { code: verdict, message: `as told: ${verdict}` } };
    if (thread.done.has(operation.key)) return thread.done.get(operation.key);
    let result;
    try {
      result = operation.put ? this.#put(thread, operation.put, tail) : this.#writes(thread, operation.writes, tail);
    } catch (error) {
      if (error.refusal === undefined) throw error;
      result = { error: error.refusal };
    }
    thread.done.set(operation.key, result);
    return result;
  }

  #put(thread, put, tail) {
    if (!uuid.test(put.checkpoint_id)) throw refuse(400, "invalid_field", "no UUID", "checkpoint_id");
    const values = new Map();
    for (const { channel, value } of put.values) values.set(channel, this.#value(thread, put.checkpoint_ns, channel, value, tail));
    const parent = thread.checkpoints.get(`${put.checkpoint_ns}\0${put.parent_checkpoint_id}`);
    for (const [channel, version] of Object.entries(put.checkpoint.channel_versions ?? {})) {
      if (values.has(channel)) continue;
      const carried = this.#carried(thread, put.checkpoint_ns, parent, channel, version);
      if (carried !== undefined) values.set(channel, carried);
    }
    const number = thread.checkpoints.size + 1;
    thread.checkpoints.set(`${put.checkpoint_ns}\0${put.checkpoint_id}`, { ...put, values, number });
    return { put: { checkpoint_id: put.checkpoint_id, number } };
  }

  #carried(thread, ns, parent, channel, version) {
    const has = (checkpoint) => checkpoint?.checkpoint.channel_versions?.[channel] === version && checkpoint.values.has(channel);
    if (has(parent)) return parent.values.get(channel);
    return sorted(thread).find((checkpoint) => checkpoint.checkpoint_ns === ns && has(checkpoint))?.values.get(channel);
  }

  #value(thread, ns, channel, value, tail) {
    if (value.parts === undefined) return { type: value.type, bytes: Buffer.from(tail.subarray(value.at, value.at + value.size)) };
    const base = thread.checkpoints.get(`${ns}\0${value.base.checkpoint_id}`)?.values.get(channel);
    if (base === undefined || sha(base.bytes) !== value.base.sha256) throw refuse(409, "send_whole", "the base is not there");
    const parts = value.parts.map((part) => (part.copy ? base.bytes.subarray(part.copy[0], part.copy[0] + part.copy[1]) : tail.subarray(part.at, part.at + part.size)));
    const bytes = Buffer.concat(parts);
    if (sha(bytes) !== value.sha256) throw refuse(409, "send_whole", "the result is another");
    return { type: value.type, bytes };
  }

  #writes(thread, { checkpoint_ns, checkpoint_id, task_id, task_path, writes }, tail) {
    const key = `${checkpoint_ns}\0${checkpoint_id}`;
    const stored = thread.writes.get(key) ?? new Map();
    thread.writes.set(key, stored);
    const special = writes.every(({ idx }) => idx < 0);
    for (const { idx, channel, value } of writes) {
      const place = `${task_id}\0${idx}`;
      if (stored.has(place) && !special) continue;
      stored.set(place, { task_id, task_path, idx, channel, type: value.type, bytes: Buffer.from(tail.subarray(value.at, value.at + value.size)) });
    }
    return { writes: {} };
  }

  get({ thread_id, checkpoint_ns, checkpoint_id }) {
    const thread = this.#thread(thread_id);
    if (checkpoint_id !== undefined && !uuid.test(checkpoint_id)) throw refuse(400, "invalid_field", "no UUID", "checkpoint_id");
    const found = sorted(thread).find((c) => c.checkpoint_ns === checkpoint_ns && (checkpoint_id === undefined || c.checkpoint_id === checkpoint_id));
    const out = new Out();
    const incarnation = thread === undefined ? {} : { incarnation: thread.incarnation };
    return { json: { checkpoint: found ? out.tuple(thread_id, thread, found) : null, ...incarnation }, pieces: out.pieces };
  }

  list({ thread_id, checkpoint_ns, checkpoint_id, filter = {}, before, limit = 1e9, cursor }) {
    if (thread_id !== undefined) this.#thread(thread_id);
    const ids = thread_id === undefined ? [...this.#tenant.keys()] : [thread_id];
    const all = ids.flatMap((id) => sorted(this.#tenant.get(id)).map((checkpoint) => ({ id, checkpoint })));
    const rows = all
      .filter(({ checkpoint: c }) => checkpoint_ns === undefined || c.checkpoint_ns === checkpoint_ns)
      .filter(({ checkpoint: c }) => checkpoint_id === undefined || c.checkpoint_id === checkpoint_id)
      .filter(({ checkpoint: c }) => before === undefined || c.checkpoint_id < before)
      .filter(({ checkpoint: c }) => Object.entries(filter).every(([k, v]) => JSON.stringify(c.metadata[k]) === JSON.stringify(v)))
      .sort((a, b) => (a.checkpoint.checkpoint_id < b.checkpoint.checkpoint_id ? 1 : -1));
    const from = Number(cursor ?? 0);
    const until = Math.min(rows.length, from + Math.min(limit, this.page ?? 100));
    const out = new Out();
    const checkpoints = rows.slice(from, until).map(({ id, checkpoint }) => out.tuple(id, this.#tenant.get(id), checkpoint));
    return { json: { checkpoints, next: until < rows.length ? String(until) : null }, pieces: out.pieces };
  }

  history({ thread_id, checkpoint_ns, checkpoint_id, channels }) {
    const thread = this.#thread(thread_id);
    const at = (id) => thread?.checkpoints.get(`${checkpoint_ns}\0${id}`);
    const target = checkpoint_id === undefined ? sorted(thread).find((c) => c.checkpoint_ns === checkpoint_ns) : at(checkpoint_id);
    const out = new Out();
    const entry = (channel) => {
      const writes = [];
      for (let c = at(target?.parent_checkpoint_id); c !== undefined; c = at(c.parent_checkpoint_id)) {
        const own = ordered(thread, c, (a, b) => (a.task_id < b.task_id ? -1 : a.task_id > b.task_id ? 1 : a.idx - b.idx));
        const found = own.filter((write) => write.channel === channel).map((write) => ({ ...out.write(write), checkpoint_id: c.checkpoint_id }));
        writes.unshift(...found);
        if (c.values.has(channel)) return { writes, seed: out.value(c.values.get(channel)) };
      }
      return { writes };
    };
    return { json: { channels: Object.fromEntries(channels.map((channel) => [channel, entry(channel)])) }, pieces: out.pieces };
  }

  delete({ thread_id }) {
    const thread = this.#thread(thread_id);
    if (thread) Object.assign(thread, { deleted: true, checkpoints: new Map(), writes: new Map() });
    return { json: {} };
  }

  delete_runs({ run_ids }) {
    let removed = 0;
    for (const { checkpoints } of this.#tenant.values()) {
      for (const [key, { metadata }] of checkpoints) {
        if (run_ids.includes(metadata.run_id) && checkpoints.delete(key)) removed++;
      }
    }
    return { json: { removed } };
  }

  copy({ source, target }) {
    const thread = this.#thread(source);
    if (thread) this.#tenant.set(target, structuredClone(thread));
    return { json: { checkpoints: thread?.checkpoints.size ?? 0 } };
  }

  prune({ thread_ids, strategy }) {
    for (const thread_id of thread_ids) if (strategy === "delete") this.delete({ thread_id });
    return { json: { removed: thread_ids.length } };
  }

  retention() {
    return { json: {} };
  }
}

function sorted(thread) {
  return [...(thread?.checkpoints.values() ?? [])].sort((a, b) => (a.checkpoint_id < b.checkpoint_id ? 1 : -1));
}

function ordered(thread, { checkpoint_ns, checkpoint_id }, order) {
  return [...(thread.writes.get(`${checkpoint_ns}\0${checkpoint_id}`)?.values() ?? [])].sort(order);
}

/** The tail of an answer. */
class Out {
  pieces = [];
  #size = 0;

  value({ type, bytes }) {
    this.pieces.push(bytes);
    this.#size += bytes.length;
    return { type, at: this.#size - bytes.length, size: bytes.length };
  }

  write({ task_id, task_path, idx, channel, type, bytes }) {
    return { task_id, task_path, idx, channel, value: this.value({ type, bytes }) };
  }

  tuple(thread_id, thread, stored) {
    const { checkpoint_ns, checkpoint_id, parent_checkpoint_id, checkpoint, metadata, values, number } = stored;
    const byTask = (a, b) => (`${a.task_path}\0${a.task_id}` < `${b.task_path}\0${b.task_id}` ? -1 : a.task_id === b.task_id ? a.idx - b.idx : 1);
    const tuple = { thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, checkpoint, metadata, number, created_at: "2026-01-01T00:00:00Z" };
    tuple.values = [...values].map(([channel, value]) => ({ channel, value: this.value(value) }));
    tuple.writes = ordered(thread, stored, byTask).map((write) => this.write(write));
    if (!(checkpoint.v < 4) || parent_checkpoint_id === null) return tuple;
    const sends = ordered(thread, { checkpoint_ns, checkpoint_id: parent_checkpoint_id }, byTask);
    tuple.pending_sends = sends.filter(({ channel }) => channel === "__pregel_tasks").map((write) => this.write(write));
    return tuple;
  }
}
