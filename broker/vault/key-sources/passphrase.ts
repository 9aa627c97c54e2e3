// A key made from a passphrase by scrypt; its salt and cost are kept in `vault.kdf`, which is no secret.
// Refuses a short passphrase when one is chosen, and costs from the file that would exhaust the machine.

import { randomBytes, scryptSync } from "node:crypto";
import { join } from "node:path";
import { readPrivateFile, writePrivateFile } from "#platform";
import { parseJson } from "#wire";
import { z } from "zod";
import { MasterKeyError } from "../../errors.ts";
import { missingKey } from "../master-key.ts";
import { MASTER_KEY_BYTES } from "../seal.ts";
import type { KeySource, KeySourceWorld } from "./key-source.ts";

/** Shortest passphrase accepted for a new vault, in characters. */
export const MIN_PASSPHRASE_CHARS = 12;

const KdfParameters = z.strictObject({
  kdf: z.literal("scrypt"),
  n: z.literal([2 ** 15, 2 ** 16, 2 ** 17, 2 ** 18]),
  r: z.literal(8),
  p: z.literal(1),
  salt: z.base64url().min(22).max(88),
});
type KdfParameters = z.infer<typeof KdfParameters>;

/** `vault.key: passphrase`. */
export const passphraseKey: KeySource = {
  id: "passphrase",
  doc: "`passphrase`: made by scrypt from `vault.passphrase`, or from what is typed at the start",
  accepts: (setting) => setting === "passphrase",
  open: async (_setting, world) => {
    const path = join(world.home, "vault.kdf");
    const known = readParameters(path);
    const key = await deriveKey(known ?? newParameters(), { isNew: !known, world });
    return {
      name: "the passphrase",
      read: ({ mayCreate }) => {
        if (!known && !mayCreate) throw missingKey(path);
        if (!known) writePrivateFile(path, `${JSON.stringify(key.parameters)}\n`);
        return key.bytes;
      },
    };
  },
};

/** Parameters for a new passphrase, with a salt of their own. */
export function newParameters(): KdfParameters {
  return { kdf: "scrypt", n: 2 ** 17, r: 8, p: 1, salt: randomBytes(16).toString("base64url") };
}

/** The key that a passphrase makes; 32 bytes. Takes a third of a second and 128 MiB on purpose. */
export function keyFromPassphrase(passphrase: string, { n, r, p, salt }: KdfParameters): Buffer {
  const maxmem = 256 * n * r;
  return scryptSync(
    passphrase.normalize("NFKC"),
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

async function deriveKey(
  parameters: KdfParameters,
  { isNew, world }: { isNew: boolean; world: KeySourceWorld },
) {
  const passphrase = (await world.passphrase({ isNew })).reveal();
  if (isNew && passphrase.length < MIN_PASSPHRASE_CHARS) throw tooShort();
  return { parameters, bytes: keyFromPassphrase(passphrase, parameters) };
}

/** The error for a new passphrase that is too short. */
export function tooShort(): MasterKeyError {
  return new MasterKeyError(
    "passphrase_too_short",
    `a new passphrase needs at least ${MIN_PASSPHRASE_CHARS} characters`,
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
