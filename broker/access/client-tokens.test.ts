// Tokens of clients: shown once, stored as hashes, and worth nothing once revoked, expired or tampered with.

import { afterEach, describe, expect, test } from "bun:test";
import BetterSqlite3 from "better-sqlite3";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { VaultFile, vaultPath } from "../vault/vault-file.ts";
import { AccessInputError } from "./access-errors.ts";
import { ClientTokens, MAX_LIVING_TOKENS, type NewClientToken } from "./client-tokens.ts";
import { ProviderScope } from "./permissions.ts";
import { actorOf, OWNER } from "./principal.ts";

const cleanups: (() => void)[] = [];

afterEach(() => {
  for (const clean of cleanups.splice(0).toReversed()) clean();
});

function temporaryHome(): string {
  const home = mkdtempSync(join(tmpdir(), "parley-tokens-"));
  cleanups.push(() => rmSync(home, { recursive: true }));
  return home;
}

/** Tokens as one process has them open. */
function open(home: string, nowMs: () => number = () => 1_000): ClientTokens {
  const file = VaultFile.open(home);
  const tokens = new ClientTokens(file, { nowMs });
  cleanups.push(() => {
    tokens.close();
    file.database.close();
  });
  return tokens;
}

/** Runs SQL on the file behind everyone's back, as a thief with write access would. */
function tamper(home: string, sql: string): void {
  const database = new BetterSqlite3(vaultPath(home));
  database.exec(sql);
  database.close();
}

function wanted(name: string, more: Partial<NewClientToken> = {}): NewClientToken {
  return {
    name,
    permissions: ["snapshot"],
    scope: ProviderScope.all,
    expiresAtMs: null,
    isLeaseOnly: false,
    ...more,
  };
}

