// Keys that a gateway gives out: how they are kept, what ends them, what another process notices.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GatewayKeys, gatewayDatabasePath } from "./gateway-keys.ts";
import { KeyRules } from "./key-rules.ts";

let home: string;
let keys: GatewayKeys;
let nowMs: number;
const wanted = (name: string, validity: { from?: number; until?: number } = {}) => ({
  name,
  owner: "anna",
  rules: KeyRules.parse({}),
  validFromMs: validity.from ?? null,
  validUntilMs: validity.until ?? null,
});

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "parley-keys-"));
  nowMs = Date.UTC(2026, 0, 1);
  keys = new GatewayKeys(home, { nowMs: () => nowMs });
});
afterEach(() => {
  keys.close();
  rmSync(home, { recursive: true, force: true });
});

test("a key is recognised, and neither it nor its random part is in the file", () => {
  const { secret, key } = keys.create(wanted("ci"));
  expect(secret).toMatch(/^plk_[\w-]{43}$/);
  expect(keys.authenticate(secret)?.id).toBe(key.id);
  const path = gatewayDatabasePath(home);
  for (const file of [path, `${path}-wal`]) {
    expect(readFileSync(file).includes(secret.slice(4))).toBe(false);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  }
  expect(JSON.stringify(keys.list())).not.toContain(secret.slice(4, 20));
});

test.each(["", "plk_", `plk_${"a".repeat(42)}`, `plk_${"a".repeat(44)}`, `plk_${"'".repeat(43)}`])(
  "%p is nobody's",
  (candidate) => {
    keys.create(wanted("ci"));
    expect(keys.authenticate(candidate)).toBeUndefined();
  },
);

describe("a key ends", () => {
  test("when it is revoked, and its name is free again", () => {
    const { secret } = keys.create(wanted("ci"));
    expect(() => keys.create(wanted("ci"))).toThrow("there is a key named ci");
    expect(keys.revoke("ci").status).toBe("revoked");
    expect(keys.authenticate(secret)).toBeUndefined();
    expect(() => keys.revoke("ci")).toThrow("no living key named ci");
    keys.create(wanted("ci"));
  });

  test("at its time, to the millisecond, and begins at its time", () => {
    const { secret } = keys.create(wanted("ci", { from: nowMs + 10, until: nowMs + 20 }));
    expect(keys.authenticate(secret)).toBeUndefined();
    nowMs += 10;
    expect(keys.authenticate(secret)?.name).toBe("ci");
    nowMs += 10;
    expect(keys.authenticate(secret)).toBeUndefined();
    expect(keys.show("ci").status).toBe("expired");
  });

  test("in its old form when it is rotated; what it is stays", () => {
    const first = keys.create(wanted("ci"));
    const second = keys.rotate("ci");
    expect(keys.authenticate(first.secret)).toBeUndefined();
    expect(keys.authenticate(second.secret)?.id).toBe(first.key.id);
  });
});

test("what another process creates and revokes is noticed within a second", async () => {
  keys.watch();
  const other = new GatewayKeys(home, { nowMs: () => nowMs });
  const { secret } = other.create(wanted("ci"));
  await until(() => keys.authenticate(secret) !== undefined);
  other.revoke("ci");
  await until(() => keys.authenticate(secret) === undefined);
  other.close();
});

test("a key that another process has just made works at the first try", () => {
  const other = new GatewayKeys(home, { nowMs: () => nowMs });
  const { secret } = other.create(wanted("ci"));
  other.close();
  expect(keys.authenticate(secret)?.name).toBe("ci");
});

test("a key typed where its name belongs is not repeated", () => {
  const { secret } = keys.create(wanted("ci"));
  expect(() => keys.revoke(secret)).toThrow("there is no living key of that name");
});

test("a misspelt rule is refused, not ignored", () => {
  expect(() => KeyRules.parse({ requestPerMinute: 5 })).toThrow();
  expect(() => KeyRules.parse({ budgets: { day: 0.5 } })).toThrow();
  expect(() => KeyRules.parse({ models: { allow: ["*"], denied: [] } })).toThrow();
});

async function until(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 1_000;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error("not within a second");
    await Bun.sleep(5);
  }
}
