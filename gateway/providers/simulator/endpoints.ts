// What the simulator serves beside answers: embeddings and compaction, the same for the same input. It counts no
// tokens, so that the gateway's own count can be tried offline.

import { createHash } from "node:crypto";
import { isJsonObject, type Json, type JsonObject } from "#wire";

/** Dimensions of a vector when none are asked for. */
const DEFAULT_DIMENSIONS = 256;
const MAX_DIMENSIONS = 4_096;

/** The body for a request to one of the simulator's endpoints; undefined for any other request. */
export function answerEndpoint(url: string, asked: JsonObject): JsonObject | undefined {
  if (url.endsWith("/embeddings")) return embed(asked);
  return url.endsWith("/compact") ? compact(asked) : undefined;
}

function embed(asked: JsonObject): JsonObject {
  const inputs = listInputs(asked["input"]);
  const size = Math.floor(Number(asked["dimensions"] ?? DEFAULT_DIMENSIONS)) || 1;
  const dimensions = Math.min(MAX_DIMENSIONS, Math.max(1, size));
  const isBase64 = asked["encoding_format"] === "base64";
  const data = inputs.map((input, index) => {
    const vector = vectorOf(input, dimensions);
    const embedding = isBase64 ? Buffer.from(vector.buffer).toString("base64") : [...vector];
    return { object: "embedding", index, embedding };
  });
  const tokens = Math.ceil(inputs.join("").length / 4);
  const usage = { prompt_tokens: tokens, total_tokens: tokens };
  return { object: "list", model: asked["model"] ?? "", data, usage };
}

/** A text, several, tokens, or several lists of tokens. */
function listInputs(input: Json | undefined): readonly string[] {
  if (!Array.isArray(input)) return [String(input ?? "")];
  const isTokens = input.every((each) => typeof each === "number");
  return isTokens ? [input.join(" ")] : input.map(String);
}

/** Of length 1, decided by the text alone. */
function vectorOf(text: string, dimensions: number): Float32Array {
  const raw = new Float32Array(dimensions);
  for (let at = 0; at < dimensions; at += 8) {
    const hash = createHash("sha256").update(`${at}:${text}`).digest();
    for (let i = 0; i < 8 && at + i < dimensions; i += 1) {
      raw[at + i] = hash.readInt32LE(i * 4) / 2 ** 31;
    }
  }
  const length = Math.hypot(...raw) || 1;
  return raw.map((value) => value / length);
}

/** A message of a caller's as Responses gives it back: with an id, a status, and its content in parts. */
function writtenMessage({ content = "" }: JsonObject): JsonObject {
  const parts = Array.isArray(content) ? content : [{ type: "input_text", text: content }];
  const id = "msg_simulated";
  return { id, type: "message", status: "completed", role: "user", content: parts };
}

function compact(asked: JsonObject): JsonObject {
  const { input } = asked;
  const items = Array.isArray(input) ? input.filter(isJsonObject) : [];
  const users = items.filter(({ role }) => role === "user");
  const sealed = createHash("sha256")
    .update(JSON.stringify(input ?? null))
    .digest("base64");
  const tokens = Math.ceil(JSON.stringify(asked).length / 4);
  return {
    id: `resp_${createHash("sha256").update(sealed).digest("hex").slice(0, 24)}`,
    object: "response.compaction",
    created_at: Math.floor(Date.now() / 1_000),
    output: [
      ...users.slice(-1).map(writtenMessage),
      { id: "cmp_simulated", type: "compaction", encrypted_content: sealed },
    ],
    usage: {
      input_tokens: tokens,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: 16,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: tokens + 16,
    },
  };
}
