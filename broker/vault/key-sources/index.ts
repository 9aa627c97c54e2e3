// The list of master key sources. To add one: a file beside these, and a line here.

import { commandKey } from "./command.ts";
import { fileKey } from "./file.ts";
import type { KeySource } from "./key-source.ts";
import { literalKey } from "./literal.ts";
import { passphraseKey } from "./passphrase.ts";
import { systemdKey } from "./systemd.ts";

/** Every source; each accepts values of `vault.key` that no other accepts. */
export const keySources: readonly KeySource[] = [
  fileKey,
  passphraseKey,
  systemdKey,
  commandKey,
  literalKey,
];
