// Moves the credentials of this host's vault to another broker. A key may live in two places; a grant must not,
// because whoever refreshes it second makes its provider revoke it. So a grant is taken out of use here, durably,
// before it is sent, and wiped when the broker has acknowledged it. Where a crash falls decides what is left:
//   before it is taken out of use   it is active here, as if nothing had happened;
//   between that and the wiping     it is departing: unused here, kept, and sent or found there by the next run;
//   after the wiping                it is the broker's.
// Refuses to send a departing grant anywhere but to the broker it was meant for.

import {
  type Credential,
  CredentialUpload,
  identityKeyOf,
  REMOTE_REFRESH,
  type SnapshotEntry,
} from "#wire";
import type { BrokerClient } from "./client/broker-client.ts";
import type { EnvironmentKey } from "./environment-keys.ts";
import { BrokerError, BrokerRefused, BrokerUnauthorized } from "./errors.ts";
import { Departures, MIGRATED } from "./vault/departures.ts";
import { MAX_CAUSE_CHARS } from "./vault/credential-table.ts";
import type { StoredCredential, Vault } from "./vault/vault.ts";

/** What is moved, and where to. */
export interface MigrateOptions {
  readonly vault: Vault;
  readonly client: Pick<BrokerClient, "url" | "fetchSnapshot" | "putCredential">;
  /** Move OAuth grants too; their rows here become tombstones. */
  readonly includeOauth?: boolean | undefined;
  /** Keys of the environment to store in the broker too. */
  readonly environmentKeys?: readonly EnvironmentKey[];
  /** Report, and change nothing on either side. */
  readonly isDryRun?: boolean | undefined;
}

/** What became of one credential. */
export interface MigrateItem {
  /** The id in the vault here; null for a key of the environment. */
  readonly id: number | null;
  /** The variable that offers it; null for a row of the vault. */
  readonly variable: string | null;
  readonly provider: string;
  readonly type: Credential["type"];
  readonly identityKey: string | null;
  /**
   * `present`: the broker has it already. `pending`: sent, and nobody knows yet whether it arrived;
   * the next run finds out.
   */
  readonly outcome: "migrated" | "present" | "skipped" | "refused" | "pending";
  /** Why, unless it was simply migrated. */
  readonly reason: string | null;
}

/** What was moved, and what ended it early. */
export interface Migration {
  readonly items: readonly MigrateItem[];
  readonly interruptedBy: BrokerError | undefined;
}

/**
 * Moves. Throws BrokerError `migrate_to_itself` when the broker serves this very vault, and what asking for its
 * snapshot throws; from then on errors of the broker are told in the outcome.
 */
export async function migrate(options: MigrateOptions): Promise<Migration> {
  const { vault, client } = options;
  const snapshot = await client.fetchSnapshot();
  const entries = snapshot?.credentials ?? [];
  refuseItself(vault, entries, client.url);
  return new Move(options, entries).run();
}

type Result = Pick<MigrateItem, "outcome" | "reason">;

const DONE: Result = { outcome: "migrated", reason: null };

/** One run. */
class Move {
  readonly #options: MigrateOptions;
  readonly #entries: readonly SnapshotEntry[];
  readonly #departures: Departures;
  readonly #cause: string;

  constructor(options: MigrateOptions, entries: readonly SnapshotEntry[]) {
    this.#options = options;
    this.#entries = entries;
    this.#departures = new Departures(options.vault);
    this.#cause = `on its way to ${options.client.url}`.slice(0, MAX_CAUSE_CHARS);
  }

  async run(): Promise<Migration> {
    const items: MigrateItem[] = [];
    try {
      for (const step of this.#steps()) {
        const { outcome, reason } = await step.result();
        items.push({ ...step.about, outcome, reason });
      }
      return { items, interruptedBy: undefined };
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error;
      return { items: [...items, error.item], interruptedBy: error.cause };
    }
  }

