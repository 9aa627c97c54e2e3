// A key made from a passphrase by scrypt; its salt and cost are kept in `vault.kdf`, which is no secret.
// Refuses a short passphrase when one is chosen, and costs from the file that would exhaust the machine.

import { randomBytes, scryptSync } from "node:crypto";
import { join } from "node:path";
import { readPrivateFile, type Secret, writePrivateFile } from "#platform";
import { parseJson } from "#wire";
import { z } from "zod";
import { MasterKeyError } from "../../errors.ts";
import { missingKey } from "../master-key.ts";
import { MASTER_KEY_BYTES } from "../seal.ts";
import { adoptFile, adoptIfAlone, nextPath } from "./file.ts";
import type { KeySource, KeySourceWorld } from "./key-source.ts";

/** Shortest passphrase accepted for a new vault, in characters. */
export const MIN_PASSPHRASE_CHARS = 12;

/** How a key is made from a passphrase; no secret. */
export const KdfParameters = z.strictObject({
  kdf: z.literal("scrypt"),
  n: z.literal([2 ** 15, 2 ** 16, 2 ** 17, 2 ** 18]),
  r: z.literal(8),
  p: z.literal(1),
  salt: z.base64url().min(22).max(88),
});
/** How a key is made from a passphrase. */
export type KdfParameters = z.infer<typeof KdfParameters>;

/** `vault.key: passphrase`. */
export const passphraseKey: KeySource = {
  id: "passphrase",
  doc: "`passphrase`: made by scrypt from `vault.passphrase`, or from what is typed at the start",
  accepts: (setting) => setting === "passphrase",
  open: async (_setting, world) => {
    const path = parametersPath(world.home);
    const next = nextPath(path);
    const known = readParameters(path) ?? readParameters(next);
    const passphrase = known
      ? await world.passphrase({ isNew: false })
      : await newPassphrase(world);
    const parameters = known ?? newParameters();
    const key = keyFromPassphrase(passphrase, parameters);
    return {
      name: "the passphrase",
      read: ({ mayCreate }) => {
        if (!known && !mayCreate) throw missingKey(path);
        if (!known) writeParameters(path, parameters);
        return key;
      },
      pending: {
        read: () => {
          const pending = readParameters(next);
          return pending && keyFromPassphrase(passphrase, pending);
        },
        adopt: () => adoptFile(next, path),
      },
    };
  },
  prepare: async (_setting, world) => {
    const path = parametersPath(world.home);
    const next = nextPath(path);
    const parameters = newParameters();
    const key = keyFromPassphrase(await newPassphrase(world), parameters);
    const keep = () => {
      adoptIfAlone(next, path);
      writeParameters(next, parameters);
    };
    return { key, keep, adopt: () => adoptFile(next, path) };
  },
};

async function newPassphrase(world: KeySourceWorld): Promise<Secret> {
  const passphrase = await world.passphrase({ isNew: true });
  if (passphrase.reveal().length >= MIN_PASSPHRASE_CHARS) return passphrase;
  throw new MasterKeyError(
    "passphrase_too_short",
    `a new passphrase needs at least ${MIN_PASSPHRASE_CHARS} characters`,
  );
}

function parametersPath(home: string): string {
  return join(home, "vault.kdf");
}

function writeParameters(path: string, parameters: KdfParameters): void {
  writePrivateFile(path, `${JSON.stringify(parameters)}\n`);
}

/** Parameters for a new passphrase, with a salt of their own. */
export function newParameters(): KdfParameters {
  return { kdf: "scrypt", n: 2 ** 17, r: 8, p: 1, salt: randomBytes(16).toString("base64url") };
}

/** The key that a passphrase makes; 32 bytes. Takes a third of a second and 128 MiB on purpose. */
export function keyFromPassphrase(passphrase: Secret, { n, r, p, salt }: KdfParameters): Buffer {
  const maxmem = 256 * n * r;
  return scryptSync(
    passphrase.reveal().normalize("NFKC"),
    Buffer.from(salt, "base64url"),
    MASTER_KEY_BYTES,
    {
      N: n,
      r,
      p,
      maxmem,
    },
  );
}

function readParameters(path: string): KdfParameters | undefined {
  const bytes = readPrivateFile(path);
  if (bytes === undefined) return undefined;
  const parsed = KdfParameters.safeParse(jsonOrUndefined(Buffer.from(bytes).toString("utf8")));
  if (parsed.success) return parsed.data;
  throw new MasterKeyError("master_key_invalid", `${path} does not say how the key is made`, {
    fix: "Restore it from the backup that belongs to vault.db; nothing was changed.",
  });
}

function jsonOrUndefined(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}
