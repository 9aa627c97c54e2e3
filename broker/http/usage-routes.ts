// How much of each account is used: read, and told by clients. Every answer holds what the caller may know of, and
// nothing that lets it count the rest. These requests are routine and hold no secret, so the log of who did what
// has the first of an hour for each caller and subject, not every one.

import {
  LimitsUpload,
  type OkAnswer,
  ObservedUsageUpload,
  type UsageClients,
  type UsageHistory,
  type UsageReports,
} from "#wire";
import { z } from "zod";
import { actorOf } from "../access/principal.ts";
import type { ObservedUsageLog } from "../usage/observed-usage.ts";
import type { UsageMonitor } from "../usage/usage-monitor.ts";
import type { Vault } from "../vault/vault.ts";
import { credentialOfCall, targetOf } from "./caller-view.ts";
import { badRequest } from "./refusal.ts";
import { readBody } from "./request-body.ts";
import type { Call, Route } from "./route.ts";

/** How long a routine request of one caller about one subject needs no further record, in ms. */
export const RECORD_INTERVAL_MS = 60 * 60_000;

const OK: OkAnswer = { ok: true };
const NO_STORE = { "cache-control": "no-store" };
const MAX_REMEMBERED = 10_000;

/** What the routes need. */
export interface UsageServices {
  readonly vault: Vault;
  readonly usage: Pick<UsageMonitor, "reports" | "feed" | "markStale" | "history">;
  readonly observed: Pick<ObservedUsageLog, "record" | "clients">;
  readonly nowMs: () => number;
}

/** Reports, history and clients; limits, observations and staleness. */
export function usageRoutes(services: UsageServices): readonly Route[] {
  const records = new HourlyRecords(services.nowMs);
  const reading = { method: "GET", permission: "usage", action: "usage.read" } as const;
  const telling = { method: "POST", permission: "usage", action: "usage.report" } as const;
  const route = (
    kind: typeof reading | typeof telling,
    path: string,
    answer: (call: Call, services: UsageServices, records: HourlyRecords) => Promise<object>,
  ): Route => ({
    ...kind,
    path,
    handle: async (call) =>
      Response.json(await answer(call, services, records), { headers: NO_STORE }),
  });
  return [
    route(reading, "/v1/usage", reports),
    route(reading, "/v1/usage/history", history),
    route(reading, "/v1/usage/clients", clients),
    route(telling, "/v1/usage/observed", observe),
    route(telling, "/v1/usage/stale", markStale),
    route(telling, "/v1/credential/:id/limits", takeLimits),
  ];
}

async function reports(
  call: Call,
  { usage, nowMs }: UsageServices,
  records: HourlyRecords,
): Promise<UsageReports> {
  await records.record(call, "reports");
  const found = await usage.reports(seenBy(call));
  return { generatedAt: nowMs(), reports: found };
}

async function history(
  call: Call,
  { usage, nowMs }: UsageServices,
  records: HourlyRecords,
): Promise<UsageHistory> {
  const query = { sinceMs: readSince(call), provider: call.query.get("provider") ?? undefined };
  await records.record(call, "history");
  const entries = usage.history.read({ ...query, sees: seenBy(call) });
  return { generatedAt: nowMs(), entries };
}

async function clients(
  call: Call,
  { observed, nowMs }: UsageServices,
  records: HourlyRecords,
): Promise<UsageClients> {
  const sinceMs = readSince(call);
  await records.record(call, "clients");
  return { generatedAt: nowMs(), clients: observed.clients({ sinceMs, sees: seenBy(call) }) };
}

async function observe(
  call: Call,
  { observed, nowMs }: UsageServices,
  records: HourlyRecords,
): Promise<OkAnswer> {
  const upload = readBody(ObservedUsageUpload, call);
  await records.record(call, "observed");
  observed.record(upload, { sees: seenBy(call), nowMs: nowMs() });
  return OK;
}

async function markStale(
  call: Call,
  { usage }: UsageServices,
  records: HourlyRecords,
): Promise<OkAnswer> {
  readBody(z.looseObject({}), call, { whenEmpty: {} });
  await records.record(call, "stale");
  usage.markStale(seenBy(call));
  return OK;
}

async function takeLimits(
  call: Call,
  { vault, usage }: UsageServices,
  records: HourlyRecords,
): Promise<OkAnswer> {
  const { headers } = readBody(LimitsUpload, call);
  const stored = credentialOfCall(vault, call);
  await records.record(call, targetOf(stored));
  usage.feed(stored, headers);
  return OK;
}

function seenBy({ caller }: Call): (provider: string) => boolean {
  return (provider) => caller.scope.sees(provider);
}

function readSince({ query }: Call): number {
  const text = query.get("sinceMs") ?? "0";
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw badRequest("sinceMs: must be a whole number of milliseconds since 1970");
}

/** Puts the first of an hour on record, for each caller and subject. */
class HourlyRecords {
  readonly #nowMs: () => number;
  readonly #recordedAtMs = new Map<string, number>();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  async record(call: Call, subject: string): Promise<void> {
    const key = `${actorOf(call.caller)} ${subject}`;
    const sinceMs = this.#nowMs() - (this.#recordedAtMs.get(key) ?? -Infinity);
    if (Math.abs(sinceMs) < RECORD_INTERVAL_MS) return;
    await call.record(subject);
    if (this.#recordedAtMs.size >= MAX_REMEMBERED) this.#recordedAtMs.clear();
    this.#recordedAtMs.set(key, this.#nowMs());
  }
}
