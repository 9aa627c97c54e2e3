// What the audit log can say: who did what to which credentials, and how it ended. Refuses free text where a
// closed list will do, and takes out of the rest whatever looks like a secret or would upset a terminal.

import { redact } from "#platform";

/** Everything that is recorded. */
export const AUDIT_ACTIONS = [
  "snapshot.read",
  "snapshot.stream",
  "credential.lease",
  "credential.refresh",
  "credential.block",
  "credential.unblock",
  "credential.upsert",
  "credential.disable",
  "credential.disabled_list",
  "credential.login",
  "credential.logout",
  "credential.import",
  "credential.migrate",
  "usage.read",
  "usage.report",
  "auth.refused",
  "token.create",
  "token.revoke",
  "token.regenerate",
  "vault.rekey",
  "vault.backup",
  "vault.restore",
  "vault.unquarantine",
] as const;

/** One of the recorded actions. */
export type AuditAction = (typeof AUDIT_ACTIONS)[number];
/** How it ended: done, not permitted, or tried in vain. */
export type AuditOutcome = "ok" | "refused" | "failed";

/** Longest actor and request id, in characters. */
export const MAX_NAME_CHARS = 100;
/** Longest target and detail, in characters. */
export const MAX_TEXT_CHARS = 500;

/** Something to record. */
export interface AuditEvent {
  /** A token's name and number (see actorOf), `owner`, or a user of this host as `cli:uid-1000`. */
  readonly actor: string;
  readonly action: AuditAction;
  /** The credentials (see credentialsTarget), token or file that it was about. */
  readonly target?: string;
  /** `ok` unless said otherwise. */
  readonly outcome?: AuditOutcome;
  readonly detail?: string;
  readonly requestId?: string;
}

/** What is recorded of an event: every field bounded, printable and free of what looks like a secret. */
export type AuditContent = Required<AuditEvent> & { readonly atMs: number };

/** The recordable form of an event. */
export function auditContent(event: AuditEvent, atMs: number): AuditContent {
  const { actor, action, target = "", outcome = "ok", detail = "", requestId = "" } = event;
  return {
    atMs,
    actor: clean(actor, MAX_NAME_CHARS),
    action,
    target: clean(target, MAX_TEXT_CHARS),
    outcome,
    detail: clean(detail, MAX_TEXT_CHARS),
    requestId: clean(requestId, MAX_NAME_CHARS),
  };
}

/** Names credentials by provider and id, or counts them by provider when there are too many to name. */
export function credentialsTarget(
  credentials: readonly { readonly id: number; readonly provider: string }[],
): string {
  const byProvider = Map.groupBy(credentials, ({ provider }) => provider);
  const named = [...byProvider].map(([provider, of]) => `${provider} ${of.map(({ id }) => id)}`);
  const text = named.join("; ");
  if (text.length <= MAX_TEXT_CHARS) return text;
  const counted = [...byProvider].map(([provider, of]) => `${provider} x${of.length}`);
  return `${credentials.length} credentials: ${counted.join("; ")}`;
}

// A replacement character is taken out as well: a damaged byte reads as one, and must never read as before.
function clean(text: string, maxChars: number): string {
  if (text === "") return text;
  return redact(text)
    .slice(0, maxChars)
    .replaceAll(/[\p{C}\p{Zl}\p{Zp}\uFFFD]/gu, "?");
}
