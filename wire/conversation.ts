// The canonical conversation: what a request means once no wire format owns it.
// Turns and parts keep their order, tool arguments stay the exact string, opaque provider state
// travels in carriers. `path` is where a thing stood in the caller's body, for errors that point.

import type { Json, JsonObject } from "./json.ts";

/** The wire formats that callers speak. */
export type CallerFormatId = "chat" | "responses" | "messages";

/** Those, and our own, which no upstream speaks. */
export type SpokenFormatId = CallerFormatId | "native";

/** Every wire format; `generate` (Gemini generateContent) is spoken to upstreams only. */
export type FormatId = CallerFormatId | "generate";

/** Provider state that only its maker can read: signatures, encrypted reasoning, redacted blocks. */
export interface Carrier {
  /** The format whose dialect minted it; another dialect may carry it but never interpret it. */
  readonly format: FormatId;
  /**
   * `signature` is Messages' or Gemini's, `redacted` is Messages', `encrypted` is Responses', `details` is Chat's
   * reasoning_details.
   */
  readonly kind: "signature" | "redacted" | "encrypted" | "details";
  /** The exact opaque string (for `details`, the JSON text of the array). */
  readonly data: string;
  /** What the data is bound to: the item id in Responses (`rs_…`), the tool call's id in Gemini. */
  readonly id?: string;
  /** Provider id that produced it, when known; state never goes to another provider. */
  readonly provider?: string;
}

/** Where the bytes of an image, document or audio clip are. */
export type MediaSource =
  | { readonly from: "base64"; readonly mediaType: string; readonly data: string }
  | { readonly from: "url"; readonly url: string }
  | { readonly from: "file"; readonly fileId: string; readonly format: FormatId }
  | { readonly from: "text"; readonly text: string };

/** Source of a statement in a text part. Offsets are in characters of that part. */
export interface Citation {
  readonly kind: "url" | "document";
  readonly url?: string;
  readonly title?: string;
  readonly citedText?: string;
  readonly start?: number;
  readonly end?: number;
  /** The dialect's own object, for a reply in the same dialect. */
  readonly raw: JsonObject;
}

export interface TextPart {
  readonly kind: "text";
  readonly text: string;
  readonly citations?: readonly Citation[];
  readonly path?: string;
}

/** The model declined; shown to the user as its explanation. */
export interface RefusalPart {
  readonly kind: "refusal";
  readonly text: string;
  readonly path?: string;
}

export interface ImagePart {
  readonly kind: "image";
  readonly source: MediaSource;
  readonly detail?: string;
  readonly path?: string;
}

export interface DocumentPart {
  readonly kind: "document";
  readonly source: MediaSource;
  readonly title?: string;
  readonly context?: string;
  /** The caller demands citations into this document; only Messages upstreams can. */
  readonly citations?: boolean;
  readonly path?: string;
}

export interface AudioPart {
  readonly kind: "audio";
  readonly mediaFormat: string;
  readonly data: string;
  readonly path?: string;
}

/** Visible reasoning, possibly empty text with a carrier that must survive. */
export interface ThinkingPart {
  readonly kind: "thinking";
  readonly text: string;
  /** True when the text is the raw chain (Responses `reasoning_text`, Chat `reasoning_content`), not a summary. */
  readonly isRaw?: boolean;
  readonly carrier?: Carrier;
  readonly path?: string;
}

/** Reasoning with no visible text at all. */
export interface RedactedPart {
  readonly kind: "redacted";
  readonly carrier: Carrier;
  readonly path?: string;
}

export interface ToolCallPart {
  readonly kind: "toolCall";
  readonly id: string;
  readonly name: string;
  readonly namespace?: string;
  /** Exact argument text: JSON for functions ("{}" when the call has none), free text for freeform tools. */
  readonly arguments: string;
  readonly isFreeform?: boolean;
  readonly path?: string;
}

export interface ToolResultPart {
  readonly kind: "toolResult";
  /** The `id` of the call it answers. */
  readonly id: string;
  readonly parts: readonly (TextPart | ImagePart | DocumentPart)[];
  readonly isError?: boolean;
  readonly isFreeform?: boolean;
  readonly path?: string;
}

/** A block of a provider-run tool (web search, code interpreter, MCP…); only its own format can carry it. */
export interface ServerToolPart {
  readonly kind: "serverTool";
  readonly format: FormatId;
  readonly type: string;
  readonly raw: JsonObject;
  readonly path?: string;
}

