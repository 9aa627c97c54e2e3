// Device logins against a scripted provider, on a clock that only sleeping moves.

import { afterEach, describe, expect, test } from "bun:test";
import { createOutbound } from "#platform";
import { type DeviceFlow, OAuthRules } from "./descriptor.ts";
import { type DeviceContext, pollForToken, requestDeviceCode } from "./device-flow.ts";

const servers: Bun.Server<undefined>[] = [];
const CODE = {
  device_code: "canary-device-code",
  user_code: "ABCD-EFGH",
  verification_uri: "https://idp.example/device",
  expires_in: 600,
};
const TOKENS = { access_token: "access-1", refresh_token: "refresh-1" };

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop(true)));
});

/** A provider that gives the answers in turn, the last one for ever, and notes what it was sent. */
function provider(answers: (() => Response)[], code: unknown = CODE) {
  const asked: URLSearchParams[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const params = new URLSearchParams(await request.text());
      if (new URL(request.url).pathname === "/device") return Response.json(code);
      asked.push(params);
      return (answers.length > 1 ? answers.shift() : answers[0])?.() ?? new Response();
    },
  });
  servers.push(server);
  const base = `http://127.0.0.1:${server.port}`;
  const { flow } = OAuthRules.parse({
    policy: { status: "sanctioned", reason: "Open.", link: "https://idp.example/rules" },
    source: "a test",
    asksFor: "nothing",
    flow: {
      kind: "device",
      clientId: "client-1",
      scopes: ["a", "b"],
      deviceUrl: `${base}/device`,
      tokenUrl: `${base}/token`,
    },
  });
  return { flow: flow as DeviceFlow, asked, server };
}

function contextOf(signal = new AbortController().signal) {
  const sleeps: number[] = [];
  let nowMs = 0;
  const context: DeviceContext = {
    clientId: "client-1",
    clientSecret: undefined,
    outbound: createOutbound(),
    signal,
    monotonicMs: () => nowMs,
    sleep: async (ms, until) => {
      until.throwIfAborted();
      sleeps.push(ms / 1000);
      nowMs += ms;
    },
  };
  return { context, sleeps };
}

const says =
  (error: string, status = 400) =>
  () =>
    Response.json({ error }, { status });
const grants = () => Response.json(TOKENS);

async function run(answers: (() => Response)[], code?: unknown) {
  const { flow, asked } = provider(answers, code);
  const { context, sleeps } = contextOf();
  const outcome: unknown = await requestDeviceCode(flow, context)
    .then((device) => pollForToken(flow, device, context))
    .catch((error: unknown) => error);
  return { outcome, sleeps, asked };
}

test("is asked every five seconds until the person has decided", async () => {
  const { outcome, sleeps, asked } = await run([
    says("authorization_pending"),
    says("authorization_pending"),
    grants,
  ]);
  expect(outcome).toEqual(TOKENS);
  expect(sleeps).toEqual([5, 5, 5]);
  expect(Object.fromEntries(asked[0] ?? [])).toEqual({
    grant_type: "urn:ietf:params:oauth:grant-type:device_code",
    device_code: "canary-device-code",
    client_id: "client-1",
  });
});

test("slow_down adds five seconds each time, and for good", async () => {
  const script = [says("slow_down"), says("slow_down"), says("authorization_pending"), grants];
  const { sleeps } = await run(script, { ...CODE, interval: 2 });
  expect(sleeps).toEqual([2, 7, 12, 12]);
});

test("pending in a 200 is pending, as some providers have it", async () => {
  expect((await run([says("authorization_pending", 200), grants])).outcome).toEqual(TOKENS);
});

test("what says nothing about the decision is asked again: 5xx, HTML, a closed connection", async () => {
  const { outcome } = await run([
    () => new Response("busy", { status: 503 }),
    () => new Response("<html>", { status: 200 }),
    () => new Response("<html>", { status: 403 }),
    says("server_error", 500),
    says("too_many", 429),
    grants,
  ]);
  expect(outcome).toEqual(TOKENS);
});

test("a provider that cannot be reached is asked until the code ends", async () => {
  const { flow, server } = provider([grants]);
  const { context, sleeps } = contextOf();
  const device = await requestDeviceCode(flow, context);
  await server.stop(true);
  await expect(pollForToken(flow, device, context)).rejects.toMatchObject({
    code: "login_expired",
  });
  expect(sleeps.length).toBeGreaterThan(100);
});

describe("ends with a reason", () => {
  test.each([
    ["access_denied", "login_refused"],
    ["invalid_client", "login_refused"],
    ["expired_token", "login_expired"],
  ])("%s is %s", async (error, code) => {
    expect((await run([says(error)])).outcome).toMatchObject({ code });
  });

  test("a code that is never used expires, without a request after its end", async () => {
    const { outcome, sleeps } = await run([says("authorization_pending")], {
      ...CODE,
      expires_in: 21,
    });
    expect(outcome).toMatchObject({ code: "login_expired" });
    expect(sleeps).toEqual([5, 5, 5, 5]);
  });

  test("an abort ends the polling with its own reason", async () => {
    const { flow } = provider([says("authorization_pending")]);
    const abort = new AbortController();
    const { context } = contextOf(abort.signal);
    const device = await requestDeviceCode(flow, context);
    abort.abort(new Error("enough"));
    await expect(pollForToken(flow, device, context)).rejects.toThrow("enough");
  });
});

describe("the code to show", () => {
  test("has bounds on whatever the provider says", async () => {
    const { flow } = provider([grants], { ...CODE, interval: 1e9, expires_in: "soon" });
    const device = await requestDeviceCode(flow, contextOf().context);
    expect(device).toMatchObject({ intervalS: 60, lifetimeS: 1_800 });
  });

  test.each([
    ["no device code", { ...CODE, device_code: undefined }],
    ["an address that runs something", { ...CODE, verification_uri: "javascript:alert(1)" }],
    ["an address in the clear", { ...CODE, verification_uri: "http://idp.example/" }],
    ["escapes for the terminal", { ...CODE, user_code: "\u001b]0;x\u0007" }],
  ])("with %s is refused", async (_name, code) => {
    const { flow } = provider([grants], code);
    const asked = requestDeviceCode(flow, contextOf().context);
    await expect(asked).rejects.toMatchObject({ code: "token_answer_unusable" });
  });
});
