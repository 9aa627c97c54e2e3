// Accounts behind a gateway of several processes: what one worker has learnt of an account or a conversation the others
// go by, and the broker sees one client.

import { afterEach, describe, expect, test } from "bun:test";
import type { CredentialSource } from "#broker/client";
import type { Credential, CredentialBlock } from "#wire";
import {
  type ReceivedRequest,
  type ScriptedUpstream,
  startScriptedUpstream,
} from "../scripted-upstream.ts";
import { type GatewayUnderTest, startGatewayUnderTest } from "./gateway-under-test.ts";
import { sendAlone, until } from "./worker-processes.ts";
import { messageReply } from "./message-reply.ts";

const onLinux = describe.skipIf(process.platform !== "linux");
const keyOf = (id: number): string => `sk-test-account-${id}-0123456789`;
const idOf = ({ headers }: ReceivedRequest): number =>
  Number(/account-(\d+)-/.exec(headers["x-api-key"] ?? headers["authorization"] ?? "")?.[1]);
const message = messageReply({ input_tokens: 1, output_tokens: 1 });

let upstream: ScriptedUpstream;
let gateway: GatewayUnderTest;
let told: [number, CredentialBlock][] = [];
let used = 0;
let limits: number[] = [];
let held: { id: number; credential: Credential }[] = [];

async function start(accounts: number, answer: (id: number) => Response) {
  told = [];
  used = 0;
  limits = [];
  upstream = startScriptedUpstream((request) => answer(idOf(request)));
  held = Array.from({ length: accounts }, (_, index) => ({
    id: index + 1,
    credential: { type: "api_key", key: keyOf(index + 1) },
  }));
  const credentials: CredentialSource = {
    entries: (provider) => (provider === "anthropic" ? held : []),
    fresh: () => Promise.reject(new Error("keys do not run out")),
    block: async (id, block) => void told.push([id, block]),
  };
  gateway = await startGatewayUnderTest({
    env: { ANTHROPIC_BASE_URL: upstream.url },
    credentials,
    config: { gateway: { workers: 3 } },
    observe: () => (used += 1),
    observeLimits: (id) => limits.push(id),
  });
}

afterEach(async () => {
  await gateway?.stop();
  await upstream?.[Symbol.asyncDispose]();
});

function ask(content: string, headers: Record<string, string> = {}) {
  const messages = [{ role: "user", content }];
  const body = { model: "anthropic/claude-sonnet-4-5", max_tokens: 9, messages };
  return sendAlone(`${gateway.url}/v1/messages`, gateway.token, { body, headers });
}

const asked = () => upstream.received.map(idOf);

onLinux("several workers", () => {
  test("leave an account alone that refused one of them, and tell the broker once", async () => {
    const limited = () =>
      Response.json(
        { type: "error", error: { type: "rate_limit_error", message: "slow down" } },
        { status: 429, headers: { "retry-after": "30" } },
      );
    await start(2, (id) => (id === 1 ? limited() : Response.json(message)));
    // One at a time, until one of them has met the refusal.
    await until(async () => {
      expect((await ask("first")).status).toBe(200);
      return asked().includes(1) ? true : undefined;
    });
    for (let count = 0; count < 20; count += 1) {
      expect((await ask(`later ${count}`)).status).toBe(200);
    }
    expect(asked().filter((id) => id === 1)).toEqual([1]);
    expect(told.map(([id]) => id)).toEqual([1]);
  });

  test("keep a conversation on one account, wherever its turns arrive", async () => {
    await start(3, () => Response.json(message));
    for (let turn = 0; turn < 20; turn += 1) {
      expect((await ask(`turn ${turn}`, { "x-session-id": "one" })).status).toBe(200);
    }
    expect(new Set(asked()).size).toBe(1);
  });

  test("know the credentials of the moment, and tell what they used of them", async () => {
    await start(1, () =>
      Response.json(message, { headers: { "x-ratelimit-limit-requests": "9" } }),
    );
    for (let count = 0; count < 12; count += 1) expect((await ask("before")).status).toBe(200);
    held = [{ id: 7, credential: { type: "api_key", key: keyOf(7) } }];
    await until(async () => {
      await ask("between");
      return asked().at(-1) === 7 ? true : undefined;
    });
    // A moment later every worker has heard of it.
    await until(async () => {
      const before = asked().length;
      for (let count = 0; count < 12; count += 1) await ask("after");
      return asked()
        .slice(before)
        .every((id) => id === 7)
        ? true
        : undefined;
    });
    await until(() => (used === asked().length ? true : undefined));
    expect(limits).toContain(7);
    held = [];
    await until(async () => ((await ask("none")).status === 200 ? undefined : true));
  });
});