export type Part =
  | TextPart
  | RefusalPart
  | ImagePart
  | DocumentPart
  | AudioPart
  | ThinkingPart
  | RedactedPart
  | ToolCallPart
  | ToolResultPart
  | ServerToolPart;

/** Parts that a model can produce. */
export type ReplyPart =
  TextPart | RefusalPart | ThinkingPart | RedactedPart | ToolCallPart | ServerToolPart;

/**
 * One contribution to the conversation. Tool results live in user turns. `system` turns here are
 * the ones in mid-conversation; leading ones are `ConversationRequest.instructions`.
 */
export interface Turn {
  readonly role: "user" | "assistant" | "system";
  readonly parts: readonly Part[];
  /** Chat `name` of the speaker. */
  readonly name?: string;
  /** Responses `phase` of an assistant message (`commentary`, `final_answer`). */
  readonly phase?: string;
  readonly path?: string;
}

export type Tool =
  | {
      readonly kind: "function";
      readonly name: string;
      readonly description?: string;
      /** JSON schema of the arguments; `{"type":"object","properties":{}}` when the caller gave none. */
      readonly schema: JsonObject;
      /** Undefined when the caller left the dialect's default (Responses: true; Chat, Messages: false). */
      readonly strict?: boolean;
      readonly namespace?: string;
      readonly path?: string;
    }
  | {
      readonly kind: "freeform";
      readonly name: string;
      readonly description?: string;
      readonly grammar?: { readonly syntax: string; readonly definition: string };
      readonly namespace?: string;
      readonly path?: string;
    }
  | {
      /** Run by the provider (web_search, code_interpreter…) or typed by it (bash, computer…). */
      readonly kind: "hosted";
      readonly format: FormatId;
      readonly type: string;
      readonly raw: JsonObject;
      readonly path?: string;
    };

export type ToolChoice =
  | { readonly mode: "auto" | "none" | "required" }
  | { readonly mode: "tool"; readonly name: string }
  | { readonly mode: "allowed"; readonly names: readonly string[]; readonly isRequired: boolean };

/** How much the model should think, in the caller's words; encoders clamp to what the target knows. */
export interface Reasoning {
  /** none, minimal, low, medium, high, xhigh, max. */
  readonly effort?: string;
  readonly budgetTokens?: number;
  /** Explicitly off (Messages `thinking:{type:"disabled"}`, effort `none`). */
  readonly isDisabled?: boolean;
  /** The caller wants to see summaries (Messages: thinking on and not `display:"omitted"`). */
  readonly wantsSummary?: boolean;
}

export type OutputFormat =
  | { readonly kind: "text" }
  | { readonly kind: "json_object" }
  | {
      readonly kind: "json_schema";
      readonly name?: string;
      readonly description?: string;
      readonly schema: JsonObject;
      readonly strict?: boolean;
    };

/** A whole request. Absent means: the caller did not say, so we never send a default value. */
export interface ConversationRequest {
  readonly model: string;
  readonly isStream: boolean;
  readonly instructions: readonly TextPart[];
  readonly turns: readonly Turn[];
  readonly tools: readonly Tool[];
  readonly toolChoice?: ToolChoice;
  readonly parallelToolCalls?: boolean;
  readonly maxOutputTokens?: number;
  readonly temperature?: number;
  readonly topP?: number;
  readonly topK?: number;
  readonly stop?: readonly string[];
  readonly seed?: number;
  readonly frequencyPenalty?: number;
  readonly presencePenalty?: number;
  readonly logitBias?: JsonObject;
  readonly logprobs?: boolean;
  readonly topLogprobs?: number;
  readonly candidates?: number;
  readonly reasoning?: Reasoning;
  readonly output?: OutputFormat;
  readonly verbosity?: string;
  readonly serviceTier?: string;
  readonly user?: string;
  readonly metadata?: JsonObject;
  readonly promptCacheKey?: string;
  readonly store?: boolean;
  /** Chat `stream_options.include_usage`. */
  readonly includeUsage?: boolean;
  /** The caller can receive opaque reasoning (Responses `include:["reasoning.encrypted_content"]`). */
  readonly wantsEncryptedReasoning?: boolean;
  /** Where each parameter stood in the caller's body: canonical name → JSON path there. */
  readonly paths: Readonly<Record<string, string>>;
  /** The caller's tools and tool_choice as sent, for dialects that echo them (Responses). */
  readonly echo?: Readonly<Record<string, Json>>;
}
