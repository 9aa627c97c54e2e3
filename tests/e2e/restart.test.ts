// A gateway that stops and starts again in the same home holds its keys to what they have used.

import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KeyRules, openGatewayKeys } from "#gateway";
import { startGatewayUnderTest, type GatewayUnderTest } from "./gateway-under-test.ts";

const home = mkdtempSync(join(tmpdir(), "parley-restart-"));
afterAll(() => rmSync(home, { recursive: true, force: true }));

const config = { gateway: { prices: { "sim/echo": { input: 1, output: 2 } } } };

async function newKey(name: string, rules: object): Promise<string> {
  const keys = await openGatewayKeys({ PARLEY_HOME: home });
  try {
    const wanted = { name, owner: "", rules: KeyRules.parse(rules) };
    return keys.create({ ...wanted, validFromMs: null, validUntilMs: null }).secret;
  } finally {
    keys.close();
  }
}

async function inGateway<T>(use: (gateway: GatewayUnderTest) => Promise<T>): Promise<T> {
  const gateway = await startGatewayUnderTest({ home, config });
  try {
    return await use(gateway);
  } finally {
    await gateway.stop();
  }
}

async function ask(gateway: GatewayUnderTest, secret: string): Promise<Response> {
  const body = { model: "sim/echo", max_tokens: 5, messages: [{ role: "user", content: "x" }] };
  const headers = { authorization: `Bearer ${secret}` };
  const answer = await gateway.post("/v1/chat/completions", body, { headers });
  await answer.text();
  return answer;
}

async function spentIn(gateway: GatewayUnderTest, secret: string) {
  const headers = { authorization: `Bearer ${secret}` };
  const answer = await fetch(`${gateway.url}/v1/usage`, { headers });
  const { budgets } = (await answer.json()) as { budgets: { window: string; spent: number }[] };
  return Object.fromEntries(budgets.map(({ window, spent }) => [window, spent]));
}

test("requests per day count those before the restart, and only those that were let in", async () => {
  const secret = await newKey("counted", { requestsPerDay: 3 });
  await inGateway(async (gateway) => {
    for (const status of [200, 200]) expect((await ask(gateway, secret)).status).toBe(status);
  });
  await inGateway(async (gateway) => {
    for (const status of [200, 429, 429]) expect((await ask(gateway, secret)).status).toBe(status);
  });
  await inGateway(async (gateway) => {
    const refused = await ask(gateway, secret);
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(3_600);
  });
});

test.each(["day", "week", "month", "total"])(
  "the budget by %s that is used up stays used up",
  async (window) => {
    // A call sets about 0.0011 dollars aside and costs a few millionths.
    const secret = await newKey(`by-${window}`, { budgets: { [window]: 1_140_000 } });
    const spent = await inGateway(async (gateway) => {
      let last = 200;
      for (let call = 0; call < 200 && last === 200; call += 1) {
        last = (await ask(gateway, secret)).status;
      }
      expect(last).toBe(429);
      return spentIn(gateway, secret);
    });
    expect(spent[window]).toBeGreaterThan(0);
    await inGateway(async (gateway) => {
      expect(await spentIn(gateway, secret)).toEqual(spent);
      const refused = await ask(gateway, secret);
      expect(refused.headers.get("x-parley-refusal")).toBe("budget_exceeded");
    });
  },
);
