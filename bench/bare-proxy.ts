// The yardstick: the least a proxy on Bun can do. Native bodies both ways, the client's signal into fetch,
// no line more; whatever the gateway costs above this is ours. Ends with stdin.

import { z } from "zod";

const upstream = z.url().parse(process.argv[2]);

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  idleTimeout: 0,
  async fetch({ url, method, headers, body, signal }) {
    const path = url.slice(url.indexOf("/", "http://".length));
    const answer = await fetch(`${upstream}${path}`, { method, headers, body, signal });
    return new Response(answer.body, { status: answer.status, headers: answer.headers });
  },
});

console.log(JSON.stringify({ url: `http://127.0.0.1:${server.port}` }));
for await (const _ of console) continue;
process.exit(0);
