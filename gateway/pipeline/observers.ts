// Who hears of a request when it is over: the log, and the broker whose credential was used.

import type { ObservedRequest } from "#broker/client";
import type { Logger } from "#platform";
import type { ObserveSettlement } from "./settlement.ts";

/** Counts what a request used; must not throw. */
export type ObserveUse = (request: ObservedRequest) => void;

/** One line for each answered request; refusals are logged where they are answered. */
export function logSettlement(log: Logger): ObserveSettlement {
  return ({ outcome, attempts, ...settlement }) => {
    if (outcome === "refused") return;
    const { requestId, clientRequestId, caller, model, upstreamFormat, keySource } = settlement;
    const { elapsedMs, usage } = settlement;
    const upstreamRequestId = attempts.at(-1)?.upstreamRequestId;
    log.info("request settled", {
      requestId,
      ...(clientRequestId !== undefined && { clientRequestId }),
      ...(upstreamRequestId !== undefined && { upstreamRequestId }),
      caller: caller.name,
      outcome,
      model: model?.id,
      upstreamFormat,
      keySource,
      elapsedMs: Math.round(elapsedMs),
      ...(usage && { usage }),
    });
  };
}

/** Tells the broker of each answer that was got with one of its credentials. */
export function tellBroker(observe: ObserveUse): ObserveSettlement {
  return ({ outcome, keySource, model, usage }) => {
    if (outcome === "refused" || keySource !== "broker" || !model) return;
    // What no provider reported is not counted as tokens, only as a request.
    observe({
      provider: model.provider.id,
      model: model.model.id,
      inputTokens: usage?.input ?? 0,
      outputTokens: usage?.output ?? 0,
      cacheReadTokens: usage?.cacheRead ?? 0,
      cacheWriteTokens: usage?.cacheWrite ?? 0,
      costUsd: 0,
    });
  };
}
