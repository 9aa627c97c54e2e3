// Tokens as an operator handles them: shown once, listed without the secret, revoked by name, all of it recorded.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import BetterSqlite3 from "better-sqlite3";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { auditHeadPath, ClientTokens, Vault, vaultPath } from "#broker";
import { EXIT_CODES } from "../../cli-error.ts";
import { runAuthBroker } from "../auth-broker-under-test.ts";

let home: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "parley-cli-token-"));
});

afterEach(() => rmSync(home, { recursive: true }));

const run = (args: readonly string[]) => runAuthBroker(args, { PARLEY_HOME: home });
const create = (...more: readonly string[]) =>
  run(["token", "create", "--name", "ci", "--allow", "snapshot,refresh", ...more]);

function holder(token: string) {
  const vault = Vault.open(home);
  try {
    return new ClientTokens(vault.file).authenticate(token);
  } finally {
    vault.close();
  }
}

async function recorded(): Promise<{ actor: string; action: string; target: string }[]> {
  return JSON.parse((await run(["audit", "--json"])).stdout);
}

describe("token create", () => {
  test("prints the token alone, says that this is the only time, and makes it what was asked for", async () => {
    const { stdout, stderr } = await create(
      "--providers",
      "openai, anthropic",
      "--expires",
      "30d",
      "--lease-only",
    );
    expect(stdout).toMatch(/^plb_[\w-]{43}\n$/);
    expect(stderr).toContain("not shown again");
    expect(stderr).not.toContain(stdout.trim());
    const principal = holder(stdout.trim());
    expect(principal).toMatchObject({
      name: "ci",
      permissions: ["snapshot", "refresh"],
      isLeaseOnly: true,
    });
    expect(principal?.scope.patterns).toEqual(["anthropic", "openai"]);
    const days = ((principal?.expiresAtMs ?? 0) - Date.now()) / 86_400_000;
    expect(days).toBeGreaterThan(29.9);
    expect(days).toBeLessThanOrEqual(30);
  });

  test("as JSON tells a script everything once", async () => {
    const made = JSON.parse((await create("--json")).stdout);
    expect(made).toMatchObject({
      token: expect.stringMatching(/^plb_/),
      id: 1,
      name: "ci",
      status: "active",
      permissions: ["snapshot", "refresh"],
      providers: ["*"],
      leaseOnly: false,
      expiresAtMs: null,
      lastUsedAtMs: null,
    });
  });

  test("is in the audit log before the token is out, and the token is in no file", async () => {
    const token = (await create()).stdout.trim();
    expect(await recorded()).toMatchObject([
      {
        action: "token.create",
        target: "ci#1",
        outcome: "ok",
        actor: expect.stringMatching(/^cli:uid-\d+$/),
      },
    ]);
    for (const name of readdirSync(home)) {
      const isThere = readFileSync(join(home, name)).includes(token.slice(4));
      expect([name, isThere]).toEqual([name, false]);
    }
  });

  test("of a log that cannot be written gives no token, and leaves none alive", async () => {
    await create();
    await run(["token", "revoke", "ci"]);
    rmSync(auditHeadPath(home));
    const { stdout, error } = await create();
    expect([stdout, error?.code]).toEqual(["", "audit_broken"]);
    const listed = JSON.parse((await run(["token", "list", "--json"])).stdout);
    expect(listed.map(({ status }: { status: string }) => status)).toEqual(["revoked", "revoked"]);
  });

  test.each([
    [["--expires", "soon"], "duration_invalid"],
    [["--expires", "0d"], "duration_invalid"],
    [["--providers", "a b"], "scope_invalid"],
    [["--allow", "read"], "permission_unknown"],
    [["--name", "Not OK"], "token_name_invalid"],
  ])("with %j is refused with the way out, and makes nothing", async (more, code) => {
    const { stdout, error } = await create(...more);
    expect([stdout, error?.code]).toEqual(["", code]);
    expect(error?.hint).toBeDefined();
    expect(JSON.parse((await run(["token", "list", "--json"])).stdout)).toEqual([]);
  });

  test("of a name that is taken says how to end the other", async () => {
    await create();
    const { error } = await create();
    expect(error?.code).toBe("token_name_taken");
    expect(error?.hint).toContain("token revoke ci");
  });

  test("for a provider that nobody knows works, with a word about it", async () => {
    const { stdout, stderr } = await create("--providers", "opneai,openai,mcp_oauth:*");
    expect(stdout).toMatch(/^plb_/);
    expect(stderr).toContain("called opneai. Did you mean openai?");
    expect(stderr).not.toContain("called openai");
    expect(stderr).toContain("called mcp_oauth:*");
  });
});

describe("token list", () => {
  test("of none says how to make one, and makes no vault", async () => {
    const { stdout } = await run(["token", "list"]);
    expect(stdout).toContain("token create");
    expect(existsSync(vaultPath(home))).toBe(false);
  });

  test("shows what each may do, until when, and no token", async () => {
    const token = (await create("--providers", "openai", "--expires", "12h")).stdout.trim();
    const { stdout } = await run(["token", "list"]);
    expect(stdout).toMatch(
      /ci +active +snapshot,refresh +openai +\d{4}-\d\d-\d\d \d\d:\d\dZ +never/,
    );
    const json = (await run(["token", "list", "--json"])).stdout;
    expect(JSON.parse(json)).toHaveLength(1);
    expect(stdout + json).not.toContain(token);
    expect(json).not.toContain("hash");
  });

  test("says when a row is not as it was written", async () => {
    await create();
    const database = new BetterSqlite3(vaultPath(home));
    database.exec(
      "UPDATE client_tokens SET permissions = 'admin', expires_at_ms = 9000000000000000",
    );
    database.close();
    const { stdout, stderr } = await run(["token", "list"]);
    expect(stdout).toContain("altered");
    expect(stderr).toContain("altered");
  });
});

describe("token revoke", () => {
  test("ends the token, says so, and records it", async () => {
    const token = (await create()).stdout.trim();
    expect(holder(token)?.name).toBe("ci");
    const { stdout } = await run(["token", "revoke", "ci"]);
    expect(stdout).toContain("Revoked ci");
    expect(holder(token)).toBeUndefined();
    expect((await recorded()).map(({ action }) => action)).toEqual([
      "token.create",
      "token.revoke",
    ]);
    expect((await run(["token", "revoke", "ci"])).error?.code).toBe("token_unknown");
  });

  test("with the token in place of its name does not repeat it", async () => {
    const token = (await create()).stdout.trim();
    const { stdout, stderr, error } = await run(["token", "revoke", token]);
    expect(error?.code).toBe("token_unknown");
    expect(stdout + stderr + error?.message + error?.hint).not.toContain(token);
    expect(error?.exitCode).toBe(EXIT_CODES.failure);
  });

  test("ends the token even when the log cannot be written, and says that", async () => {
    const token = (await create()).stdout.trim();
    rmSync(auditHeadPath(home));
    const { stdout, error } = await run(["token", "revoke", "ci"]);
    expect(stdout).toContain("Revoked ci");
    expect(error?.code).toBe("audit_broken");
    expect(holder(token)).toBeUndefined();
  });
});

describe("token --regenerate", () => {
  test("is recorded where there is a vault, and makes none where there is not", async () => {
    await run(["token", "--regenerate"]);
    expect(existsSync(vaultPath(home))).toBe(false);
    await create();
    const { stdout } = await run(["token", "--regenerate", "--json"]);
    expect(JSON.parse(stdout).token).toMatch(/^plb_/);
    expect((await recorded()).at(-1)).toMatchObject({
      action: "token.regenerate",
      target: "owner",
    });
  });
});
