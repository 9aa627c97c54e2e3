// Brings the credentials of other programs' files into the vault, and tells for each what became of it.
// Refuses to put an older grant over a newer one of the same account. Its report holds no secret.

import { registerSecret } from "#platform";
import { type Credential, CredentialUpload, identityKeyOf } from "#wire";
import { BrokerError } from "../errors.ts";
import { canRefresh } from "../oauth/refresh-request.ts";
import type { ProviderRegistry } from "../oauth/registry.ts";
import { Departures } from "../vault/departures.ts";
import type { StoredCredential, Vault } from "../vault/vault.ts";
import { type CredentialFile, credentialFiles, NOT_A_CREDENTIAL_FILE } from "./credential-files.ts";
import type { FoundCredential } from "./importer.ts";
import { importers } from "./index.ts";

/** How files are imported. */
export interface ImportOptions {
  /** Absent when there is none yet and none is to be made. */
  readonly vault: Vault | undefined;
  readonly registry: ProviderRegistry;
  /** Only credentials of this provider. */
  readonly provider?: string | undefined;
  /** Also those that their file marks as switched off. */
  readonly includeDisabled?: boolean | undefined;
  /** Report, and change nothing. */
  readonly isDryRun?: boolean | undefined;
}

/** What became of one credential, or of a file that gave none. */
export interface ImportItem {
  readonly file: string;
  /** The program that wrote the file; null when nobody knows. */
  readonly format: string | null;
  readonly provider: string | null;
  readonly type: Credential["type"] | null;
  readonly identityKey: string | null;
  /** `present`: the vault has it already. `skipped`: left out on purpose. `refused`: unusable. */
  readonly outcome: "imported" | "present" | "skipped" | "refused";
  /** Why, unless it was imported. */
  readonly reason: string | null;
  /** What to know before using it: the provider's rule, when it cannot be renewed here. */
  readonly warning: string | null;
}

/** Imports a file, or every credential file of a folder. Throws ImportPathError, and what the vault throws. */
export function importCredentials(path: string, options: ImportOptions): ImportItem[] {
  return credentialFiles(path).flatMap((file) => importFile(file, options));
}

function importFile(file: CredentialFile, options: ImportOptions): ImportItem[] {
  const nothing = { ...NOTHING, file: file.path };
  if (file.problem !== undefined) {
    const outcome = file.problem === NOT_A_CREDENTIAL_FILE ? "skipped" : "refused";
    return [{ ...nothing, outcome, reason: file.problem }];
  }
  const importer = importers.find((each) => each.recognizes(file.json));
  if (importer === undefined) {
    return [{ ...nothing, outcome: "skipped", reason: NOT_A_CREDENTIAL_FILE }];
  }
  const format = importer.name;
  const reading = importer.read(file.json);
  if (reading.problem !== undefined) {
    return [{ ...nothing, format, outcome: "refused", reason: reading.problem }];
  }
  return reading.found.map((found) => ({ file: file.path, format, ...importOne(found, options) }));
}

const NOTHING = {
  format: null,
  provider: null,
  type: null,
  identityKey: null,
  reason: null,
  warning: null,
};

type Outcome = Pick<ImportItem, "outcome" | "reason">;

function importOne(
  found: FoundCredential,
  options: ImportOptions,
): Omit<ImportItem, "file" | "format"> {
  const { provider, credential } = found;
  for (const secret of secretsOf(credential)) registerSecret(secret);
  const outcome = whyNot(found, options) ?? stored(found, options);
  const isThere = outcome.outcome === "imported" || outcome.outcome === "present";
  return {
    provider,
    type: credential.type,
    identityKey: identityKeyOf(credential),
    ...outcome,
    warning: isThere ? warningFor(found, options) : null,
  };
}

function secretsOf(credential: Credential): string[] {
  return credential.type === "api_key" ? [credential.key] : [credential.access, credential.refresh];
}

function whyNot(found: FoundCredential, options: ImportOptions): Outcome | undefined {
  const { provider, includeDisabled = false } = options;
  if (provider !== undefined && found.provider !== provider) {
    return { outcome: "skipped", reason: `is of ${found.provider}` };
  }
  if (found.isDisabled && !includeDisabled) {
    return { outcome: "skipped", reason: "is disabled there (--include-disabled takes it anyway)" };
  }
  const upload = CredentialUpload.safeParse({
    provider: found.provider,
    credential: found.credential,
  });
  if (upload.success) return undefined;
  const issue = upload.error.issues[0];
  const field = String(issue?.path.at(-1) ?? "it");
  return { outcome: "refused", reason: `${field}: ${issue?.message ?? "is unusable"}` };
}

function stored(found: FoundCredential, options: ImportOptions): Outcome {
  const { vault, includeDisabled = false, isDryRun = false } = options;
  const known = vault === undefined ? undefined : counterpart(found, vault);
  if (known !== undefined && isSame(found.credential, known.credential)) return PRESENT;
  if (known !== undefined && isNewer(known.credential, found.credential)) {
    return {
      outcome: "skipped",
      reason: `the vault has a newer grant of this account (${known.id})`,
    };
  }
  if (known === undefined && !includeDisabled && vault && hasLeft(found, vault)) return MOVED_AWAY;
  if (vault === undefined || isDryRun) return IMPORTED;
  try {
    return vault.upsert(found.provider, found.credential).isChanged ? IMPORTED : PRESENT;
  } catch (error) {
    if (!(error instanceof BrokerError) || error.code !== "refresh_token_spent") throw error;
    return { outcome: "refused", reason: error.message };
  }
}

const IMPORTED = { outcome: "imported", reason: null } as const;
const PRESENT = { outcome: "present", reason: "is in the vault already" } as const;

const MOVED_AWAY: Outcome = {
  outcome: "skipped",
  reason: "its account moved to another broker (--include-disabled takes it anyway)",
};

function hasLeft({ provider, credential }: FoundCredential, vault: Vault): boolean {
  return credential.type === "oauth" && new Departures(vault).hasLeft(provider, credential);
}

/** The active credential that this one would replace, or is. */
function counterpart(found: FoundCredential, vault: Vault): StoredCredential | undefined {
  const identityKey = identityKeyOf(found.credential);
  return vault
    .read()
    .credentials.filter(({ provider }) => provider === found.provider)
    .find(
      (row) =>
        isSame(found.credential, row.credential) ||
        (identityKey !== null && row.identityKey === identityKey),
    );
}

function isSame(a: Credential, b: Credential): boolean {
  if (a.type === "api_key") return b.type === "api_key" && a.key === b.key;
  return b.type === "oauth" && a.refresh === b.refresh;
}

function isNewer(a: Credential, b: Credential): boolean {
  return a.type === "oauth" && b.type === "oauth" && a.expires > b.expires;
}

function warningFor(found: FoundCredential, { registry }: ImportOptions): string | null {
  if (found.credential.type !== "oauth") return null;
  const rules = registry.find(found.provider)?.descriptor.oauth;
  const answer = canRefresh(found.provider, rules, found.credential);
  if (answer === true) return null;
  const link = rules === undefined ? "" : ` ${rules.policy.link}`;
  return `it works until its access token ends, and is not renewed here: ${answer}${link}`;
}
