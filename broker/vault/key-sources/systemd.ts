// A credential that systemd decrypted for this service alone: LoadCredentialEncrypted=parley-vault-key:…
// Refuses to run outside such a service, instead of looking elsewhere.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Environment } from "#platform";
import { MasterKeyError } from "../../errors.ts";
import { parseKey } from "../master-key.ts";
import type { KeySource } from "./key-source.ts";

/** The credential's name in the unit file. */
export const SYSTEMD_CREDENTIAL = "parley-vault-key";

/** `vault.key: systemd`. See systemd.exec(5), "Credentials". */
export const systemdKey: KeySource = {
  id: "systemd",
  doc: `\`systemd\`: the service's credential \`${SYSTEMD_CREDENTIAL}\``,
  accepts: (setting) => setting === "systemd",
  open: (_setting, { env }) => {
    const path = credentialPath(env);
    return { name: path, read: () => parseKey(readCredential(path), path) };
  },
  prepare: (_setting, { env }) => {
    const path = credentialPath(env);
    return { key: parseKey(readCredential(path), path) };
  },
};

function credentialPath(env: Environment): string {
  const directory = env.CREDENTIALS_DIRECTORY;
  if (!directory) throw unavailable("CREDENTIALS_DIRECTORY is not set");
  return join(directory, SYSTEMD_CREDENTIAL);
}

function readCredential(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch (cause) {
    throw unavailable(`${path} cannot be read`, cause);
  }
}

function unavailable(problem: string, cause?: unknown): MasterKeyError {
  return new MasterKeyError("master_key_missing", `vault.key is systemd, but ${problem}`, {
    fix: `Start the broker as a systemd service with LoadCredentialEncrypted=${SYSTEMD_CREDENTIAL}:/path.`,
    cause,
  });
}
