// What is known of a request once it is over: the one record that ledgers, metrics and logs are made from.
// Nothing of a prompt or an answer is in it, and no key.

import type { SpokenFormatId, FailureKind, FormatId, Usage } from "#wire";
import type { CatalogModel } from "../models/catalog.ts";
import type { RequestTrace } from "../observability/trace-context.ts";
import type { Endpoint } from "../providers/endpoint.ts";
import type { Caller } from "./caller.ts";
import type { Outcome } from "./exchange.ts";
import type { KeySource } from "./lease.ts";

/** Why a way failed before its first byte. */
export interface AttemptFailure {
  readonly kind: FailureKind;
  /** Machine word of the upstream, or ours. */
  readonly code: string;
  /** As the upstream answered; absent when the connection failed or the failure is ours. */
  readonly status?: number;
  /** Its words, cut; absent where they may quote what was asked. */
  readonly reason?: string;
}

/** One way that was tried. */
export interface SettledAttempt {
  /** `provider/model`. */
  readonly model: string;
  readonly provider: string;
  /** Id as the upstream knows it. */
  readonly upstreamModel: string;
  readonly format: FormatId;
  readonly keySource: KeySource;
  /** The broker's id of the credential. */
  readonly credentialId?: number;
  /** Ms after the request's arrival. */
  readonly beganMs: number;
  /** Ms after the request's arrival, when its answer began or it failed; absent for neither. */
  readonly decidedMs?: number;
  /** The upstream's id of the call. */
  readonly upstreamRequestId?: string;
  /** Absent for the one that served. */
  readonly failure?: AttemptFailure;
}

/** How a request ended: `refused` before the first byte to its caller, with `status`. */
export interface Settlement {
  readonly requestId: string;
  /** The caller's own id, if it sent one. */
  readonly clientRequestId?: string;
  /** Its place in a trace; absent when it is not traced. */
  readonly trace?: RequestTrace;
  readonly caller: Caller;
  /** Dialect of the caller. */
  readonly format: SpokenFormatId;
  /** What was asked for when it was no answer. */
  readonly endpoint?: Endpoint;
  readonly isStream: boolean;
  /** As the caller wrote it. */
  readonly asked: string;
  /** The upstream that served, or was tried last; absent when none was chosen. */
  readonly model?: CatalogModel;
  readonly upstreamFormat?: FormatId;
  readonly keySource?: KeySource;
  /** The broker's id of the credential. */
  readonly credentialId?: number;
  readonly outcome: Outcome | "refused";
  /** HTTP status to the caller. */
  readonly status: number;
  /** Stable code of the refusal. */
  readonly code?: string;
  /** What the upstream said went wrong after the first byte. */
  readonly failureKind?: FailureKind;
  /** As the provider reported it; absent when it reported none. */
  readonly usage?: Usage;
  /** Ms since the epoch. */
  readonly startedAtMs: number;
  /** From arrival to the first byte to the caller; absent when there was none. */
  readonly firstByteMs?: number;
  readonly elapsedMs: number;
  /** Every decision on the way, in order. */
  readonly trail: readonly string[];
  /** Every way that was tried, in order. */
  readonly attempts: readonly SettledAttempt[];
}

/** Told of each request once, when it is over; must not throw and must be cheap. */
export type ObserveSettlement = (settlement: Settlement) => void;
