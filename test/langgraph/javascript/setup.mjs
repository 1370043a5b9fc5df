import { Server } from "./server.mjs";

const words = (text = "") => text.split(" ").filter((word) => word !== "");

/** One server for all files of a run: the one that DUOLOG_URL names, or one of their own. */
export default async function setup({ provide }) {
  const { DUOLOG_URL: url, DUOLOG_TOKENS, DUOLOG_FENCED_TOKENS } = process.env;
  if (url) {
    give(provide, { url, tokens: words(DUOLOG_TOKENS), fenced: words(DUOLOG_FENCED_TOKENS) });
    return undefined;
  }
  const server = await Server.start({ tenants: 28, fenced: 4 });
  give(provide, server);
  return () => server.stop();
}

function give(provide, { url, tokens, fenced }) {
  provide("url", url);
  provide("tokens", tokens);
  provide("fenced", fenced);
}
