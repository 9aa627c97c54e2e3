// The owner's key: made once, printed alone, replaced on request.

import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runCommand } from "../auth-broker-under-test.ts";
import { authGatewayCommand } from "../auth-gateway.ts";

const home = mkdtempSync(join(tmpdir(), "parley-token-"));
afterEach(() => rmSync(home, { recursive: true, force: true }));

const run = async (...args: readonly string[]) =>
  (await runCommand(authGatewayCommand, args, { PARLEY_HOME: home })).stdout;

test("is made once, private, printed alone, and replaced only on request", async () => {
  const first = await run("token");
  expect(first).toMatch(/^pgw_[\w-]{43}\n$/);
  expect(statSync(join(home, "auth-gateway.token")).mode & 0o777).toBe(0o600);
  expect(statSync(home).mode & 0o777).toBe(0o700);
  expect(await run("token", "--json")).toBe(`${JSON.stringify({ token: first.trim() })}\n`);
  const second = await run("token", "--regenerate");
  expect(second).not.toBe(first);
  expect(await run("token")).toBe(second);
});
