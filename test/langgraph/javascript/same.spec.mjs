import { randomUUID } from "node:crypto";
import { MemorySaver } from "@langchain/langgraph";
import { afterAll, describe, expect, test } from "vitest";
import { scenarios } from "./graphs.mjs";
import { Tenants } from "./tenants.mjs";

const tenants = new Tenants(12, 13);
const saver = tenants.saver();
afterAll(() => tenants.releaseAll());

describe.each(["sync", "async", "exit"])("durability %s", (durability) => {
  test.each(Object.entries(scenarios))("%s: as with MemorySaver", async (name, scenario) => {
    const config = { configurable: { thread_id: `${durability} ${name} ${randomUUID()}` }, durability };
    const expected = await scenario(new MemorySaver(), config);
    expect(await scenario(saver, config)).toEqual(expected);
  });
});
