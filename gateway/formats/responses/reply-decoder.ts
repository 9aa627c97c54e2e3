// A whole Responses answer → the canonical reply, and the reading of how an answer ended.
// Refuses to pass off as finished what is failed, cancelled, still running, or no answer at all.

import type { Failure, Json, JsonObject, Reply, StopReason } from "#wire";
import { isJsonObject } from "#wire";
import { UpstreamFailed } from "../../errors.ts";
import type { UpstreamContext } from "../format.ts";
import { badGateway, failureIn } from "./errors.ts";
import { objectAt, objectsAt, stringAt } from "./fields.ts";
import { partsOf } from "./output-items.ts";
import { usageOf } from "./usage.ts";

const STOP_BY_REASON = new Map<string, StopReason>([
  ["max_output_tokens", "max_tokens"],
  ["max_tokens", "max_tokens"],
  ["length", "max_tokens"],
  ["content_filter", "content_filter"],
]);

/** What the answer contained, as far as it decides the stop reason. */
export interface Contained {
  readonly hasCall: boolean;
  readonly hasRefusal: boolean;
}

/** How a response with this status ended: a stop reason, or the failure it amounts to. */
export function endingOf(
  status: string,
  response: JsonObject,
  { hasCall, hasRefusal }: Contained,
): StopReason | Failure {
  switch (status) {
    case "completed":
    // Recorded traffic also has it without its last letter.
    case "complete":
      if (hasCall) return "tool_use";
      return hasRefusal ? "refusal" : "end";
    case "incomplete": {
      const reason = stringAt(objectAt(response, "incomplete_details") ?? {}, "reason");
      const stop = STOP_BY_REASON.get(reason ?? "max_output_tokens");
      return stop ?? badGateway(`the upstream stopped for an unknown reason: ${reason}`);
    }
    case "failed":
      return failureIn(response);
    case "cancelled":
      return { kind: "internal", message: "the upstream cancelled the response" };
    default:
      return badGateway(`the upstream answered with a response that is ${status}`);
  }
}

/** Upstream's body → reply; throws UpstreamFailed when it is none. */
export function decodeReply(body: Json, context: UpstreamContext): Reply {
  if (!isJsonObject(body)) throw new UpstreamFailed(badGateway("the upstream sent no JSON object"));
  if (!Array.isArray(body["output"])) throw new UpstreamFailed(failureWithout(body));
  const id = stringAt(body, "id");
  const parts = objectsAt(body, "output").flatMap((item, index) =>
    partsOf(item, { responseId: id ?? "", index }, context),
  );
  const stop = endingOf(stringAt(body, "status") ?? "completed", body, {
    hasCall: parts.some((part) => part.kind === "toolCall"),
    hasRefusal: parts.some((part) => part.kind === "refusal"),
  });
  if (typeof stop !== "string") throw new UpstreamFailed(stop);
  const model = stringAt(body, "model");
  const usage = usageOf(body);
  return {
    ...(id !== undefined && { id }),
    ...(model !== undefined && { model }),
    parts,
    stop,
    ...(usage && { usage }),
  };
}

function failureWithout(body: JsonObject): Failure {
  const hasError = body["error"] !== undefined && body["error"] !== null;
  return hasError ? failureIn(body) : badGateway("the upstream's answer has no output");
}
