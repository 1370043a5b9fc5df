import { createHash, randomUUID } from "node:crypto";

/** A configuration with tenants that savers may write to, and their tokens; the fenced ones fence their writers. */
export function configure({ tenants, fenced = 0 }) {
  const all = Array.from({ length: tenants + fenced }, (_, n) => ({ token: randomUUID(), tenant: tenant(n, n >= tenants) }));
  const tokens = all.map(({ token, tenant: { name } }) => ({ tenant: name, user: "js", sha256: createHash("sha256").update(token).digest("hex") }));
  const text = JSON.stringify({ tenants: all.map(({ tenant: one }) => one), tokens });
  const [open, closed] = [all.slice(0, tenants), all.slice(tenants)].map((part) => part.map(({ token }) => token));
  return { text, tokens: open, fenced: closed };
}

function tenant(n, fences) {
  const flow = { definition: "developer/v1", version: "1.0.0" };
  const place = { namespace: { path: `js-${n}`, id: 2 * n + 1 }, project: { path: `js-${n}/agents`, id: 2 * n + 2 } };
  const policy = fences ? { threads: { writers: "fence" } } : {};
  return { name: `js-${n}`, ...place, flow, default_user: "js", allow_runless: true, ...policy };
}
