// Which credential an upstream is shown: the key given for this run beats the configured one, which beats a stored
// login, which beats a key that the environment happens to offer.

import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { StartGatewayOptions } from "#gateway";
import { startScriptedUpstream } from "../scripted-upstream.ts";
import { startGatewayUnderTest } from "./gateway-under-test.ts";

const upstream = startScriptedUpstream(() =>
  Response.json({ id: "x", object: "chat.completion", choices: [] }),
);
const folder = mkdtempSync(join(tmpdir(), "parley-ladder-"));

afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await upstream[Symbol.asyncDispose]();
});

const login: StartGatewayOptions["credentials"] = {
  entries: (provider) =>
    provider === "openai"
      ? [{ id: 7, credential: { type: "oauth", refresh: "__remote__", access: "a", expires: 1 } }]
      : [],
  fresh: async () => ({ type: "oauth", refresh: "__remote__", access: "login", expires: 1 }),
};

/** The key that the upstream saw. */
async function shown(options: Parameters<typeof startGatewayUnderTest>[0]): Promise<string> {
  const gateway = await startGatewayUnderTest({
    environmentKeys: { openai: "sk-from-environment" },
    ...options,
    env: { OPENAI_BASE_URL: `${upstream.url}/v1` },
  });
  try {
    const messages = [{ role: "user", content: "Hello" }];
    await gateway.post("/v1/chat/completions", { model: "openai/gpt-5", messages });
  } finally {
    await gateway.stop();
  }
  return upstream.received.at(-1)?.headers["authorization"] ?? "";
}

test("the key of this run beats the configured one, a stored login, and the environment's", async () => {
  const file = join(folder, "this-run.yml");
  writeFileSync(file, JSON.stringify({ providers: { openai: { apiKey: "sk-this-run" } } }));
  const config = { providers: { openai: { apiKey: "sk-configured" } } };
  expect(await shown({ file, config, credentials: login })).toBe("Bearer sk-this-run");
  expect(await shown({ config, credentials: login })).toBe("Bearer sk-configured");
  expect(await shown({ credentials: login })).toBe("Bearer login");
  expect(await shown({})).toBe("Bearer sk-from-environment");
});
