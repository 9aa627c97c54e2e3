// The doctor names what an operator must act on, says how, and shows no secret.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BrokerError, ClientTokens, parsePermissions, ProviderScope, Vault } from "#broker";
import { runAuthBroker } from "../auth-broker-under-test.ts";

const SECRET = "canary-9d41c0b7-secret";
const DAY_MS = 86_400_000;
let home: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "parley-cli-doctor-"));
});

afterEach(() => rmSync(home, { recursive: true }));

function withVault(use: (vault: Vault) => void): void {
  const vault = Vault.open(home);
  use(vault);
  vault.close();
}

async function examine(env: Record<string, string> = {}) {
  const result = await runAuthBroker(["doctor", "--json"], {
    PARLEY_HOME: home,
    PARLEY_BROKER_BIND: "127.0.0.1:9",
    ...env,
  });
  expect(result.stdout + result.stderr).not.toContain(SECRET);
  const { checks } = JSON.parse(result.stdout) as {
    checks: { name: string; status: string; detail: string; fix?: string }[];
  };
  const of = (name: string) => checks.find((check) => check.name === name);
  return { of, checks, error: result.error as BrokerError | undefined };
}

test("a new broker has nothing that failed, and is told where its key stands", async () => {
  const { of, error } = await examine();
  expect(error).toBeUndefined();
  expect(of("vault")?.status).toBe("ok");
  expect(of("grants")?.detail).toBe("all are kept alive");
  expect(of("audit")?.status).toBe("ok");
  expect(of("exposure")?.detail).toContain("this host only");
  expect(of("key")).toMatchObject({ status: "warning", fix: expect.stringContaining("rekey") });
  expect(of("broker")).toMatchObject({ status: "warning", fix: expect.stringContaining("serve") });
});

describe("grants", () => {
  const grant = (extra: Record<string, string | number> = {}) =>
    ({ type: "oauth", refresh: SECRET, access: SECRET, expires: 5, ...extra }) as const;

  test("one that needs a login is a failure with the command that mends it", async () => {
    withVault((vault) => {
      const { id } = vault.upsert("openai", grant({ email: "a@example.test" }));
      vault.disable(id, "needs_login(lost_response)");
    });
    const { of, error } = await examine();
    expect(of("grant")).toMatchObject({
      status: "failed",
      detail: "openai email:a@example.test is over: needs_login(lost_response)",
      fix: "Log in again: agent auth-broker login openai",
    });
    expect(error?.code).toBe("unhealthy");
  });

  test("one that was replaced by a login since is not mentioned", async () => {
    withVault((vault) => {
      const { id } = vault.upsert("openai", grant({ email: "a@example.test" }));
      vault.disable(id, "needs_login(invalid_grant)");
      const next = { refresh: `${SECRET}-2`, clientId: "issued", email: "a@example.test" };
      vault.upsert("openai", grant(next));
    });
    expect((await examine()).of("grant")).toBeUndefined();
  });

  test("one that nothing here can refresh is a failure that quotes why", async () => {
    withVault((vault) => vault.upsert("anthropic", grant({ email: "a@example.test" })));
    expect((await examine()).of("grant")).toMatchObject({ status: "failed" });
  });
});

test("a restored vault is reported as in quarantine", async () => {
  withVault((vault) => vault.quarantine());
  expect((await examine()).of("quarantine")?.fix).toContain("unquarantine");
});

test("tokens that end soon, or may do everything for ever, are pointed out", async () => {
  withVault((vault) => {
    const tokens = new ClientTokens(vault.file);
    const common = { scope: ProviderScope.all, isLeaseOnly: false };
    const admin = parsePermissions(["admin"]);
    tokens.create({ ...common, name: "root", permissions: admin, expiresAtMs: null });
    const expiresAtMs = Date.now() + 3 * DAY_MS + 60_000;
    tokens.create({ ...common, name: "ci", permissions: ["usage"], expiresAtMs });
    tokens.close();
  });
  const { checks } = await examine();
  const details = checks.filter(({ name }) => name === "tokens").map(({ detail }) => detail);
  expect(details.toSorted()).toEqual([
    "token ci ends in 3 days",
    "token root may do everything and never ends",
  ]);
});

test("plain HTTP beyond this host is a warning", async () => {
  const { of } = await examine({ PARLEY_BROKER_BIND: "0.0.0.0:9" });
  expect(of("exposure")?.fix).toContain("broker.tlsCert");
});

test("a certificate that cannot be read is a failure", async () => {
  const { of } = await examine({ PARLEY_BROKER_TLS_CERT: join(home, "none.pem") });
  expect(of("certificate")?.status).toBe("failed");
});
