import { deltaChannelHistoryTests, validate } from "@langchain/langgraph-checkpoint-validation";
import { Tenants } from "./tenants.mjs";

const tenants = new Tenants(0, 12);

/** Every saver has a tenant of its own while it lives: it sees empty storage, as the suite wants it. */
const initializer = {
  checkpointerName: "@duolog/langgraph-checkpoint",
  createCheckpointer: () => tenants.saver(),
  destroyCheckpointer: (saver) => tenants.release(saver),
};

validate(initializer);
deltaChannelHistoryTests(initializer);
