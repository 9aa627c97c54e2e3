// Putting credentials into the vault and taking them out of service, and what remains of the latter.
// Refuses to write outside the caller's providers, and to say which others there are.

import {
  CredentialUpload,
  type CredentialUploaded,
  type DisabledCredential,
  type DisabledCredentials,
  DisableRequest,
  type OkAnswer,
} from "#wire";
import { entryOf } from "../snapshot/snapshot.ts";
import type { CredentialSummary } from "../vault/credential-table.ts";
import type { Vault } from "../vault/vault.ts";
import { credentialOfCall, targetOf, viewOfCall } from "./caller-view.ts";
import { Refusal, unknownCredential } from "./refusal.ts";
import { readBody } from "./request-body.ts";
import type { Call, Route } from "./route.ts";

const DEFAULT_CAUSE = "disabled by a client";
const OK: OkAnswer = { ok: true };

/** What the routes need. */
export interface CredentialServices {
  readonly vault: Vault;
  readonly nowMs: () => number;
}

/** Upload, disable, list of the disabled. */
export function credentialRoutes(services: CredentialServices): readonly Route[] {
  return [
    {
      method: "POST",
      path: "/v1/credential",
      permission: "write",
      action: "credential.upsert",
      handle: (call) => store(call, services),
    },
    {
      method: "POST",
      path: "/v1/credential/:id/disable",
      permission: "write",
      action: "credential.disable",
      handle: (call) => disable(call, services),
    },
    {
      method: "GET",
      path: "/v1/credentials/disabled",
      permission: "write",
      action: "credential.disabled_list",
      handle: (call) => listDisabled(call, services),
    },
  ];
}

async function store(call: Call, { vault }: CredentialServices): Promise<Response> {
  const { provider, credential } = readBody(CredentialUpload, call);
  if (!call.caller.scope.sees(provider)) throw outOfScope();
  await call.record(provider);
  vault.upsert(provider, credential);
  const { sees, disclosure } = viewOfCall(call);
  const stored = vault.read(sees).credentials.filter((entry) => entry.provider === provider);
  const answer: CredentialUploaded = {
    entries: stored.map((entry) => entryOf(entry, disclosure)),
  };
  return Response.json(answer);
}

async function disable(call: Call, { vault }: CredentialServices): Promise<Response> {
  const { cause = DEFAULT_CAUSE } = readBody(DisableRequest, call, { whenEmpty: {} });
  const stored = credentialOfCall(vault, call);
  await call.record(targetOf(stored));
  if (!vault.disable(stored.id, cause)) throw unknownCredential();
  return Response.json(OK);
}

async function listDisabled(call: Call, { vault, nowMs }: CredentialServices): Promise<Response> {
  const provider = call.query.get("provider");
  const disabled = vault
    .list(viewOfCall(call).sees)
    .filter((row) => provider === null || row.provider === provider)
    .flatMap(tombstone);
  await call.record(`${disabled.length} credentials`);
  const answer: DisabledCredentials = { generatedAt: nowMs(), disabled };
  return Response.json(answer);
}

function tombstone(row: CredentialSummary): DisabledCredential[] {
  const { id, provider, identityKey, disabledAtMs, disabledCause } = row;
  if (disabledAtMs === null) return [];
  const type = row.type === "oauth" ? "oauth" : "api_key";
  const cause = disabledCause ?? "";
  return [{ id, provider, type, cause, disabledAtMs, ...account(identityKey) }];
}

function account(identityKey: string | null): { email?: string; accountId?: string } {
  const [, kind, name] = /^(email|account):(.+)$/s.exec(identityKey ?? "") ?? [];
  if (name === undefined) return {};
  return kind === "email" ? { email: name } : { accountId: name };
}

function outOfScope(): Refusal {
  const message = "this token may not store credentials of that provider";
  return new Refusal(403, message, { code: "forbidden" });
}
