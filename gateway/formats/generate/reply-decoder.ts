// A whole Gemini reply → canonical: the same decoder as for streams, given one chunk, so that both tell the same.
// Refuses a body without an answer or a reason for there being none.

import { isJsonObject, type Json, type JsonObject, type Reply, ReplyAssembler } from "#wire";
import { UpstreamFailed } from "../../errors.ts";
import type { UpstreamContext } from "../format.ts";
import { ChunkDecoder } from "./stream-decoder.ts";

/** A stream that was not asked for as SSE is a list of chunks. */
function chunksOf(body: Json): JsonObject[] {
  const chunks = Array.isArray(body) ? body.filter(isJsonObject) : [body].filter(isJsonObject);
  const isReply = ({ candidates, promptFeedback, error }: JsonObject) =>
    Array.isArray(candidates) || isJsonObject(promptFeedback) || isJsonObject(error);
  if (chunks.some(isReply)) return chunks;
  const message = "the upstream's answer is none: it has no candidates";
  throw new UpstreamFailed({ kind: "bad_gateway", message });
}

/** Upstream's whole answer → canonical. Throws UpstreamFailed when it is none. */
export function decodeReply(body: Json, context: UpstreamContext): Reply {
  const assembler = new ReplyAssembler();
  const decoder = new ChunkDecoder((event) => assembler.push(event), context);
  for (const chunk of chunksOf(body)) decoder.chunk(chunk);
  decoder.end();
  if (assembler.reply) return assembler.reply;
  throw new UpstreamFailed(
    assembler.failure ?? { kind: "bad_gateway", message: "the upstream's answer is none" },
  );
}
