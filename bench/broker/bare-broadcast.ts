// The reference for a change sent to thousands: the least that Bun needs to push one ready-made frame of the
// same size to every subscriber. It authenticates nobody, stores nothing and never resumes.

import { FRAME_BYTES } from "./frame-size.ts";

const snapshot = `event: snapshot\ndata: ${"x".repeat(64)}\n\n`;
const frame = `id: 2\nevent: entry\ndata: ${"x".repeat(FRAME_BYTES)}\n\n`;
const subscribers = new Set<ReadableStreamDefaultController<string>>();

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  idleTimeout: 0,
  fetch(request) {
    if (request.method === "POST") {
      for (const subscriber of subscribers) subscriber.enqueue(frame);
      return Response.json({ entries: [{ id: 1 }] });
    }
    const body = new ReadableStream<string>({
      start(controller) {
        subscribers.add(controller);
        controller.enqueue(snapshot);
      },
    });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  },
});
process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${server.port}` })}\n`);
process.stdin.on("end", () => process.exit(0)).resume();