function refusal(action: () => unknown): AccessInputError {
  try {
    action();
  } catch (error) {
    if (error instanceof AccessInputError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("a new token", () => {
  test("is recognised as who it is, in any process and after reopening", () => {
    const home = temporaryHome();
    const scope = ProviderScope.parse(["openai", "mcp_oauth:*"]);
    const { token } = open(home).create(
      wanted("ci", {
        permissions: ["refresh", "snapshot"],
        scope,
        expiresAtMs: 5_000,
        isLeaseOnly: true,
      }),
    );
    expect(token).toMatch(/^plb_[\w-]{43}$/);
    const principal = open(home).authenticate(token);
    expect(principal).toMatchObject({
      tokenId: 1,
      name: "ci",
      permissions: ["snapshot", "refresh"],
      isLeaseOnly: true,
      expiresAtMs: 5_000,
    });
    expect(principal?.scope.patterns).toEqual(["mcp_oauth:*", "openai"]);
    expect(principal && actorOf(principal)).toBe("ci#1");
  });

  test("is known to a process that was open before it was made", () => {
    const home = temporaryHome();
    const running = open(home);
    expect(running.authenticate("plb_anything-else")).toBeUndefined();
    const { token } = open(home).create(wanted("ci"));
    expect(running.authenticate(token)?.name).toBe("ci");
  });

  test("is in no file, neither whole nor in part", () => {
    const home = temporaryHome();
    const tokens = open(home);
    const { token } = tokens.create(wanted("ci"));
    tokens.authenticate(token);
    const secret = token.slice("plb_".length);
    for (const name of readdirSync(home)) {
      const bytes = readFileSync(join(home, name));
      for (const text of [secret, secret.slice(0, 12), secret.slice(-12)]) {
        expect([name, bytes.includes(text)]).toEqual([name, false]);
      }
      expect(bytes.includes(Buffer.from(secret, "base64url"))).toBe(false);
    }
  });

  test("differs from every other, and only whole is it worth anything", () => {
    const tokens = open(temporaryHome());
    const { token } = tokens.create(wanted("a"));
    expect(tokens.create(wanted("b")).token).not.toBe(token);
    for (const wrong of ["", token.slice(0, -1), `${token}x`, token.toUpperCase(), "plb_"]) {
      expect(tokens.authenticate(wrong)).toBeUndefined();
    }
  });

  test.each(["", "CI", "a b", "a_b", "x".repeat(41), "ä", "a\n"])("cannot be named %j", (name) => {
    expect(refusal(() => open(temporaryHome()).create(wanted(name))).code).toBe(
      "token_name_invalid",
    );
  });

  test("cannot have ended already, nor be without a permission", () => {
    const tokens = open(temporaryHome());
    for (const expiresAtMs of [1_000, 0, Number.NaN, 1e300]) {
      expect(refusal(() => tokens.create(wanted("a", { expiresAtMs }))).code).toBe(
        "token_end_invalid",
      );
    }
    expect(refusal(() => tokens.create(wanted("a", { permissions: [] }))).code).toBe(
      "permission_unknown",
    );
    expect(tokens.list()).toEqual([]);
  });

  test("takes a name that no living token has; that of a revoked or expired one is free", () => {
    let nowMs = 1_000;
    const tokens = open(temporaryHome(), () => nowMs);
    const first = tokens.create(wanted("ci", { expiresAtMs: 2_000 }));
    expect(refusal(() => tokens.create(wanted("ci"))).code).toBe("token_name_taken");
    nowMs = 2_000;
    const second = tokens.create(wanted("ci"));
    tokens.revoke("ci");
    const third = tokens.create(wanted("ci"));
    expect(tokens.list().map(({ id, status }) => [id, status])).toEqual([
      [3, "active"],
      [2, "revoked"],
      [1, "expired"],
    ]);
    const holders = [first, second, third].map(({ token }) => tokens.authenticate(token)?.tokenId);
    expect(holders).toEqual([undefined, undefined, 3]);
  });
});

describe("the end of a token", () => {
  test("by revocation is the end in every process at once", () => {
    const home = temporaryHome();
    const running = open(home);
    const { token } = running.create(wanted("ci"));
    expect(running.authenticate(token)?.name).toBe("ci");
    expect(open(home).revoke("ci")).toMatchObject({
      name: "ci",
      status: "revoked",
      revokedAtMs: 1_000,
    });
    expect(running.authenticate(token)).toBeUndefined();
  });

  test("by time is the end at that millisecond", () => {
    let nowMs = 1_000;
    const tokens = open(temporaryHome(), () => nowMs);
    const { token } = tokens.create(wanted("ci", { expiresAtMs: 2_000 }));
    nowMs = 1_999;
    expect(tokens.authenticate(token)?.name).toBe("ci");
    nowMs = 2_000;
    expect(tokens.authenticate(token)).toBeUndefined();
  });

  test.each([
    ["revoked here", (home: string, tokens: ClientTokens) => void (home && tokens.revoke("ci"))],
    ["revoked by another process", (home: string) => void open(home).revoke("ci")],
  ])("%s is told to whoever holds a stream, within a second and once", async (_, revoke) => {
    const home = temporaryHome();
    const tokens = open(home);
    const ci = tokens.authenticate(tokens.create(wanted("ci")).token) ?? OWNER;
    const other = tokens.authenticate(tokens.create(wanted("other")).token) ?? OWNER;
    const told: string[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    tokens.onEnd(ci, () => {
      told.push("ci");
      resolve();
    });
    const stopWaiting = tokens.onEnd(ci, () => told.push("one who left"));
    stopWaiting();
    tokens.onEnd(other, () => told.push("other"));
    const startMs = performance.now();
    revoke(home, tokens);
    await promise;
    expect(performance.now() - startMs).toBeLessThan(1000);
    expect(told).toEqual(["ci"]);
  });

  test("by time is told as well", async () => {
    let nowMs = 1_000;
    const tokens = open(temporaryHome(), () => nowMs);
    const { token } = tokens.create(wanted("ci", { expiresAtMs: 2_000 }));
    const { promise, resolve } = Promise.withResolvers<void>();
    tokens.onEnd(tokens.authenticate(token) ?? OWNER, resolve);
    nowMs = 2_000;
    const startMs = performance.now();
    await promise;
    expect(performance.now() - startMs).toBeLessThan(1000);
  });

  test("of an unknown or ended name is refused, and what was typed is not repeated if it may be a token", () => {
    const tokens = open(temporaryHome());
    const { token } = tokens.create(wanted("ci"));
    tokens.revoke("ci");
    expect(refusal(() => tokens.revoke("ci")).message).toContain("ci");
    expect(refusal(() => tokens.revoke(token)).message).not.toContain("plb_");
  });
});

describe("a row that someone else wrote", () => {
  const changes = [
    "UPDATE client_tokens SET permissions = 'admin'",
    "UPDATE client_tokens SET providers = '*'",
    "UPDATE client_tokens SET is_lease_only = 0",
    "UPDATE client_tokens SET expires_at_ms = NULL",
    "UPDATE client_tokens SET name = 'boss'",
    "UPDATE client_tokens SET id = 7",
    "UPDATE client_tokens SET tag = x''",
  ];
  test.each(changes)("%s makes the token worthless, and the listing says so", (sql) => {
    const home = temporaryHome();
    const tokens = open(home);
    const scope = ProviderScope.parse(["openai"]);
    const { token } = tokens.create(wanted("ci", { scope, expiresAtMs: 9_000, isLeaseOnly: true }));
    tamper(home, sql);
    expect(tokens.authenticate(token)).toBeUndefined();
    expect(tokens.list().map(({ status }) => status)).toEqual(["altered"]);
  });

  test("cannot bring a revoked token back", () => {
    const home = temporaryHome();
    const tokens = open(home);
    const { token } = tokens.create(wanted("ci"));
    tokens.revoke("ci");
    tamper(home, "UPDATE client_tokens SET revoked_at_ms = NULL");
    expect(tokens.authenticate(token)).toBeUndefined();
  });

  test("cannot put the hash of a token of one's own in place of another's", () => {
    const home = temporaryHome();
    const tokens = open(home);
    tokens.create(wanted("boss", { permissions: ["admin"] }));
    const { token } = tokens.create(wanted("guest"));
    tamper(
      home,
      `CREATE TEMP TABLE guest AS SELECT hash FROM client_tokens WHERE id = 2;
       DELETE FROM client_tokens WHERE id = 2;
       UPDATE client_tokens SET hash = (SELECT hash FROM guest) WHERE id = 1`,
    );
    expect(tokens.authenticate(token)).toBeUndefined();
  });
});

describe("the time of last use", () => {
  test("is written beside the request, then at most once a minute", async () => {
    let nowMs = 1_000;
    const home = temporaryHome();
    const tokens = open(home, () => nowMs);
    const listing = open(home);
    const { token } = tokens.create(wanted("ci"));
    tokens.authenticate(token);
    expect(listing.list()[0]?.lastUsedAtMs).toBeNull();
    const deadlineMs = performance.now() + 2000;
    while (listing.list()[0]?.lastUsedAtMs === null && performance.now() < deadlineMs)
      await Bun.sleep(1);
    expect(listing.list()[0]?.lastUsedAtMs).toBe(1_000);
    const changes = new BetterSqlite3(vaultPath(home));
    const version = () => changes.pragma("data_version", { simple: true });
    const before = version();
    nowMs = 2_000;
    for (let use = 0; use < 100; use += 1) tokens.authenticate(token);
    // A timer that were due now would run before this one.
    await new Promise((resolve) => setTimeout(resolve, 0));
    expect(version()).toBe(before);
    changes.close();
    tokens.close();
    expect(listing.list()[0]?.lastUsedAtMs).toBe(2_000);
  });
});

test("a file that is closed under it costs the time of last use, not the process", () => {
  const file = VaultFile.open(temporaryHome());
  const tokens = new ClientTokens(file);
  tokens.authenticate(tokens.create(wanted("ci")).token);
  file.database.close();
  expect(() => tokens.close()).not.toThrow();
});

test("the owner may do everything and is never told to end", () => {
  expect(OWNER.permissions).toContain("admin");
  expect(OWNER.scope.isAll).toBe(true);
  expect(actorOf(OWNER)).toBe("owner");
  const tokens = open(temporaryHome());
  let calls = 0;
  tokens.onEnd(OWNER, () => (calls += 1))();
  expect(calls).toBe(0);
});

test("a thousand tokens cost less than a millisecond at each request, and one more is refused", () => {
  const file = VaultFile.open(temporaryHome());
  const tokens = new ClientTokens(file);
  file.database.transaction(() => {
    for (let number = 0; number < MAX_LIVING_TOKENS; number += 1)
      tokens.create(wanted(`t${number}`));
  })();
  expect(refusal(() => tokens.create(wanted("more"))).code).toBe("too_many_tokens");
  tokens.authenticate("warm");
  const startMs = performance.now();
  for (let request = 0; request < 100; request += 1) tokens.authenticate(`plb_wrong-${request}`);
  expect((performance.now() - startMs) / 100).toBeLessThan(1);
  tokens.close();
  file.database.close();
});
