// Cool-downs: one client met a limit and tells the others to leave the credential alone for a while.
// Refuses to keep more of them than a snapshot should carry.

import { CredentialBlock, type OkAnswer } from "#wire";
import { z } from "zod";
import type { Vault } from "../vault/vault.ts";
import { credentialOfCall, targetOf } from "./caller-view.ts";
import { Refusal, unknownCredential } from "./refusal.ts";
import { readBody } from "./request-body.ts";
import type { Call, Route } from "./route.ts";

/** Most cool-downs of one credential that are not over. */
export const MAX_BLOCKS = 64;

const OK: OkAnswer = { ok: true };
/** The last moment a date can name, in ms since the epoch. */
const END_OF_TIME_MS = 8_640_000_000_000_000;

/** What the routes need. */
export interface BlockServices {
  readonly vault: Vault;
  readonly nowMs: () => number;
}

/** Set one, lift all. */
export function blockRoutes(services: BlockServices): readonly Route[] {
  return [
    {
      method: "POST",
      path: "/v1/credential/:id/block",
      permission: "refresh",
      action: "credential.block",
      handle: (call) => block(call, services),
    },
    {
      method: "DELETE",
      path: "/v1/credential/:id/blocks",
      permission: "refresh",
      action: "credential.unblock",
      handle: (call) => unblock(call, services),
    },
  ];
}

async function block(call: Call, { vault, nowMs }: BlockServices): Promise<Response> {
  const { providerKey, blockScope, blockedUntilMs } = readBody(CredentialBlock, call);
  const stored = credentialOfCall(vault, call);
  const others = stored.blocks.filter(
    (known) =>
      known.blockedUntilMs > nowMs() &&
      !(known.providerKey === providerKey && known.blockScope === blockScope),
  );
  if (others.length >= MAX_BLOCKS) throw tooMany();
  await call.record(targetOf(stored));
  // The vault keeps whole milliseconds; a block must not end early.
  const wholeMs = Math.min(Math.ceil(blockedUntilMs), END_OF_TIME_MS);
  const isKnown = vault.block(stored.id, { providerKey, blockScope, blockedUntilMs: wholeMs });
  if (!isKnown) throw unknownCredential();
  return Response.json(OK);
}

async function unblock(call: Call, { vault }: BlockServices): Promise<Response> {
  readBody(z.strictObject({}), call, { whenEmpty: {} });
  const stored = credentialOfCall(vault, call);
  await call.record(targetOf(stored));
  if (!vault.clearBlocks(stored.id)) throw unknownCredential();
  return Response.json(OK);
}

function tooMany(): Refusal {
  const message = `this credential has ${MAX_BLOCKS} cool-downs already`;
  return new Refusal(409, message, { code: "too_many_blocks" });
}
