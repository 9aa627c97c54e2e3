// Each source yields the same key for the same vault, and none ever makes up a key for a vault that exists.

import { afterEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfig, Secret } from "#platform";
import { brokerKeys } from "../../config.ts";
import { MasterKeyError } from "../../errors.ts";
import { openVault } from "../open-vault.ts";
import { keySources } from "./index.ts";

const KEY = randomBytes(32).toString("base64url");
const PASSPHRASE = "correct horse battery staple";
const homes: string[] = [];

function temporaryHome(): string {
  const home = mkdtempSync(join(tmpdir(), "parley-keys-"));
  homes.push(home);
  return home;
}

afterEach(() => {
  for (const home of homes.splice(0)) rmSync(home, { recursive: true });
});

interface World {
  readonly home: string;
  readonly env?: Record<string, string>;
  readonly config?: string;
  readonly typed?: string;
}

function open({ home, env = {}, config, typed }: World) {
  if (config !== undefined) writeFileSync(join(home, "config.yml"), config, { mode: 0o600 });
  const whole = { PARLEY_HOME: home, PATH: "/usr/bin:/bin", ...env };
  return openVault({
    config: loadConfig({ keys: brokerKeys, env: whole, cwd: home }),
    env: whole,
    ...(typed !== undefined && { askPassphrase: async () => new Secret(typed) }),
  });
}

async function refusal(world: World): Promise<MasterKeyError> {
  const error = await open(world).catch((caught: unknown) => caught);
  if (error instanceof MasterKeyError) return error;
  throw new Error("was not refused");
}

/** How an operator sets each source up, and how it looks when the key is another one. */
const setups: Record<string, (home: string, key: string) => World> = {
  file: (home, key) => {
    writeFileSync(join(home, "vault.key"), `${key}\n`, { mode: 0o600 });
    return { home };
  },
  env: (home, key) => ({ home, env: { PARLEY_VAULT_KEY: key } }),
  command: (home, key) => {
    writeFileSync(join(home, "elsewhere"), key);
    return { home, config: `vault:\n  key: "!cat '${join(home, "elsewhere")}'"\n` };
  },
  systemd: (home, key) => {
    const directory = join(home, "credentials");
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, "parley-vault-key"), key);
    return { home, config: "vault:\n  key: systemd\n", env: { CREDENTIALS_DIRECTORY: directory } };
  },
  passphrase: (home, key) => ({
    home,
    config: "vault:\n  key: passphrase\n",
    typed: key === KEY ? PASSPHRASE : "another passphrase",
  }),
};

describe.each(keySources.map(({ id }) => id))("%s", (id) => {
  const setup = setups[id] ?? expect.unreachable();

  test("opens again what it sealed, and another key is refused without a trace of it", async () => {
    const home = temporaryHome();
    const first = await open(setup(home, KEY));
    first.upsert("openai", { type: "api_key", key: "canary-key-1" });
    first.close();
    const other = randomBytes(32).toString("base64url");
    const error = await refusal(setup(home, other));
    expect(error.code).toBe("vault_wrong_key");
    expect(`${error.message} ${error.fix}`).not.toContain(other);
    const again = await open(setup(home, KEY));
    expect(again.read().credentials).toHaveLength(1);
    again.close();
  });

  test("accepts values that no other source accepts", () => {
    const values = { file: "file", env: KEY, command: "!pass vault", systemd: "systemd" };
    const value = values[id as keyof typeof values] ?? id;
    expect(keySources.filter((source) => source.accepts(value)).map((each) => each.id)).toEqual([
      id,
    ]);
  });
});

test("a key that stands in the configuration file beside the vault is refused", async () => {
  const home = temporaryHome();
  const error = await refusal({ home, config: `vault:\n  key: ${KEY}\n` });
  expect(error.code).toBe("vault_key_in_file");
  expect(error.message).not.toContain(KEY);
  expect(existsSync(join(home, "vault.db"))).toBe(false);
});

test("outside a systemd service the systemd source says what is missing", async () => {
  const error = await refusal({ home: temporaryHome(), config: "vault:\n  key: systemd\n" });
  expect(error.message).toContain("CREDENTIALS_DIRECTORY");
});

describe("a passphrase", () => {
  const config = "vault:\n  key: passphrase\n";

  test("may come from PARLEY_VAULT_PASSPHRASE, and the file beside the vault holds only salt and cost", async () => {
    const home = temporaryHome();
    (await open({ home, config, env: { PARLEY_VAULT_PASSPHRASE: PASSPHRASE } })).close();
    (await open({ home, config, typed: PASSPHRASE })).close();
    const kept = JSON.parse(readFileSync(join(home, "vault.kdf"), "utf8"));
    expect(Object.keys(kept).sort()).toEqual(["kdf", "n", "p", "r", "salt"]);
  });

  test("that is short is refused for a new vault", async () => {
    const error = await refusal({ home: temporaryHome(), config, typed: "short" });
    expect(error.code).toBe("passphrase_too_short");
  });

  test("that nobody can be asked for is an error that names the ways to give it", async () => {
    const error = await refusal({ home: temporaryHome(), config });
    expect(error.fix).toContain("PARLEY_VAULT_PASSPHRASE");
  });

  test("cannot be used when its salt is lost or asks for an absurd cost", async () => {
    const home = temporaryHome();
    (await open({ home, config, typed: PASSPHRASE })).close();
    const path = join(home, "vault.kdf");
    const parameters = readFileSync(path, "utf8");
    writeFileSync(path, parameters.replace(/"n":\d+/, '"n":1073741824'));
    expect((await refusal({ home, config, typed: PASSPHRASE })).code).toBe("master_key_invalid");
    rmSync(path);
    expect((await refusal({ home, config, typed: PASSPHRASE })).code).toBe("master_key_missing");
  });
});
