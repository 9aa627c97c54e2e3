// The simulator as a Gemini upstream: requests read as the other dialects are, answers written as chunks of
// `generateContent`. Like Gemini 3 it signs every call, and refuses a conversation in which a signature does not come back.

import { createHash } from "node:crypto";
import {
  isJsonObject,
  type Failure,
  type Json,
  type JsonObject,
  type Reply,
  type ReplyEvent,
  type Usage,
} from "#wire";
import type { CallerFormat, ReplyContext } from "../../formats/format.ts";

/** What the simulator needs of a dialect to answer in it. */
export type AnswerWriter = Pick<
  CallerFormat,
  "encodeReply" | "createStreamEncoder" | "encodeError"
>;

const STATUS_WORDS: Readonly<Partial<Record<Failure["kind"], readonly [number, string]>>> = {
  bad_request: [400, "INVALID_ARGUMENT"],
  unknown_model: [404, "NOT_FOUND"],
  rate_limited: [429, "RESOURCE_EXHAUSTED"],
  overloaded: [503, "UNAVAILABLE"],
};

/** Gemini's grammar, as far as scenarios need it. */
export const geminiWriter: AnswerWriter = {
  encodeReply,
  encodeError,
  createStreamEncoder: (context) => {
    const writer = new ChunkWriter(context);
    return { encode: (event) => writer.encode(event), keepAlive: "" };
  },
};

/** A request of this dialect as one of Chat, for whoever reads only what scenarios depend on. */
export function readGeminiRequest(url: string, body: JsonObject): JsonObject {
  const [, model = "", method = ""] = /\/models\/([^/:]+):(\w+)/.exec(url) ?? [];
  return {
    model: decodeURIComponent(model),
    stream: method === "streamGenerateContent",
    messages: objectsIn(body["contents"]).flatMap(readContent),
    tools: objectsIn(body["tools"])
      .flatMap((tool) => objectsIn(tool["functionDeclarations"]))
      .map(({ name = "", parametersJsonSchema = {} }) => ({
        type: "function",
        function: { name, parameters: parametersJsonSchema },
      })),
  };
}

function readContent({ role, parts }: JsonObject): JsonObject[] {
  const all = objectsIn(parts);
  const results = all.flatMap(({ functionResponse }) => {
    if (!isJsonObject(functionResponse) || !isJsonObject(functionResponse["response"])) return [];
    const { output, error } = functionResponse["response"];
    return [{ role: "tool", content: output ?? error ?? "" }];
  });
  const texts = all.filter(({ text }) => typeof text === "string");
  return texts.length > 0 ? [...results, { role: role ?? "user", content: texts }] : results;
}

/** Begins the ids of calls, so that those of another upstream, which nobody here signed, are told from them. */
const CALL_PREFIX = "gemini_";

/** The first call of the history whose signature is missing or another; undefined when there is none. */
export function findLostSignature(body: JsonObject): Failure | undefined {
  const parts = objectsIn(body["contents"]).flatMap((content) => objectsIn(content["parts"]));
  for (const { functionCall, thoughtSignature } of parts) {
    if (!isJsonObject(functionCall)) continue;
    const { id, name } = functionCall;
    if (typeof id !== "string" || !id.startsWith(CALL_PREFIX)) continue;
    if (thoughtSignature === signatureOf(id)) continue;
    const problem = thoughtSignature === undefined ? "is missing its" : "has a corrupted";
    const message = `Function call ${JSON.stringify(name)} ${problem} thought_signature.`;
    return { kind: "bad_request", message };
  }
  return undefined;
}

function signatureOf(id: string): string {
  return createHash("sha256").update(id).digest("base64");
}

function callPart(given: string, name: string, argumentText: string): JsonObject {
  const id = CALL_PREFIX + given;
  const args: Json = JSON.parse(argumentText || "{}");
  return { functionCall: { id, name, args }, thoughtSignature: signatureOf(id) };
}

function chunkOf(
  { id, model }: Pick<ReplyContext, "id" | "model">,
  parts: readonly JsonObject[],
  end: { readonly finishReason?: string; readonly usage?: Usage | undefined } = {},
): JsonObject {
  const { finishReason, usage } = end;
  return {
    candidates: [
      {
        content: { role: "model", parts: [...parts] },
        index: 0,
        ...(finishReason !== undefined && { finishReason }),
      },
    ],
    ...(usage && { usageMetadata: usageOf(usage) }),
    modelVersion: model,
    responseId: id,
  };
}

function usageOf({ input, cacheRead, cacheWrite, output }: Usage): JsonObject {
  const prompt = input + cacheRead + cacheWrite;
  return {
    promptTokenCount: prompt,
    candidatesTokenCount: output,
    totalTokenCount: prompt + output,
    ...(cacheRead > 0 && { cachedContentTokenCount: cacheRead }),
  };
}

function encodeReply({ parts, usage }: Reply, context: ReplyContext): JsonObject {
  const written = parts.flatMap((part): JsonObject[] => {
    if (part.kind === "text") return [{ text: part.text }];
    if (part.kind === "thinking") return [{ text: part.text, thought: true }];
    return part.kind === "toolCall" ? [callPart(part.id, part.name, part.arguments)] : [];
  });
  return chunkOf(context, written, { finishReason: "STOP", usage });
}

function encodeError({ kind, message }: Failure): { status: number; body: JsonObject } {
  const [code, status] = STATUS_WORDS[kind] ?? [500, "INTERNAL"];
  return { status: code, body: { error: { code, message, status } } };
}

/** Text goes out as it comes, a call whole, as the API has it. */
class ChunkWriter {
  readonly #context: ReplyContext;
  #open: Extract<ReplyEvent, { type: "open" }> | undefined;
  #arguments = "";

  constructor(context: ReplyContext) {
    this.#context = context;
  }

  encode(event: ReplyEvent): string {
    const chunk = this.#chunk(event);
    return chunk ? `data: ${JSON.stringify(chunk)}\r\n\r\n` : "";
  }

  #chunk(event: ReplyEvent): JsonObject | undefined {
    switch (event.type) {
      case "open":
        this.#open = event;
        this.#arguments = "";
        return undefined;
      case "delta":
        return this.#delta(event.text);
      case "close":
        return this.#close();
      case "finish":
        return chunkOf(this.#context, [], { finishReason: "STOP", usage: event.usage });
      case "error":
        return encodeError(event.failure).body;
      default:
        return undefined;
    }
  }

  #delta(text: string): JsonObject | undefined {
    if (this.#open?.kind === "toolCall") {
      this.#arguments += text;
      return undefined;
    }
    const isThought = this.#open?.kind === "thinking";
    return chunkOf(this.#context, [{ text, ...(isThought && { thought: true }) }]);
  }

  #close(): JsonObject | undefined {
    const open = this.#open;
    this.#open = undefined;
    if (open?.kind !== "toolCall") return undefined;
    return chunkOf(this.#context, [callPart(open.id, open.name, this.#arguments)]);
  }
}

function objectsIn(value: Json | undefined): JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}
