import { createServer, request } from "node:http";

/** A proxy that delivers every request twice, one after the other, and answers with the second answer. */
export async function twice(url) {
  const { hostname, port } = new URL(url);
  const deliver = (from, body) =>
    new Promise((resolve, reject) => {
      const { method, url: path, headers } = from;
      const forwarded = request({ hostname, port, method, path, headers }, async (answer) => {
        const chunks = [];
        for await (const chunk of answer) chunks.push(chunk);
        resolve({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(chunks) });
      });
      forwarded.on("error", reject);
      forwarded.end(body);
    });
  const server = createServer(async (from, to) => {
    const chunks = [];
    for await (const chunk of from) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const first = await deliver(from, body);
    const second = await deliver(from, body);
    proxy.delivered++;
    if (first.status !== second.status) proxy.different.push([from.url, first.body.toString(), second.body.toString()]);
    to.writeHead(second.status, second.headers);
    to.end(second.body);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const stop = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  const proxy = { url: `http://127.0.0.1:${server.address().port}`, delivered: 0, different: [], stop };
  return proxy;
}
