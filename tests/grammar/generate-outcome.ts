// Reads a Gemini answer, streamed or whole, the way a lenient client does. What the provider runs by itself (code,
// searches) says nothing to the client and is passed over, the signatures on it too.

import { type Fields, fields, fieldsList, isFields, number, parse, text } from "./findings.ts";
import { CUT_OFF, type Outcome, type Stop, type TokenCount, type ToolCall } from "./outcome.ts";
import { readFrames } from "./sse.ts";

const FILTERS = new Set([
  "SAFETY",
  "RECITATION",
  "LANGUAGE",
  "BLOCKLIST",
  "PROHIBITED_CONTENT",
  "SPII",
  "MODEL_ARMOR",
]);

/** Reads a whole reply body, or the list of chunks that a stream not asked for as SSE is. */
export function readGenerateBody(body: unknown): Outcome {
  return readChunks(Array.isArray(body) ? body.filter(isFields) : [fields(body)]);
}

/** Reads a stream. */
export function readGenerateStream(stream: string): Outcome {
  return readChunks(readFrames(stream).map((frame) => fields(parse(frame.data))));
}

interface OpenCall {
  id: string;
  name: string;
  args: Record<string, unknown>;
  isOpen: boolean;
}

function readChunks(chunks: readonly Fields[]): Outcome {
  const candidates = chunks.flatMap((chunk) => fieldsList(chunk["candidates"]).slice(0, 1));
  const parts = candidates.flatMap((each) => fieldsList(fields(each["content"])["parts"]));
  const said = { text: "", thinking: "" };
  const opaque: string[] = [];
  const calls: OpenCall[] = [];
  for (const part of parts) {
    if (isFields(part["functionCall"])) addCall(calls, part["functionCall"]);
    else if (typeof part["text"] !== "string") continue;
    else said[part["thought"] === true ? "thinking" : "text"] += part["text"];
    if (text(part["thoughtSignature"]) !== "") opaque.push(text(part["thoughtSignature"]));
  }
  const usage = readUsage(chunks);
  const { refusal, ...end } = readEnd(chunks, candidates, calls.length > 0);
  return {
    ...said,
    refusal,
    toolCalls: calls.map(closeCall),
    opaque,
    ...(usage && { usage }),
    ...end,
  };
}

function addCall(calls: OpenCall[], call: Fields): void {
  let open = calls.at(-1);
  if (text(call["name"]) !== "" || !open?.isOpen) {
    if (text(call["name"]) === "") return;
    open = { id: text(call["id"]), name: text(call["name"]), args: {}, isOpen: true };
    calls.push(open);
  }
  Object.assign(open.args, fields(call["args"]));
  for (const partial of fieldsList(call["partialArgs"])) addPartial(open.args, partial);
  open.isOpen = call["willContinue"] === true;
}

function addPartial(args: Record<string, unknown>, partial: Fields): void {
  const path = text(partial["jsonPath"]).match(/[^$.[\]'"]+/g) ?? [];
  const last = path.pop() ?? "";
  let holder: Record<string, unknown> = args;
  for (const [index, key] of path.entries()) {
    const isList = /^\d+$/.test(path[index + 1] ?? last);
    const next = (holder[key] ??= isList ? [] : {});
    // A list is written by its positions, as an object is by its names.
    holder = next as Record<string, unknown>;
  }
  const value = partial["stringValue"] ?? partial["numberValue"] ?? partial["boolValue"] ?? null;
  const before = holder[last];
  holder[last] = typeof before === "string" && typeof value === "string" ? before + value : value;
}

function closeCall({ id, name, args }: OpenCall): ToolCall {
  return { id, name, arguments: JSON.stringify(args), isFreeform: false };
}

function readEnd(
  chunks: readonly Fields[],
  candidates: readonly Fields[],
  hasCalls: boolean,
): Pick<Outcome, "refusal" | "stop" | "error"> {
  const error = chunks.map((chunk) => chunk["error"]).find(isFields);
  if (error) {
    const { status, message } = error;
    return { refusal: "", error: { code: text(status), message: text(message) } };
  }
  const feedback = fields(chunks.findLast((chunk) => chunk["promptFeedback"])?.["promptFeedback"]);
  if (feedback["blockReason"] !== undefined) {
    return { refusal: text(feedback["blockReasonMessage"]), stop: "refusal" };
  }
  const last = candidates.findLast((each) => each["finishReason"] !== undefined);
  const reason = ["", "STOP", "MAX_TOKENS"][number(last?.["finishReason"]) ?? -1];
  const word = reason ?? text(last?.["finishReason"]);
  const message = text(last?.["finishMessage"]);
  if (word === "") return { refusal: "", error: CUT_OFF };
  if (FILTERS.has(word)) return { refusal: message, stop: "refusal" };
  const stop = stopOf(word, hasCalls);
  return stop ? { refusal: "", stop } : { refusal: "", error: { code: word, message } };
}

function stopOf(word: string, hasCalls: boolean): Stop | undefined {
  if (word === "MAX_TOKENS") return "max_tokens";
  if (word !== "STOP") return undefined;
  return hasCalls ? "tool_use" : "end";
}

// Every chunk counts from the beginning; what the cache held is part of the prompt, what tools put in is not.
function readUsage(chunks: readonly Fields[]): TokenCount | undefined {
  const last = chunks
    .map((chunk) => fields(chunk["usageMetadata"]))
    .findLast((usage) => number(usage["promptTokenCount"]) !== undefined);
  if (!last) return undefined;
  const count = (key: string) => number(last[key]) ?? 0;
  return {
    input: count("promptTokenCount") + count("toolUsePromptTokenCount"),
    cacheRead: count("cachedContentTokenCount"),
    cacheWrite: 0,
    output: count("candidatesTokenCount") + count("thoughtsTokenCount"),
  };
}
