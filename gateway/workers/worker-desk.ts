// Where the primary answers one worker: what it takes is known by worker, so that nothing stays taken when it is gone.

import type { CredentialSource } from "#broker/client";
import type { Logger } from "#platform";
import type { RoutingNews } from "../routing/open-router.ts";
import type { StartGatewayOptions } from "../start.ts";
import { lostLine, lostRow } from "./lost-requests.ts";
import { OpenClaims } from "./open-claims.ts";
import type { PlaceHolder } from "./place-pool.ts";
import { PLACE_KINDS, type PlaceKind, type Report } from "./protocol.ts";
import { readReasoning } from "./remote-reasoning.ts";
import { readStored } from "./remote-responses.ts";
import type { SharedServices } from "./shared-services.ts";
import type { PrimaryHandlers, WorkerHandle } from "./worker-handle.ts";

/** What a desk works on. */
export interface WorkerDeskParts extends Pick<
  StartGatewayOptions,
  "askUsage" | "credentials" | "observe" | "observeLimits"
> {
  readonly services: SharedServices;
  /** Has every worker tell what it has not told yet. */
  readonly collectReports: () => Promise<void>;
  /** Tells all workers but one. */
  readonly tellOthers: (news: RoutingNews, except: WorkerHandle) => void;
  /** Looks at once for changed credentials. */
  readonly lookAtCredentials: () => void;
  readonly log: Logger;
}

/** The primary's side of one worker. */
export class WorkerDesk {
  readonly #worker: WorkerHandle;
  readonly #parts: WorkerDeskParts;
  readonly #claims: OpenClaims;
  readonly #holders: Readonly<Record<PlaceKind, PlaceHolder>>;
  readonly #teller;

  constructor(worker: WorkerHandle, parts: WorkerDeskParts) {
    this.#worker = worker;
    this.#parts = parts;
    const { places, metrics, money, nowMs } = parts.services;
    this.#claims = new OpenClaims({ keys: money.keys, till: money.till, nowMs });
    const holder = (kind: PlaceKind): PlaceHolder => ({
      yieldPlaces: () => worker.channel.ask("yieldPlaces", { kind }),
    });
    this.#holders = { requests: holder("requests"), sockets: holder("sockets") };
    for (const kind of PLACE_KINDS) places[kind].add(this.#holders[kind]);
    this.#teller = { metrics: () => worker.channel.ask("metrics", null) };
    metrics.add(this.#teller);
  }

  /** Everything that the worker may ask. */
  get handlers(): PrimaryHandlers {
    const { services, tellOthers, credentials, askUsage } = this.#parts;
    const { money, places, metrics, responseStore: store, reasoning } = services;
    const { till: _till, ledger, accounts, keys } = money;
    return {
      take: (claim) => this.#claims.take(claim).then(nothing),
      move: (moved) => this.#claims.move(moved).then(nothing),
      settle: (settled) => nothing(this.#claims.settle(settled)),
      spent: ({ keyId, nanoUsd }) => {
        const atMs = services.nowMs();
        accounts.of(keyId).budget.spend(nanoUsd, atMs);
        return nothing(ledger.book(keyId, nanoUsd, atMs));
      },
      place: ({ kind }) => places[kind].lease(this.#holders[kind]),
      places: ({ kind, count }) => nothing(places[kind].giveBack(this.#holders[kind], count)),
      usage: async ({ keyId, rotatedAtMs, sinceMs }) => {
        await this.#parts.collectReports();
        const rules = keys.currentAnew({ id: keyId, rotatedAtMs })?.rules;
        const { sums, budgets } = await services.readUsage(
          { id: keyId, ...(rules && { rules }) },
          sinceMs,
        );
        return { sums: [...sums], budgets: [...budgets] };
      },
      scrape: () => metrics.scrape(),
      report: (report) => nothing(this.#report(report)),
      news: (news) => nothing(tellOthers(news, this.#worker)),
      fresh: async ({ credentialId }) => this.#looking(credentials.fresh(credentialId)),
      refresh: async ({ credentialId }) => {
        const renewed = await this.#looking(refresh(credentials, credentialId));
        return renewed.credential;
      },
      block: async ({ credentialId, block }) => {
        await this.#looking(credentials.block?.(credentialId, block) ?? Promise.resolve());
        return null;
      },
      allowances: () => askUsage?.() ?? null,
      getResponse: ({ callerId, id }) => {
        const stored = store?.get(callerId, id);
        return stored ? JSON.stringify(stored) : null;
      },
      putResponse: ({ callerId, text }) => nothing(store?.put(callerId, readStored(text))),
      deleteResponse: ({ callerId, id }) => store?.delete(callerId, id) ?? false,
      findReasoning: ({ callerId, callIds }) =>
        reasoning.find(callerId, callIds).map((known) => (known ? JSON.stringify(known) : null)),
      putReasoning: ({ callerId, callId, text }) =>
        nothing(reasoning.put(callerId, callId, readReasoning(text))),
    };
  }

  /** The worker is gone: nothing stays taken. `isWanted` when it was asked to end. */
  close({ isWanted }: { isWanted: boolean }): void {
    const { services, log } = this.#parts;
    const { places, metrics, money, accessLog, nowMs } = services;
    for (const kind of PLACE_KINDS) places[kind].remove(this.#holders[kind]);
    if (!isWanted) metrics.remove(this.#teller);
    for (const lost of this.#claims.lose()) {
      const atMs = nowMs();
      money.ledger.record(lostRow(lost, atMs));
      accessLog?.record(lostLine(lost, atMs));
      const { requestId, caller } = lost.claim;
      const { nanoUsd } = lost;
      log.warn("a request ended with its worker", { requestId, caller: caller.name, nanoUsd });
    }
  }

  #report({ rows, lines, uses, limits }: Report): void {
    const { services, observe, observeLimits } = this.#parts;
    for (const row of rows) services.money.ledger.record(row);
    for (const line of lines) services.accessLog?.record(line);
    for (const use of uses) observe?.(use);
    for (const { credentialId, headers } of limits) {
      observeLimits?.(credentialId, new Headers(headers));
    }
  }

  /** What was renewed or blocked is known to every worker at once. */
  async #looking<T>(done: Promise<T>): Promise<T> {
    const result = await done;
    this.#parts.lookAtCredentials();
    return result;
  }
}

function nothing(_done: unknown): null {
  return null;
}

function refresh(source: CredentialSource, credentialId: number) {
  if (!source.refresh) throw new TypeError("this source renews nothing");
  return source.refresh(credentialId);
}
