// `GET /v1/snapshot`: everything the caller may see, or a 304; with `?wait=` held until there is news for it.
// Shape and headers are those that deployed clients parse strictly; nothing may be added to them.

import type { RefresherSchedule } from "#wire";
import type { ClientTokens } from "../access/client-tokens.ts";
import type { GenerationWatch } from "../snapshot/generation-watch.ts";
import { snapshotOf } from "../snapshot/snapshot.ts";
import type { View } from "../snapshot/view.ts";
import type { Vault } from "../vault/vault.ts";
import { viewOfCall } from "./caller-view.ts";
import { badRequest, unauthorized } from "./refusal.ts";
import type { Call, Route } from "./route.ts";

/** Longest time a snapshot request is held, in ms; a larger `wait` counts as this. */
export const MAX_WAIT_MS = 30_000;

/** What deployed servers name; a client's capabilities change what they would answer. */
export const VARY = "OMP-Auth-Broker-Capabilities";

/** What the route needs. */
export interface SnapshotServices {
  readonly vault: Vault;
  readonly watch: GenerationWatch;
  readonly tokens: Pick<ClientTokens, "onEnd">;
  readonly schedule: () => RefresherSchedule;
  readonly nowMs: () => number;
}

/** The snapshot, whole. */
export function snapshotRoute(services: SnapshotServices): Route {
  return {
    method: "GET",
    path: "/v1/snapshot",
    permission: "snapshot",
    action: "snapshot.read",
    handle: (call) => answerSnapshot(call, services),
  };
}

async function answerSnapshot(call: Call, services: SnapshotServices): Promise<Response> {
  const { vault, schedule, nowMs } = services;
  const waitMs = readWait(call.query.get("wait"));
  const known = call.request.headers.get("if-none-match");
  const view = viewOfCall(call);
  await holdWhileKnown(call, { view, known, waitMs }, services);
  const content = vault.read(view.sees);
  const headers = { etag: `"${content.generation}"`, "cache-control": "no-store", vary: VARY };
  if (matches(known, content.generation)) return new Response(null, { status: 304, headers });
  await call.record(`generation ${content.generation}, ${content.credentials.length} credentials`);
  const { disclosure } = view;
  const snapshot = snapshotOf(content, { nowMs: nowMs(), refresher: schedule(), disclosure });
  return Response.json(snapshot, { headers });
}

async function holdWhileKnown(
  { caller, request }: Call,
  { view, known, waitMs }: { view: View; known: string | null; waitMs: number },
  { vault, watch, tokens }: SnapshotServices,
): Promise<void> {
  if (waitMs === 0 || known === null) return;
  const generation = vault.generationSeenBy(view.sees);
  if (!matches(known, generation)) return;
  const ended = new AbortController();
  const forget = tokens.onEnd(caller, () => ended.abort());
  const signal = AbortSignal.any([request.signal, ended.signal]);
  await watch.wait(generation, { reader: view, timeoutMs: waitMs, signal });
  forget();
  if (ended.signal.aborted) throw unauthorized();
}

function readWait(text: string | null): number {
  if (text === null) return 0;
  if (/^\d{1,15}$/.test(text)) return Math.min(Number(text), MAX_WAIT_MS);
  throw badRequest("wait: must be a whole number of milliseconds");
}

// RFC 9110 §13.1.2: a list of tags or "*", compared weakly.
function matches(ifNoneMatch: string | null, generation: number): boolean {
  if (ifNoneMatch === null) return false;
  return ifNoneMatch
    .split(",")
    .map((tag) => tag.trim().replace(/^W\//, ""))
    .some((tag) => tag === "*" || tag === `"${generation}"`);
}
