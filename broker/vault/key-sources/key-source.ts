// The contract of a master key source: one file beside this one and a line in the list. A source is asked once,
// when the vault is opened; it refuses to fall back to another source, and never to keep a key in the clear.

import type { Environment, Secret } from "#platform";
import type { RunCommand } from "../../config-value.ts";
import type { MasterKeySource, NextKey } from "../master-key.ts";

/** What a source may use. */
export interface KeySourceWorld {
  readonly home: string;
  readonly env: Environment;
  /** The passphrase; `isNew` when one is being chosen. Throws when nobody can be asked. */
  readonly passphrase: (options: { isNew: boolean }) => Promise<Secret>;
  /** A new key that the operator brings, for sources that we cannot write to. */
  readonly newKey: () => Promise<Secret>;
  readonly run?: RunCommand;
}

/** A kind of source. */
export interface KeySource {
  readonly id: string;
  /** One clause for the reference: how the setting is written, and what it means. */
  readonly doc: string;
  /** Whether a value of `vault.key` means this source. */
  accepts(setting: string): boolean;
  /** The current key. */
  open(setting: string, world: KeySourceWorld): MasterKeySource | Promise<MasterKeySource>;
  /** A new key for a rekey; nothing is written before the rekey keeps it. */
  prepare(setting: string, world: KeySourceWorld): NextKey | Promise<NextKey>;
}
