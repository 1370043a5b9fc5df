const width = 10;

/**
 * The version after current, which nobody else makes: a counter and a random part, so that two branches of a thread
 * never give one version to two values. Text sorts as the counter does. A thread that came with numbers keeps numbers,
 * with a random fraction, because a number and a text have no order.
 */
export function nextVersion(current: number | string | null | undefined): number | string {
  if (typeof current === "number") return Math.floor(current) + 1 + Math.random();
  const [counter = "0"] = (current ?? "0").split(".");
  const next = String(Number.parseInt(counter, 10) + 1);
  return `${next.padStart(Math.max(width, counter.length), "0")}.${random()}`;
}

function random(): string {
  return Math.random().toString(36).slice(2, 12).padEnd(10, "0");
}
