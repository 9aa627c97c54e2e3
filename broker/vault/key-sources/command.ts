// The key that a command prints: a KMS, a keyring, a password manager.
// Refuses to show the command in an error: operators put secrets on command lines.

import { registerSecret } from "#platform";
import { resolveConfigText } from "../../config-value.ts";
import { MasterKeyError } from "../../errors.ts";
import { parseKey } from "../master-key.ts";
import type { KeySource, KeySourceWorld } from "./key-source.ts";

const NAME = "what the !command of vault.key prints";

/** `vault.key: "!command"`. */
export const commandKey: KeySource = {
  id: "command",
  doc: "`!command`: what a command prints (a KMS, a keyring)",
  accepts: (setting) => setting.startsWith("!"),
  open: async (setting, world) => {
    const key = await printedKey(setting, world);
    return { name: NAME, read: () => key };
  },
  prepare: async (setting, world) => ({ key: await printedKey(setting, world) }),
};

async function printedKey(setting: string, { env, run }: KeySourceWorld): Promise<Uint8Array> {
  const text = await resolveConfigText(setting, env, run ? { run } : {});
  if (text === undefined) throw new MasterKeyError("master_key_missing", "vault.key is empty");
  registerSecret(text);
  return parseKey(text, NAME);
}