  // What was begun comes first: it is out of use until it is finished.
  #steps() {
    const { vault, environmentKeys = [] } = this.#options;
    const departing = this.#departures.all();
    const stored = vault.read().credentials;
    return [
      ...departing.map((row) => ({ about: about(row), result: () => this.#resume(row) })),
      ...stored.map((row) => ({ about: about(row), result: () => this.#moveStored(row) })),
      ...environmentKeys.map((offered) => {
        const { provider, variable } = offered;
        const credential = { type: "api_key", key: offered.key.reveal() } as const;
        const item = { id: null, variable, provider, type: "api_key", identityKey: null } as const;
        return { about: item, result: () => this.#copyKey(item, credential) };
      }),
    ];
  }

  #moveStored(row: StoredCredential): Promise<Result> {
    const { credential } = row;
    return credential.type === "api_key"
      ? this.#copyKey(about(row), credential)
      : this.#moveGrant(row);
  }

  async #copyKey(item: About, credential: Credential): Promise<Result> {
    const { provider } = item;
    if (this.#find(provider, credential)) return PRESENT;
    if (!CredentialUpload.safeParse({ provider, credential }).success) {
      return { outcome: "refused", reason: "it is no key that can be sent in a header" };
    }
    if (this.#options.isDryRun) return DONE;
    try {
      await this.#options.client.putCredential(provider, credential);
      return DONE;
    } catch (error) {
      return refusal(error, () => interrupted(item, error));
    }
  }

  async #moveGrant(row: StoredCredential): Promise<Result> {
    const obstacle = this.#obstacle(row);
    if (obstacle !== undefined) return { outcome: "skipped", reason: obstacle };
    const known = this.#find(row.provider, row.credential);
    if (known !== undefined) {
      // Only the very same grant may be wiped here; another login of the account is a grant of its own.
      if (!isSameAccess(known, row.credential)) return OWN_LOGIN;
      return this.#depart(row, { ifDry: PRESENT, onward: () => this.#finish(row.id, PRESENT) });
    }
    return this.#depart(row, { ifDry: DONE, onward: () => this.#send(row) });
  }

  /** Takes a grant out of use here, which a refresh on its way forbids. */
  async #depart(
    { id }: StoredCredential,
    { ifDry, onward }: { ifDry: Result; onward: () => Result | Promise<Result> },
  ): Promise<Result> {
    if (this.#options.isDryRun) return ifDry;
    const begun = this.#departures.begin(id, this.#cause);
    if (begun === "departing") return onward();
    return { outcome: "skipped", reason: begun === "busy" ? BUSY : "it was disabled meanwhile" };
  }

  #finish(id: number, result: Result): Result {
    this.#departures.finish(id, MIGRATED);
    return result;
  }

  #obstacle({ credential }: StoredCredential): string | undefined {
    if (!this.#options.includeOauth) return "it is an OAuth grant; --include-oauth moves it";
    if (credential.type === "oauth" && credential.refresh === REMOTE_REFRESH) {
      return "its refresh token is held by another broker";
    }
    return this.#options.vault.quarantinedAtMs === null ? undefined : QUARANTINED;
  }

  async #resume(row: Departing): Promise<Result> {
    if (row.cause !== this.#cause) return { outcome: "skipped", reason: `it is ${row.cause}` };
    if (this.#options.vault.quarantinedAtMs !== null) {
      return { outcome: "skipped", reason: QUARANTINED };
    }
    if (this.#options.isDryRun) return DONE;
    if (this.#find(row.provider, row.credential) === undefined) return this.#send(row);
    return this.#finish(row.id, { outcome: "migrated", reason: "it had arrived before" });
  }

  /** Sends a departing grant; whatever comes back decides whether it is wiped, taken back or left departing. */
  async #send(row: StoredCredential | Departing): Promise<Result> {
    try {
      await this.#options.client.putCredential(row.provider, row.credential);
    } catch (error) {
      return refusal(
        error,
        () => interrupted(about(row), error),
        () => this.#departures.cancel(row.id),
      );
    }
    return this.#finish(row.id, DONE);
  }

  /** The broker's entry of the same key, account or grant. */
  #find(provider: string, credential: Credential): SnapshotEntry | undefined {
    const identityKey = identityKeyOf(credential);
    return this.#entries
      .filter((entry) => entry.provider === provider)
      .find((entry) => {
        if (credential.type === "api_key") return isSameKey(entry, credential.key);
        const isSameAccount = identityKey !== null && entry.identityKey === identityKey;
        return isSameAccount || isSameAccess(entry, credential);
      });
  }
}

const PRESENT: Result = { outcome: "present", reason: "the broker has it already" };
const OWN_LOGIN: Result = {
  outcome: "present",
  reason: "the broker has a login of its own to this account; the one here is left as it is",
};
const BUSY = "it is being refreshed; repeat this in a minute, with a broker running here";
const QUARANTINED =
  "the vault was restored from a backup, so the grant may be old; `agent auth-broker unquarantine` first";

type About = Omit<MigrateItem, "outcome" | "reason">;
type Departing = ReturnType<Departures["all"]>[number];

function about({ id, provider, identityKey, credential }: StoredCredential | Departing): About {
  return { id, variable: null, provider, type: credential.type, identityKey };
}

function isSameKey({ credential }: SnapshotEntry, key: string): boolean {
  return credential.type === "api_key" && credential.key === key;
}

function isSameAccess({ credential }: SnapshotEntry, other: Credential): boolean {
  return (
    credential.type === "oauth" && other.type === "oauth" && credential.access === other.access
  );
}

/** A refusal by the broker itself means that nothing was stored; anything else leaves that open. */
function refusal(error: unknown, otherwise: () => Error, undo?: () => void): Result {
  if (!(error instanceof BrokerRefused || error instanceof BrokerUnauthorized)) throw otherwise();
  // These say that something took too long or went wrong there, not what was stored before it did.
  if (error instanceof BrokerRefused && (error.status >= 500 || error.status === 408)) {
    throw otherwise();
  }
  undo?.();
  return { outcome: "refused", reason: error.message };
}

/** The broker stopped answering in the middle. */
class Interrupted extends Error {
  declare readonly cause: BrokerError;
  readonly item: MigrateItem;

  constructor(item: MigrateItem, cause: BrokerError) {
    super(cause.message, { cause });
    this.item = item;
  }
}

function interrupted(item: About, error: unknown): Error {
  if (!(error instanceof BrokerError))
    return error instanceof Error ? error : new Error(String(error));
  const reason =
    item.type === "oauth"
      ? "it is not known whether it arrived; it is out of use here until this command is repeated"
      : "it is not known whether it arrived; repeat this command";
  return new Interrupted({ ...item, outcome: "pending", reason }, error);
}

// Ids are random, so one in common means one vault, or copies of one.
function refuseItself(vault: Vault, entries: readonly SnapshotEntry[], url: string): void {
  const here = new Map(vault.list().map(({ id, provider }) => [id, provider]));
  if (!entries.some(({ id, provider }) => here.get(id) === provider)) return;
  throw new BrokerError(
    "migrate_to_itself",
    `the broker at ${url} serves the vault of this host, or a copy`,
    {
      fix: "Set auth.broker.url to the other broker.",
    },
  );
}
