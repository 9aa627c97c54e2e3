// A whole Messages reply → canonical. Lenient about what hosts leave out, strict about what it means:
// a body without content, or with an unknown stop reason, is a failure and never an empty answer.

import type { Json, JsonObject, Reply, ReplyPart } from "#wire";
import { isJsonObject } from "#wire";
import { UpstreamFailed } from "../../errors.ts";
import type { UpstreamContext } from "../format.ts";
import { decodeCitations } from "./citations.ts";
import { decodeError } from "./errors.ts";
import { upstreamState } from "./opaque-state.ts";
import { decodeStop, refusalText } from "./stop-reasons.ts";
import { mergeUsage } from "./usage.ts";

type BlockDecoder = (block: JsonObject, provider: string) => ReplyPart | undefined;

function text(value: Json | undefined): string {
  return typeof value === "string" ? value : "";
}

const BLOCKS: ReadonlyMap<string, BlockDecoder> = new Map<string, BlockDecoder>([
  [
    "text",
    (block) => {
      const citations = decodeCitations(block.citations);
      // An empty text block says nothing, and providers refuse it when it is replayed.
      if (text(block.text) === "" && citations.length === 0) return undefined;
      return {
        kind: "text",
        text: text(block.text),
        ...(citations.length > 0 && { citations }),
      };
    },
  ],
  [
    "thinking",
    (block, provider) => {
      const carrier = upstreamState(block.signature, "signature", provider);
      return { kind: "thinking", text: text(block.thinking), ...(carrier && { carrier }) };
    },
  ],
  [
    "redacted_thinking",
    (block, provider) => {
      const carrier = upstreamState(block.data, "redacted", provider);
      return carrier && { kind: "redacted", carrier };
    },
  ],
  [
    "tool_use",
    (block) => ({
      kind: "toolCall",
      id: text(block.id),
      name: text(block.name),
      arguments: JSON.stringify(block.input ?? {}),
    }),
  ],
]);

function decodeBlock(block: Json, provider: string): ReplyPart | undefined {
  if (!isJsonObject(block)) return undefined;
  const type = text(block.type);
  const decode = BLOCKS.get(type);
  if (decode) return decode(block, provider);
  return { kind: "serverTool", format: "messages", type, raw: block };
}

function blocksOf(body: JsonObject): Json[] {
  if (Array.isArray(body.content)) return body.content;
  if (typeof body.content === "string") return [{ type: "text", text: body.content }];
  throw new UpstreamFailed({
    kind: "bad_gateway",
    message: "the upstream's answer is no message: it has no content",
  });
}

/** Upstream's whole answer → canonical. Throws UpstreamFailed when it is none. */
export function decodeReply(body: Json, { provider }: UpstreamContext): Reply {
  if (!isJsonObject(body)) {
    throw new UpstreamFailed({
      kind: "bad_gateway",
      message: "the upstream's answer is no JSON object",
    });
  }
  if (body.type === "error" || isJsonObject(body.error)) {
    throw new UpstreamFailed(decodeError(0, body));
  }
  const parts = blocksOf(body)
    .map((block) => decodeBlock(block, provider))
    .filter((part) => part !== undefined);
  const stop = decodeStop(
    body.stop_reason,
    parts.some((part) => part.kind === "toolCall"),
  );
  if (stop === undefined) {
    throw new UpstreamFailed({
      kind: "bad_gateway",
      message: "the upstream stopped for a reason this gateway does not know",
    });
  }
  const explanation = stop === "refusal" ? refusalText(body.stop_details) : undefined;
  if (explanation !== undefined) parts.push({ kind: "refusal", text: explanation });
  const usage = mergeUsage(body.usage, undefined);
  return {
    ...(typeof body.id === "string" && { id: body.id }),
    ...(typeof body.model === "string" && { model: body.model }),
    parts,
    stop,
    ...(typeof body.stop_sequence === "string" && { stopSequence: body.stop_sequence }),
    ...(usage && { usage }),
  };
}
