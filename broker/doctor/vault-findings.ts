// What can be wrong with the vault, its grants and its tokens. Reads only; asks no provider.

import type { ClientTokenSummary } from "../access/client-tokens.ts";
import type { RegisteredProvider } from "../oauth/registry.ts";
import type { RefreshProblem } from "../refresh/sweeper.ts";
import type { CredentialSummary } from "../vault/credential-table.ts";
import type { StoredCredential, Vault } from "../vault/vault.ts";
import { type Finding, timeLeft } from "./finding.ts";

/** Grants and tokens that end within this time are worth a warning, in ms. */
export const SOON_MS = 7 * 86_400_000;

/** Whether the vault may refresh, and whether its key stands beside it. */
export function vaultFindings(vault: Vault, keySetting: string): Finding[] {
  const active = vault.read().credentials.length;
  const findings: Finding[] = [
    { name: "vault", status: "ok", detail: `opens; ${active} active credentials` },
  ];
  if (vault.quarantinedAtMs !== null) {
    findings.push({
      name: "quarantine",
      status: "warning",
      detail: "the vault was restored from a backup; nothing is refreshed",
      fix: "Make sure that no other broker uses these grants, then run `agent auth-broker unquarantine`.",
    });
  }
  if (keySetting === "file") {
    findings.push({
      name: "key",
      status: "warning",
      detail: "vault.key stands beside the vault: a copy of the directory opens it",
      fix: "Keep it elsewhere: `agent auth-broker rekey --help` lists the places.",
    });
  }
  return findings;
}

/** Credentials that fail, are over, or will be soon. */
export function grantFindings(
  vault: Vault,
  {
    problems,
    providers,
    nowMs,
  }: {
    problems: readonly RefreshProblem[];
    providers: (id: string) => RegisteredProvider | undefined;
    nowMs: number;
  },
): Finding[] {
  const failing = problems.map((problem) => failingFinding(problem));
  const ending = vault.read().credentials.flatMap((stored) => {
    const endsAtMs = grantEnd(stored, providers(stored.provider));
    return endsAtMs === undefined || endsAtMs - nowMs > SOON_MS
      ? []
      : [endingFinding(stored, endsAtMs - nowMs)];
  });
  const lost = vault.list().flatMap((row) => lostFinding(row, vault, nowMs) ?? []);
  const found = [...failing, ...ending, ...lost];
  if (found.length > 0) return found;
  return [{ name: "grants", status: "ok", detail: "all are kept alive" }];
}

/** Client tokens that are about to end, were altered, or may do everything for ever. */
export function tokenFindings(tokens: readonly ClientTokenSummary[], nowMs: number): Finding[] {
  const active = tokens.filter(({ status }) => status === "active");
  const findings = tokens.flatMap((token) => tokenFinding(token, nowMs) ?? []);
  if (findings.length > 0) return findings;
  const detail = active.length === 0 ? "none but the owner's" : `${active.length} of clients`;
  return [{ name: "tokens", status: "ok", detail }];
}

function failingFinding({ id, provider, problem, retryAtMs }: RefreshProblem): Finding {
  const isTried = retryAtMs !== null;
  return {
    name: "grant",
    status: isTried ? "warning" : "failed",
    detail: `${provider} ${id} is not refreshed: ${problem}`,
    ...(isTried ? {} : { fix: `Log in again or see why: agent auth-broker login ${provider}` }),
  };
}

function grantEnd(
  { credential }: StoredCredential,
  provider: RegisteredProvider | undefined,
): number | undefined {
  const lifetimeS = provider?.descriptor.oauth?.grantLifetimeS;
  if (credential.type !== "oauth" || lifetimeS === undefined) return undefined;
  return credential.authorizedAt === undefined
    ? undefined
    : credential.authorizedAt + lifetimeS * 1000;
}

function endingFinding({ id, provider }: StoredCredential, leftMs: number): Finding {
  return {
    name: "grant",
    status: "warning",
    detail:
      leftMs > 0
        ? `${provider} ${id} ends in ${timeLeft(leftMs)}, whatever is refreshed`
        : `${provider} ${id} is past the end that the provider gives a login`,
    fix: `Log in again: agent auth-broker login ${provider}`,
  };
}

// Only what nobody has replaced since: a login makes a new credential of the same account.
function lostFinding(row: CredentialSummary, vault: Vault, nowMs: number): Finding | undefined {
  const { provider, identityKey, disabledAtMs, disabledCause } = row;
  if (disabledAtMs === null || nowMs - disabledAtMs > SOON_MS) return undefined;
  if (!disabledCause?.startsWith("needs_login")) return undefined;
  const isReplaced = vault
    .read()
    .credentials.some((other) => other.provider === provider && other.identityKey === identityKey);
  if (isReplaced) return undefined;
  return {
    name: "grant",
    status: "failed",
    detail: `${provider} ${identityKey ?? row.id} is over: ${disabledCause}`,
    fix: `Log in again: agent auth-broker login ${provider}`,
  };
}

function tokenFinding(token: ClientTokenSummary, nowMs: number): Finding | undefined {
  const { name, status, permissions, expiresAtMs } = token;
  if (status === "altered") {
    return {
      name: "tokens",
      status: "failed",
      detail: `the row of token ${name} is not as it was written`,
      fix: `Revoke it and find out who can write to the vault: agent auth-broker token revoke ${name}`,
    };
  }
  if (status !== "active") return undefined;
  if (expiresAtMs !== null && expiresAtMs - nowMs <= SOON_MS) {
    const detail = `token ${name} ends in ${timeLeft(expiresAtMs - nowMs)}`;
    return { name: "tokens", status: "warning", detail };
  }
  if (expiresAtMs === null && permissions.includes("admin")) {
    return {
      name: "tokens",
      status: "warning",
      detail: `token ${name} may do everything and never ends`,
      fix: "Give each client what it needs, with --allow and --expires.",
    };
  }
  return undefined;
}
