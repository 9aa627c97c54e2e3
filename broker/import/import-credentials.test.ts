// From files to the vault: what is taken, what is not and why, twice over, and whatever the file holds.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { loadConfig } from "#platform";
import * as fc from "fast-check";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { brokerKeys } from "../config.ts";
import { BrokerError } from "../errors.ts";
import { openRegistry } from "../oauth/registry.ts";
import { Departures, MIGRATED } from "../vault/departures.ts";
import { Vault } from "../vault/vault.ts";
import { MAX_ENTRIES, MAX_FILE_BYTES } from "./credential-files.ts";
import { importCredentials, type ImportOptions } from "./import-credentials.ts";

let home: string;
let files: string;
let vault: Vault;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "parley-import-"));
  files = join(home, "files");
  mkdirSync(files);
  vault = Vault.open(join(home, "parley"));
});

afterEach(() => {
  vault.close();
  rmSync(home, { recursive: true });
});

const registry = openRegistry(
  loadConfig({ keys: brokerKeys, env: { PARLEY_HOME: "/none" }, cwd: tmpdir() }),
);

function write(name: string, content: unknown): string {
  const path = join(files, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

function run(path = files, options: Partial<ImportOptions> = {}) {
  return importCredentials(path, { vault, registry, ...options });
}

/** Each file with what became of it. */
function outcomes(path = files, options: Partial<ImportOptions> = {}) {
  return run(path, options).map(({ file, outcome, reason }) => [file, outcome, reason]);
}

const claude = {
  type: "claude",
  access_token: "canary-access",
  refresh_token: "canary-refresh",
  email: "a@example.test",
  expired: "2030-01-01T00:00:00Z",
};

test("a folder is read in order, each file reported, and a second time nothing is new", () => {
  write("claude-a.json", claude);
  write("nested/auth.json", { OPENAI_API_KEY: "canary-key" });
  write("notes.json", { hello: "world" });
  write("notes.txt", "{}");
  write("off.json", { ...claude, email: "b@example.test", disabled: true });
  write("torn.json", '{"type":"claude","access_token":"canary');
  const unchanging = [
    ["notes.json", "skipped", "is not a credential file I know"],
    ["off.json", "skipped", expect.stringContaining("--include-disabled")],
    ["torn.json", "refused", "is not JSON that can be read"],
  ];
  expect(outcomes()).toEqual([
    ["claude-a.json", "imported", null],
    ["nested/auth.json", "imported", null],
    ...unchanging,
  ]);
  const { generation } = vault;
  expect(outcomes()).toEqual([
    ["claude-a.json", "present", "is in the vault already"],
    ["nested/auth.json", "present", "is in the vault already"],
    ...unchanging,
  ]);
  expect(vault.generation).toBe(generation);
  expect(JSON.stringify(run())).not.toContain("canary");
});

test("one file is imported by its name, and what was stored is what it held", () => {
  const path = write("claude-a.json", claude);
  expect(run(path)).toMatchObject([
    {
      file: path,
      format: "CLIProxyAPI",
      provider: "anthropic",
      identityKey: "email:a@example.test",
    },
  ]);
  expect(vault.read().credentials).toMatchObject([
    {
      provider: "anthropic",
      credential: {
        access: "canary-access",
        refresh: "canary-refresh",
        expires: Date.UTC(2030, 0),
      },
    },
  ]);
});

test("a grant that cannot be renewed here comes with the provider's rule", () => {
  const [item] = run(write("claude-a.json", claude));
  expect(item?.warning).toContain("does not permit third-party apps");
  expect(item?.warning).toContain("https://code.claude.com/docs/en/legal-and-compliance");
  const [key] = run(write("auth.json", { OPENAI_API_KEY: "k" }));
  expect(key?.warning).toBeNull();
});

test("a dry run tells the same and changes nothing, with and without a vault", () => {
  write("claude-a.json", claude);
  const { generation } = vault;
  expect(outcomes(files, { isDryRun: true })).toEqual([["claude-a.json", "imported", null]]);
  expect(outcomes(files, { isDryRun: true, vault: undefined })).toHaveLength(1);
  expect(vault.generation).toBe(generation);
  run();
  expect(outcomes(files, { isDryRun: true })[0]?.[1]).toBe("present");
});

test("of a folder one provider can be picked, and what is switched off can be taken too", () => {
  write("auth.json", { OPENAI_API_KEY: "k" });
  write("claude-a.json", { ...claude, disabled: true });
  expect(outcomes(files, { provider: "anthropic", includeDisabled: true })).toEqual([
    ["auth.json", "skipped", "is of openai"],
    ["claude-a.json", "imported", null],
  ]);
});

describe("an account that the vault knows", () => {
  test("keeps its newer grant, and takes a newer one", () => {
    const path = write("claude-a.json", claude);
    run(path);
    write("claude-a.json", { ...claude, refresh_token: "r-0", expired: "2029-01-01T00:00:00Z" });
    expect(outcomes(path)[0]?.slice(1)).toEqual([
      "skipped",
      expect.stringContaining("newer grant"),
    ]);
    write("claude-a.json", { ...claude, refresh_token: "r-2", expired: "2031-01-01T00:00:00Z" });
    expect(outcomes(path)[0]?.[1]).toBe("imported");
    expect(vault.read().credentials).toHaveLength(1);
    expect(vault.read().credentials[0]?.credential).toMatchObject({ refresh: "r-2" });
  });

  test("does not get back a grant that was refreshed here since", () => {
    const path = write("claude-a.json", claude);
    run(path);
    const [stored] = vault.read().credentials;
    if (stored === undefined) throw new Error("nothing was stored");
    const credential = { ...stored.credential, refresh: "r-2" };
    vault.rotate(stored.id, { usedRefresh: "canary-refresh", credential });
    expect(outcomes(path)[0]?.[1]).toBe("present");
    vault.disable(stored.id, "revoked");
    expect(outcomes(path)[0]).toEqual([path, "refused", expect.stringContaining("is over")]);
  });
});

test("a grant that moved to another broker does not come back by its old file, unless it must", () => {
  const path = write("claude.json", { claudeAiOauth: { accessToken: "a-1", refreshToken: "r-1" } });
  run(path);
  const departures = new Departures(vault);
  const id = vault.read().credentials[0]?.id ?? 0;
  departures.begin(id, "on its way");
  expect(outcomes(path)[0]?.slice(1)).toEqual([
    "skipped",
    expect.stringContaining("another broker"),
  ]);
  departures.finish(id, MIGRATED);
  expect(outcomes(path)[0]?.[1]).toBe("skipped");
  expect(outcomes(path, { includeDisabled: true })[0]?.[1]).toBe("imported");
});

describe("a path that was not meant", () => {
  test("is refused when it is absent, is none of both, or holds too much", () => {
    expect(() => run(join(files, "absent"))).toThrow("cannot be opened (ENOENT)");
    expect(() => run("/dev/null")).toThrow("neither a file nor a folder");
    for (let index = 0; index <= MAX_ENTRIES; index += 1) {
      writeFileSync(join(files, `${index}`), "");
    }
    expect(() => run()).toThrow("more than 2000 entries");
    expect(() => run()).toThrow(BrokerError);
  });

  test("is not reached through a link, a deep folder or a huge file", () => {
    const outside = join(home, "outside.json");
    writeFileSync(outside, JSON.stringify(claude));
    symlinkSync(outside, join(files, "link.json"));
    symlinkSync(home, join(files, "folder.json"));
    write("1/2/3/4/near.json", claude);
    write("1/2/3/4/5/far.json", claude);
    write("huge.json", `{"x":"${"y".repeat(MAX_FILE_BYTES)}"}`);
    write("list.json", "[1]");
    write("deep.json", `${"[".repeat(5_000)}${"]".repeat(5_000)}`);
    expect(outcomes()).toEqual([
      ["1/2/3/4/near.json", "imported", null],
      ["deep.json", "refused", "is not JSON that can be read"],
      ["folder.json", "refused", "is a symbolic link"],
      ["huge.json", "refused", "is larger than 256 KiB"],
      ["link.json", "refused", "is a symbolic link"],
      ["list.json", "skipped", "is not a credential file I know"],
    ]);
  });
});

test("whatever the file holds, the outcome is a report without the secret", () => {
  const secret = "canary-5d0c";
  const odd = fc.oneof(
    fc.constantFrom<unknown>(
      undefined,
      null,
      "",
      0,
      -1,
      Number.MAX_VALUE,
      true,
      [],
      {},
      "\u0000",
      "é",
      "__remote__",
    ),
    fc.double(),
    fc.array(fc.string(), { maxLength: 2 }),
  );
  // Account labels are shown; only what stands where a token belongs is secret.
  const label = (...values: readonly unknown[]) =>
    fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...values) }, { weight: 1, arbitrary: odd });
  const mostly = (...values: readonly unknown[]) =>
    fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom(...values) },
      fc.constantFrom<unknown>([secret], { access_token: secret }, `${secret}\n`, ` ${secret}`),
      odd,
    );
  const token = mostly(
    secret,
    `${secret}.e30.x`,
    `e30.${Buffer.from("[]").toString("base64")}.${secret}`,
  );
  const oauth = {
    access_token: token,
    refresh_token: token,
    id_token: token,
    accessToken: token,
    refreshToken: token,
    expiresAt: mostly(1, 1_790_000_000_000),
    expiry: mostly("2026-01-01T00:00:00Z", "soon"),
    account_id: label("acc"),
    client_secret: token,
  };
  const nested = fc.oneof(fc.record(oauth, { requiredKeys: [] }), odd, token);
  const file = fc.record(
    {
      ...oauth,
      type: mostly(
        "claude",
        "codex",
        "gemini",
        "gemini-cli",
        "antigravity",
        "other",
        "constructor",
      ),
      email: label("a@example.test", "\u001b[2J"),
      expired: mostly("2026-01-01T00:00:00Z", "", "soon"),
      expiry_date: mostly(1, 1_790_000_000_000),
      disabled: mostly(true, false),
      token: nested,
      tokens: nested,
      claudeAiOauth: nested,
      OPENAI_API_KEY: token,
      resource_url: odd,
    },
    { requiredKeys: [] },
  );
  const path = join(files, "any.json");
  let imported = 0;
  fc.assert(
    fc.property(file, fc.integer({ min: 0, max: 40 }), (value, cut) => {
      const text = JSON.stringify(value);
      writeFileSync(path, cut === 0 ? text.slice(0, -2) : text);
      const items = importCredentials(path, { vault: undefined, registry, includeDisabled: true });
      imported += items.filter(({ outcome }) => outcome === "imported").length;
      expect(JSON.stringify(items)).not.toContain(secret);
    }),
    { numRuns: 4_000 },
  );
  expect(imported).toBeGreaterThan(100);
}, 60_000);
