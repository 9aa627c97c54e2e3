// The key itself, from PARLEY_VAULT_KEY: for platforms that inject secrets as variables.
// Refuses nothing here that config.ts has not refused already: a key written into a file beside its vault.

import { registerSecret } from "#platform";
import { type MasterKeySource, parseKey } from "../master-key.ts";
import type { KeySource } from "./key-source.ts";

const NAME = "the key in PARLEY_VAULT_KEY";

/** `PARLEY_VAULT_KEY=<43 characters>`. */
export const literalKey: KeySource = {
  id: "env",
  doc: "the key itself (32 random bytes as base64url), in `PARLEY_VAULT_KEY` only",
  accepts: (setting) => /^[\w-]{43}$/.test(setting),
  open: (setting): MasterKeySource => {
    registerSecret(setting);
    return { name: NAME, read: () => parseKey(setting, NAME) };
  },
  prepare: async (_setting, { newKey }) => {
    const text = (await newKey()).reveal();
    return { key: parseKey(text, "what was given as the new key") };
  },
};
