// The scripted upstream itself: what it sends is what it was given, in as many reads as asked for.

import { expect, test } from "bun:test";
import { inReads, startScriptedUpstream } from "./scripted-upstream.ts";

const body = new TextEncoder().encode("data: čau 🙂\n\ndata: [DONE]\n\n");

test("a body sent byte by byte arrives unchanged and in many reads", async () => {
  await using upstream = startScriptedUpstream(() => ({ body, readBytes: 1 }));
  const response = await fetch(upstream.url);
  const reads = await Array.fromAsync(response.body ?? []);
  expect(Buffer.concat(reads)).toEqual(Buffer.from(body));
  expect(reads.length).toBeGreaterThan(5);
});

test("status and rate-limit headers are replayed, body lengths of the recording are not", async () => {
  const headers = { "retry-after": "7", "content-length": "1", "content-encoding": "gzip" };
  await using upstream = startScriptedUpstream(() => ({ status: 429, headers, body }));
  const response = await fetch(upstream.url);
  expect(response.status).toBe(429);
  expect(response.headers.get("retry-after")).toBe("7");
  expect(response.headers.get("content-encoding")).toBeNull();
  expect(await response.bytes()).toEqual(body);
});

test("what was asked is kept: method, path with query, headers, body", async () => {
  await using upstream = startScriptedUpstream(() => ({ body }));
  await fetch(`${upstream.url}/v1/messages?beta=true`, {
    method: "POST",
    headers: { "x-api-key": "k" },
    body: "{}",
  });
  expect(upstream.received).toMatchObject([
    { method: "POST", path: "/v1/messages?beta=true", body: "{}", headers: { "x-api-key": "k" } },
  ]);
});

test("pieces cover the body once, in order", () => {
  expect(inReads(body, 37).map(({ length }) => length)).toEqual([body.length]);
  expect(Buffer.concat(inReads(body, 4))).toEqual(Buffer.from(body));
});
