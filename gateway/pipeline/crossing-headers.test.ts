// Which headers cross, both ways.

import { expect, test } from "bun:test";
import { callerHeaders, crossingQuery, upstreamHeaders } from "./crossing-headers.ts";

const caller = new Headers({
  authorization: "Bearer gateway",
  "x-api-key": "gateway",
  cookie: "c=1",
  "anthropic-beta": "b",
  "anthropic-version": "2099-01-01",
  "anthropic-workspace-id": "w",
  "openai-organization": "o",
  "x-parley-sim": "echo",
});
const crossing = {
  format: "messages",
  isSameFormat: true,
  isSimulated: false,
  isStream: true,
} as const;

test("a vendor's open list reaches an upstream of the same dialect; who the caller is does not", () => {
  const headers = upstreamHeaders(caller, crossing);
  expect(headers).toMatchObject({
    "anthropic-beta": "b",
    "anthropic-version": "2099-01-01",
    accept: "text/event-stream",
  });
  for (const name of [
    "authorization",
    "x-api-key",
    "cookie",
    "anthropic-workspace-id",
    "openai-organization",
    "x-parley-sim",
  ]) {
    expect(headers[name]).toBeUndefined();
  }
});

test("nothing of the caller's reaches an upstream of another dialect, and the simulator alone gets its own", () => {
  const foreign = upstreamHeaders(caller, { ...crossing, isSameFormat: false });
  expect(foreign["anthropic-beta"]).toBeUndefined();
  expect(foreign["anthropic-version"]).toBe("2023-06-01");
  expect(upstreamHeaders(caller, { ...crossing, isSimulated: true })["x-parley-sim"]).toBe("echo");
});

test("limits and waits reach the caller; cookies, organisations and framing do not", () => {
  const upstream = new Headers({
    "retry-after": "7",
    "anthropic-ratelimit-requests-remaining": "1",
    "x-ratelimit-limit-project-tokens": "9",
    "request-id": "req_up",
    "openai-organization": "o",
    "set-cookie": "c=1",
    "content-encoding": "gzip",
    "cf-ray": "r",
  });
  expect(callerHeaders(upstream, "req_1")).toEqual({
    "x-request-id": "req_1",
    "request-id": "req_1",
    "retry-after": "7",
    "anthropic-ratelimit-requests-remaining": "1",
    "x-upstream-request-id": "req_up",
  });
});

test("of a query only the beta switch crosses", () => {
  expect(["?beta=true&x=1", "?beta=1", "?x=1", ""].map(crossingQuery)).toEqual([
    "?beta=true",
    "",
    "",
    "",
  ]);
});
