import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    globals: true,
    globalSetup: ["setup.mjs"],
    include: ["*.spec.mjs"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    // The validation package calls vitest's globals, and imports files that node does not find.
    server: { deps: { inline: [/@langchain\/langgraph-checkpoint-validation/] } },
  },
});
