// What is known of all accounts together, and the choice among them: those that may be asked, the conversation's own
// first, then by priority, then in turns by weight and by what is left of their allowance. An account that rests is
// asked only when every one does, by one request at a time.

import type { GatewayError } from "../errors.ts";
import type { KeyLeases } from "../pipeline/lease.ts";
import { BoundedMap } from "./bounded-map.ts";
import {
  COOL_DOWN_MEMORY_MS,
  type Condition,
  type CoolDowns,
  MAX_COOL_DOWNS,
} from "./cool-downs.ts";
import { mostUseful, type Remembered, type Verdict } from "./failover.ts";
import type { Headroom } from "./headroom.ts";
import { asOfNow } from "./remembered-refusal.ts";
import { statedWaitMs } from "./reset-time.ts";
import type { RoutedSession } from "./routed-session.ts";
import type { SharedBlocks } from "./shared-blocks.ts";
import type { Turns } from "./turns.ts";
import { modelKey, nameOf, type Way } from "./way.ts";

/** What a pool is made from. */
export interface PoolParts {
  readonly leases: KeyLeases;
  readonly coolDowns: CoolDowns;
  readonly blocks: SharedBlocks;
  readonly headroom: Headroom;
  readonly turns: Turns;
  /** Told the provider of each account that begins to rest; must not throw. */
  readonly onRest?: ((providerId: string) => void) | undefined;
}

/** What a choice depends on. */
export interface ChoiceRequest {
  readonly session: RoutedSession;
  /** True before anything was tried. */
  readonly isFirst: boolean;
  readonly nowMs: number;
}

/** What was decided, and why. */
export interface Choice {
  readonly way?: Way;
  /** True when it rests all the same: nothing else may be tried after it. */
  readonly isTrial: boolean;
  /** What the caller is told at once, because somebody else is asking already. */
  readonly refusal?: GatewayError;
  readonly trail: readonly string[];
}

/** A failure of an account; times in ms since the epoch. */
export interface Failing {
  readonly error: GatewayError;
  readonly verdict: Verdict;
  readonly beganAtMs: number;
  readonly nowMs: number;
}

const NO_LINES: readonly string[] = [];

interface Judged {
  readonly way: Way;
  readonly condition: Condition;
}

