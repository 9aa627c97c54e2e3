// What a failure before the first byte says: about the request, then nobody else is asked; about the account or its
// provider, then a sibling may serve, and the account rests.

import { OutboundError } from "#platform";
import type { FailureKind } from "#wire";
import type { GatewayError } from "../errors.ts";
import { UpstreamRefused } from "../pipeline/dispatch.ts";
import type { RestSteps } from "./cool-downs.ts";

/** What follows from a failure. */
export interface Verdict {
  /** In plain words, for the trail. */
  readonly reason: string;
  /** What rests: every model of the account, only the one that was asked for, or nothing. */
  readonly rests: "account" | "model" | "nothing";
  readonly steps: RestSteps;
  /** True when the account itself is refused or used up: asking it again now cannot help. */
  readonly isRefusal: boolean;
  /** True when a login's access token may just have been revoked. */
  readonly isCredential: boolean;
}

const LIMITED: RestSteps = { firstMs: 5_000, maxMs: 5 * 60_000 };
const REFUSED: RestSteps = { firstMs: 60_000, maxMs: 15 * 60_000 };
const FAULTY: RestSteps = { firstMs: 1_000, maxMs: 60_000 };

type Rule = Omit<Verdict, "isRefusal" | "isCredential"> &
  Partial<Pick<Verdict, "isRefusal" | "isCredential">>;

const NEVER: RestSteps = { firstMs: 0, maxMs: 0 };

/** Kinds that say nothing of the request. Absent ones do: they would be the same everywhere. */
const RULES: Partial<Record<FailureKind, Rule>> = {
  rate_limited: { reason: "limited", rests: "model", steps: LIMITED, isRefusal: true },
  billing: { reason: "out of credit", rests: "account", steps: REFUSED, isRefusal: true },
  upstream_auth: {
    reason: "credential refused",
    rests: "account",
    steps: REFUSED,
    isRefusal: true,
    isCredential: true,
  },
  // Another account may have been let in to the model, another provider may have it: this one is well.
  unknown_model: { reason: "has no such model", rests: "nothing", steps: NEVER },
  // Perhaps about what was said after all: not enough to refuse others because of it.
  forbidden: { reason: "credential may not use the model", rests: "model", steps: FAULTY },
  overloaded: { reason: "overloaded", rests: "model", steps: FAULTY },
  timeout: { reason: "too slow", rests: "model", steps: FAULTY },
  internal: { reason: "failed", rests: "model", steps: FAULTY },
  bad_gateway: { reason: "failed", rests: "model", steps: FAULTY },
};

/** Words of a refusal that is about what was said, whatever its status. */
const ABOUT_CONTENT =
  /content[ _-]?(?:policy|filter|management)|moderation|safety|usage polic|flagged|violat|harmful|blocked by/i;

/** Statuses of an upstream that are the caller's own doing, whatever its body says. */
const CALLERS_DOING: ReadonlySet<number> = new Set([400, 404, 405, 409, 413, 415, 422]);

/** What follows from a failure; undefined when it is about the request. */
export function judge(error: GatewayError): Verdict | undefined {
  const { kind, message } = error.failure;
  const isCallers = error instanceof UpstreamRefused && CALLERS_DOING.has(error.status);
  // Some hosts answer 400 for a used-up balance, or 404 for a model: that is still about the account.
  if (isCallers && kind !== "billing" && kind !== "unknown_model") return undefined;
  if (error instanceof UpstreamRefused && ABOUT_CONTENT.test(message)) return undefined;
  return verdictOn(kind);
}

/** What follows from a kind of failure that came after the first byte; undefined when it is about the request. */
export function verdictOn(kind: FailureKind): Verdict | undefined {
  const rule = RULES[kind];
  return rule && { isRefusal: false, isCredential: false, ...rule };
}

/** True when the account cannot read the reasoning that the request replays: another organisation's account sealed it. */
export function isSealedElsewhere({ failure }: GatewayError): boolean {
  return failure.code === "invalid_encrypted_content";
}

/** How many calls a failed way may have cost: a connection that broke was tried once more by the client below. */
export function callsOf(error: GatewayError): number {
  const { cause } = error;
  return cause instanceof OutboundError && cause.code === "connection_reset" ? 2 : 1;
}

// From what says when to come back, down to what only the operator can change.
const USEFULNESS: readonly FailureKind[] = [
  "rate_limited",
  "overloaded",
  "timeout",
  "internal",
  "bad_gateway",
  "billing",
  "forbidden",
  "unknown_model",
  "upstream_auth",
];

/** A failure and when its account may be asked again. */
export interface Remembered {
  readonly error: GatewayError;
  /** Ms since the epoch. */
  readonly untilMs: number;
}

/** The one of several failures that helps the caller most: it says when to come back, and the soonest. */
export function mostUseful(failures: readonly Remembered[]): Remembered | undefined {
  return failures.toSorted(
    (a, b) => usefulness(a.error) - usefulness(b.error) || a.untilMs - b.untilMs,
  )[0];
}

function usefulness({ failure }: GatewayError): number {
  const index = USEFULNESS.indexOf(failure.kind);
  return index === -1 ? USEFULNESS.length : index;
}
