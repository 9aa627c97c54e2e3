// The body of `POST /v1/native/stream`: the canonical conversation as JSON, and nothing besides. A field that is not
// named here is refused with its path, so that no client sends its own state along by accident.

import { z } from "zod";
import type { ConversationRequest } from "./conversation.ts";
import { isJsonObject, type JsonObject } from "./json.ts";

const Text = z.string();
const AnyObject = z.custom<JsonObject>(isJsonObject, "expected an object");
const Flag = z.boolean();

const FormatName = z.enum(["chat", "responses", "messages", "generate"]);

const NativeCarrier = z.strictObject({
  format: FormatName,
  kind: z.enum(["signature", "redacted", "encrypted", "details"]),
  data: Text,
  id: Text.exactOptional(),
  provider: Text.exactOptional(),
});

const Source = z.discriminatedUnion("from", [
  z.strictObject({ from: z.literal("base64"), mediaType: Text, data: Text }),
  z.strictObject({ from: z.literal("url"), url: Text }),
  z.strictObject({ from: z.literal("file"), fileId: Text, format: FormatName }),
  z.strictObject({ from: z.literal("text"), text: Text }),
]);

const NativeText = z.strictObject({ kind: z.literal("text"), text: Text });
const NativeImage = z.strictObject({
  kind: z.literal("image"),
  source: Source,
  detail: Text.exactOptional(),
});
const NativeDocument = z.strictObject({
  kind: z.literal("document"),
  source: Source,
  title: Text.exactOptional(),
  context: Text.exactOptional(),
  citations: Flag.exactOptional(),
});

const NativePart = z.discriminatedUnion("kind", [
  NativeText,
  NativeImage,
  NativeDocument,
  z.strictObject({ kind: z.literal("refusal"), text: Text }),
  z.strictObject({ kind: z.literal("audio"), mediaFormat: Text, data: Text }),
  z.strictObject({
    kind: z.literal("thinking"),
    text: Text,
    isRaw: Flag.exactOptional(),
    carrier: NativeCarrier.exactOptional(),
  }),
  z.strictObject({ kind: z.literal("redacted"), carrier: NativeCarrier }),
  z.strictObject({
    kind: z.literal("toolCall"),
    id: Text.min(1),
    name: Text.min(1),
    namespace: Text.exactOptional(),
    arguments: Text,
    isFreeform: Flag.exactOptional(),
  }),
  z.strictObject({
    kind: z.literal("toolResult"),
    id: Text.min(1),
    parts: z.array(z.discriminatedUnion("kind", [NativeText, NativeImage, NativeDocument])),
    isError: Flag.exactOptional(),
    isFreeform: Flag.exactOptional(),
  }),
]);

const NativeTurn = z.strictObject({
  role: z.enum(["user", "assistant", "system"]),
  parts: z.array(NativePart),
  name: Text.exactOptional(),
  phase: Text.exactOptional(),
});

const NativeTool = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("function"),
    name: Text.min(1),
    description: Text.exactOptional(),
    schema: AnyObject,
    strict: Flag.exactOptional(),
    namespace: Text.exactOptional(),
  }),
  z.strictObject({
    kind: z.literal("freeform"),
    name: Text.min(1),
    description: Text.exactOptional(),
    grammar: z.strictObject({ syntax: Text, definition: Text }).exactOptional(),
    namespace: Text.exactOptional(),
  }),
]);

const NativeToolChoice = z.discriminatedUnion("mode", [
  z.strictObject({ mode: z.enum(["auto", "none", "required"]) }),
  z.strictObject({ mode: z.literal("tool"), name: Text }),
  z.strictObject({ mode: z.literal("allowed"), names: z.array(Text), isRequired: Flag }),
]);

const NativeOutput = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("text") }),
  z.strictObject({ kind: z.literal("json_object") }),
  z.strictObject({
    kind: z.literal("json_schema"),
    name: Text.exactOptional(),
    description: Text.exactOptional(),
    schema: AnyObject,
    strict: Flag.exactOptional(),
  }),
]);

/** A conversation to be answered. The answer is always a stream. */
export const NativeRequest = z.strictObject({
  model: Text.min(1),
  instructions: z.array(NativeText).default([]),
  turns: z.array(NativeTurn).min(1),
  tools: z.array(NativeTool).default([]),
  toolChoice: NativeToolChoice.exactOptional(),
  parallelToolCalls: Flag.exactOptional(),
  maxOutputTokens: z.int().positive().exactOptional(),
  temperature: z.number().exactOptional(),
  topP: z.number().exactOptional(),
  topK: z.int().nonnegative().exactOptional(),
  stop: z.array(Text).exactOptional(),
  seed: z.int().exactOptional(),
  reasoning: z
    .strictObject({
      effort: Text.exactOptional(),
      budgetTokens: z.int().nonnegative().exactOptional(),
      isDisabled: Flag.exactOptional(),
      wantsSummary: Flag.exactOptional(),
    })
    .exactOptional(),
  output: NativeOutput.exactOptional(),
  verbosity: Text.exactOptional(),
  serviceTier: Text.exactOptional(),
  user: Text.exactOptional(),
  promptCacheKey: Text.exactOptional(),
});
export type NativeRequest = z.infer<typeof NativeRequest>;

/** The request in canonical form, each part with the place where it stood. */
export function conversationOf({ turns, ...rest }: NativeRequest): ConversationRequest {
  return {
    ...rest,
    isStream: true,
    includeUsage: true,
    wantsEncryptedReasoning: true,
    turns: turns.map((turn, at) => ({
      ...turn,
      path: `turns[${at}]`,
      parts: turn.parts.map((part, index) => ({ ...part, path: `turns[${at}].parts[${index}]` })),
    })),
    paths: Object.fromEntries(Object.keys(rest).map((name) => [name, name])),
  };
}