/** Every account and its condition. */
export class Pool {
  readonly #parts: PoolParts;
  readonly #refusals = new BoundedMap<Remembered>({
    maxEntries: MAX_COOL_DOWNS,
    ttlMs: COOL_DOWN_MEMORY_MS,
  });

  constructor(parts: PoolParts) {
    this.#parts = parts;
  }

  get leases(): KeyLeases {
    return this.#parts.leases;
  }

  /** The way to try now. */
  choose(ways: readonly Way[], request: ChoiceRequest): Choice {
    const { isFirst, nowMs } = request;
    const [only] = ways;
    // One account that nothing speaks against: the common case, and it costs nothing.
    if (only && ways.length === 1 && this.#isUnburdened(only)) {
      return { way: only, isTrial: false, trail: NO_LINES };
    }
    const judged = ways.map((way) => ({ way, condition: this.#conditionOf(way, nowMs) }));
    const ready = judged.filter(({ condition }) => condition.state === "ready");
    const [first, ...others] = ready.map(({ way }) => way);
    if (first) return this.#among([first, ...others], judged, request);
    const fallback = judged
      .filter(({ condition }) => condition.state === "trying" || !condition.isRefusal)
      .toSorted((a, b) => a.condition.untilMs - b.condition.untilMs)[0];
    if (fallback) return { way: fallback.way, isTrial: false, trail: [sayOf(fallback, nowMs)] };
    if (!isFirst) return { isTrial: false, trail: judged.map((one) => sayOf(one, nowMs)) };
    return this.#trial(judged, nowMs);
  }

  /** An account is asked. */
  begun(way: Way, nowMs: number): void {
    if (this.#parts.coolDowns.isEmpty) return;
    this.#parts.coolDowns.begun(way.account.key, nowMs);
    this.#parts.coolDowns.begun(modelKey(way), nowMs);
  }

  /** It is asked no more. */
  ended(way: Way, nowMs: number): void {
    if (this.#parts.coolDowns.isEmpty) return;
    this.#parts.coolDowns.ended(way.account.key, nowMs);
    this.#parts.coolDowns.ended(modelKey(way), nowMs);
  }

  /** An account answered. */
  succeeded(way: Way, times: { readonly beganAtMs: number; readonly nowMs: number }): void {
    if (this.#isUnburdened(way)) return;
    const { coolDowns, blocks } = this.#parts;
    coolDowns.succeeded(way.account.key, times);
    coolDowns.succeeded(modelKey(way), times);
    if (way.account.blocks?.length) blocks.lift(placeOf(way), times.nowMs);
  }

  /** An account failed and rests. Returns until when, in ms since the epoch. */
  rest(way: Way, { error, verdict, beganAtMs, nowMs }: Failing): number {
    const { coolDowns, blocks, onRest } = this.#parts;
    onRest?.(way.target.provider.id);
    const statedMs = statedWaitMs(error.headers, nowMs);
    const { steps, isRefusal } = verdict;
    const isAccountWide = verdict.rests === "account" || isWholeAllowance(error);
    const key = isAccountWide ? way.account.key : modelKey(way);
    const untilMs = coolDowns.rest(key, { statedMs, steps, isRefusal, beganAtMs }, nowMs);
    if (isRefusal) {
      this.#refusals.set(modelKey(way), { error, untilMs }, nowMs);
      const { modelId, ...place } = placeOf(way);
      blocks.tell(isAccountWide ? place : { ...place, modelId }, untilMs, nowMs);
    }
    return untilMs;
  }

  #isUnburdened({ account }: Way): boolean {
    return this.#parts.coolDowns.isEmpty && !account.blocks?.length;
  }

  #conditionOf(way: Way, nowMs: number): Condition {
    const { coolDowns, blocks } = this.#parts;
    const own = coolDowns.conditionOf(way.account.key, nowMs);
    const ofModel = coolDowns.conditionOf(modelKey(way), nowMs);
    const worse = ofModel.untilMs > own.untilMs ? ofModel : own;
    if (!way.account.blocks?.length) return worse;
    const untilMs = blocks.untilMs(placeOf(way), nowMs);
    if (untilMs <= Math.max(worse.untilMs, nowMs)) return worse;
    return { state: "resting", untilMs, isTried: worse.isTried, isRefusal: true };
  }

  #among(
    ready: readonly [Way, ...Way[]],
    judged: readonly Judged[],
    { session, nowMs }: ChoiceRequest,
  ): Choice {
    const resting = judged.filter(({ condition }) => condition.state !== "ready");
    const trail = resting.map((one) => sayOf(one, nowMs));
    if (judged.length === 1) return { way: ready[0], isTrial: false, trail };
    const all = judged.map(({ way }) => way);
    const kept = session.keptWay(all, nowMs);
    if (kept && ready.includes(kept.way)) {
      trail.push(`keep the conversation (by ${kept.source}) on ${nameOf(kept.way)}`);
      return { way: kept.way, isTrial: false, trail };
    }
    const way = this.#inTurn(bestOf(ready, session.carrierProvider()), nowMs);
    trail.push(`choose ${nameOf(way)} of ${ready.length}`);
    return { way, isTrial: false, trail };
  }

  #inTurn([first, ...others]: readonly [Way, ...Way[]], nowMs: number): Way {
    const { turns, headroom } = this.#parts;
    const contender = (way: Way) => ({
      way,
      key: modelKey(way),
      weight: way.weight,
      headroom:
        way.account.credentialId === undefined
          ? undefined
          : headroom.of(way.account.credentialId, nowMs),
    });
    return turns.take([contender(first), ...others.map(contender)], nowMs).way;
  }

  #trial(judged: readonly Judged[], nowMs: number): Choice {
    const soonestFirst = judged.toSorted((a, b) => a.condition.untilMs - b.condition.untilMs);
    const free = soonestFirst.find(({ condition }) => !condition.isTried);
    if (free) {
      const trail = [...soonestFirst.map((one) => sayOf(one, nowMs)), "all rest: ask one of them"];
      return { way: free.way, isTrial: true, trail };
    }
    const refusals = soonestFirst.flatMap(
      ({ way }) => this.#refusals.get(modelKey(way), nowMs) ?? [],
    );
    const told = mostUseful(refusals);
    const [soonest] = soonestFirst;
    if (!told || !soonest)
      return { ...(soonest && { way: soonest.way }), isTrial: true, trail: [] };
    const trail = ["all rest, and another request is asking: repeat the last refusal"];
    return { isTrial: true, refusal: asOfNow(told, nowMs), trail };
  }
}

function placeOf({ account, target }: Way) {
  return { account, providerId: target.provider.id, modelId: target.model.id };
}

/** The ones that go first: by the provider that the conversation needs, by priority, keys before logins. */
function bestOf(
  ways: readonly [Way, ...Way[]],
  neededProvider: string | undefined,
): readonly [Way, ...Way[]] {
  const rankOf = ({ target, account, priority }: Way) => [
    neededProvider !== undefined && target.provider.id !== neededProvider ? 1 : 0,
    priority,
    account.isGrant ? 1 : 0,
  ];
  const compare = (a: Way, b: Way) => {
    const ranks = rankOf(b);
    return (
      rankOf(a)
        .map((rank, index) => rank - (ranks[index] ?? 0))
        .find((difference) => difference !== 0) ?? 0
    );
  };
  const [best, ...others] = ways.toSorted(compare);
  if (!best) return ways;
  return [best, ...others.filter((way) => compare(way, best) === 0)];
}

function sayOf({ way, condition: { state, untilMs } }: Judged, nowMs: number): string {
  if (state === "trying") return `${nameOf(way)} is being asked again`;
  return `${nameOf(way)} rests for ${Math.max(0, Math.ceil((untilMs - nowMs) / 1_000))} s more`;
}

/** Anthropic tells apart the allowance of an account and that of one tier of its models. */
function isWholeAllowance({ headers }: GatewayError): boolean {
  const claim = headers["anthropic-ratelimit-unified-representative-claim"] ?? "";
  return (
    headers["anthropic-ratelimit-unified-status"] === "rejected" &&
    /^(?:five_hour|seven_day)$/.test(claim)
  );
}
