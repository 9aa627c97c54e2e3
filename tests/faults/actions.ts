// What writes in a vault, one entry per action: the driver runs it, the tests know what must be there before and
// after. Everything lies below one folder, so that a copy of it is a fresh start.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { loadConfig, Secret } from "#platform";
import type { Credential } from "#wire";
import { backUp } from "../../broker/backup/backup.ts";
import { restore } from "../../broker/backup/restore.ts";
import { brokerKeys } from "../../broker/config.ts";
import { homeMasterKey } from "../../broker/vault/key-sources/file.ts";
import { openVault, prepareNextKey } from "../../broker/vault/open-vault.ts";
import { rekey } from "../../broker/vault/rekey.ts";
import { Vault } from "../../broker/vault/vault.ts";

/** Starts every secret that a test stores, so that one search finds them all. */
export const CANARY = "canary-e81f4c";
export const PASSPHRASE = "a passphrase for the tests";

export interface Action {
  /** Makes what the action needs. */
  prepare(root: string): void;
  run(root: string): unknown;
}

const apiKey = (name: string): Credential => ({ type: "api_key", key: `${CANARY}-${name}` });
const grant = (turn: number): Credential => ({
  type: "oauth",
  refresh: `${CANARY}-refresh-${turn}`,
  access: `${CANARY}-access-${turn}`,
  expires: 5_000 + turn,
  email: "a@example.test",
});

export const actions = {
  "first open": {
    prepare: () => {},
    run: (root) => withVault(root, () => {}),
  },
  upsert: {
    prepare: fill,
    run: (root) => withVault(root, (vault) => vault.upsert("groq", apiKey("added"))),
  },
  replace: {
    prepare: fill,
    run: (root) => withVault(root, (vault) => vault.upsert("mcp", grant(2))),
  },
  rotate: {
    prepare: fill,
    run: (root) =>
      withVault(root, (vault) => {
        const usedRefresh = `${CANARY}-refresh-1`;
        vault.rotate(idOf(vault, "mcp"), { usedRefresh, credential: grant(2) });
      }),
  },
  disable: {
    prepare: fill,
    run: (root) =>
      withVault(root, (vault) => {
        const active = vault.read().credentials.find(({ provider }) => provider === "openai");
        if (active) vault.disable(active.id, "left");
      }),
  },
  block: {
    prepare: fill,
    run: (root) =>
      withVault(root, (vault) => {
        const block = { providerKey: "m", blockScope: "model", blockedUntilMs: 9e12 };
        vault.block(idOf(vault, "openai"), block);
      }),
  },
  "rekey to a new key file": { prepare: fill, run: (root) => moveKey(root, "file") },
  "rekey to a passphrase": { prepare: fill, run: (root) => moveKey(root, "passphrase") },
  backup: {
    prepare: fill,
    run: (root) => {
      if (!existsSync(backupPath(root)))
        withVault(root, (vault) => backUp(vault, backupPath(root)));
    },
  },
  restore: {
    prepare: (root) => {
      fill(root);
      withVault(root, (vault) => {
        backUp(vault, backupPath(root));
        vault.upsert("groq", apiKey("after the backup"));
      });
    },
    run: async (root) => {
      await restore(backupPath(root), {
        home: homeOf(root),
        masterKey: homeMasterKey(homeOf(root)),
        passphrase: () => Promise.reject(new Error("needs none")),
        replace: true,
      });
    },
  },
} as const satisfies Record<string, Action>;
export type ActionName = keyof typeof actions;

/** The action of that name. */
export function actionNamed(name: string): Action {
  const found = Object.entries(actions).find(([each]) => each === name)?.[1];
  if (found) return found;
  throw new RangeError(`there is no action ${name}`);
}

export const homeOf = (root: string): string => join(root, "home");
export const backupPath = (root: string): string => join(root, "vault.backup");

/** Two credentials and a tombstone. */
function fill(root: string): void {
  withVault(root, (vault) => {
    vault.upsert("openai", apiKey("kept"));
    vault.upsert("mcp", grant(1));
    vault.disable(vault.upsert("mistral", apiKey("gone")).id, "left");
  });
}

export function withVault<T>(root: string, use: (vault: Vault) => T): T {
  const vault = Vault.open(homeOf(root));
  try {
    return use(vault);
  } finally {
    vault.close();
  }
}

/** Opens the vault with the key at hand: the file, or else the passphrase, as an operator would try. */
export async function openWithKeyAtHand(root: string): Promise<Vault> {
  try {
    return await openVault(worldOf(root, "file"));
  } catch (error) {
    const isPassphraseSet = ["vault.kdf", "vault.kdf.next"].some((name) =>
      existsSync(join(homeOf(root), name)),
    );
    if (!isPassphraseSet) throw error;
    return openVault(worldOf(root, "passphrase"));
  }
}

/** Everything that a vault holds, in a form that two copies of it share: no ids, no times. */
export async function contentOf(root: string): Promise<string> {
  const vault = await openWithKeyAtHand(root);
  try {
    const active = vault.read().credentials.map(({ provider, identityKey, credential, blocks }) => {
      return JSON.stringify({ provider, identityKey, credential, blocks });
    });
    const disabled = vault.list().filter(({ disabledAtMs }) => disabledAtMs !== null);
    const tombstones = disabled.map(({ provider, disabledCause }) =>
      JSON.stringify({ provider, disabledCause }),
    );
    const isQuarantined = vault.quarantinedAtMs !== null;
    const hasBackup = existsSync(backupPath(root));
    return JSON.stringify({ active: active.toSorted(), tombstones, isQuarantined, hasBackup });
  } finally {
    vault.close();
  }
}

async function moveKey(root: string, to: string): Promise<void> {
  const vault = await openWithKeyAtHand(root);
  try {
    rekey(vault.file, await prepareNextKey(to, worldOf(root, to)));
  } finally {
    vault.close();
  }
}

/** What a command knows when `vault.key` is that setting. */
export function worldOf(root: string, setting: string) {
  const home = homeOf(root);
  const env = { PARLEY_HOME: home, PARLEY_VAULT_KEY: setting };
  const config = loadConfig({ keys: brokerKeys, env, cwd: root });
  return { config, env, askPassphrase: async () => new Secret(PASSPHRASE) };
}

function idOf(vault: Vault, wanted: string): number {
  const found = vault.read().credentials.find(({ provider }) => provider === wanted);
  if (found) return found.id;
  throw new RangeError(`no credential of ${wanted}`);
}
