// Reads an OpenAI Responses answer, streamed or whole, the way a lenient client does: items are told
// apart by output_index (ids rotate at some hosts), and arguments may come in deltas or at the end only.
// Items of hosted tools say nothing to the client and are passed over.

import { type Fields, fields, fieldsList, number, parse, text } from "./findings.ts";
import {
  callArguments,
  CUT_OFF,
  type Outcome,
  type TokenCount,
  type ToolCall,
  unwrapCarrier,
} from "./outcome.ts";
import { readFrames } from "./sse.ts";

/** Reads a whole response object. */
export function readResponsesBody(body: unknown): Outcome {
  const response = fields(body);
  const output = fieldsList(response["output"]);
  return { ...readItems(output), ...readEnd(response, output) };
}

/** Reads a stream by collecting its items. */
export function readResponsesStream(stream: string): Outcome {
  const items: StreamedItem[] = [];
  for (const { data } of readFrames(stream)) {
    const event = fields(parse(data));
    const type = text(event["type"]);
    if (type === "error") return { ...readItems(spell(items)), error: readError(event) };
    if (TERMINALS.has(type)) {
      const response = fields(event["response"]);
      // A stream without item events (some proxies) still has the whole output at the end.
      const output = items.length > 0 ? spell(items) : fieldsList(response["output"]);
      return { ...readItems(output), ...readEnd(response, output) };
    }
    collect(items, type, event);
  }
  return { ...readItems(spell(items)), error: CUT_OFF };
}

const TERMINALS = new Set(["response.completed", "response.incomplete", "response.failed"]);

// What a background response may be when it is read too early, or went wrong.
const UNFINISHED = new Set(["queued", "in_progress", "failed", "cancelled"]);

// Text streamed under one item, by part: "output_text/0" and so on.
interface StreamedItem {
  added: Fields;
  done?: Fields;
  readonly texts: Map<string, string>;
}

const DELTA = /^response\.(.+)\.(delta|done)$/;
const DONE_FIELDS = ["text", "refusal", "arguments", "input"] as const;

function collect(items: StreamedItem[], type: string, event: Fields): void {
  const index = number(event["output_index"]) ?? 0;
  if (type === "response.output_item.added") {
    items[index] = { added: fields(event["item"]), texts: new Map() };
    return;
  }
  const item = (items[index] ??= { added: {}, texts: new Map() });
  if (type === "response.output_item.done") {
    item.done = fields(event["item"]);
    return;
  }
  const [, subject, step] = DELTA.exec(type) ?? [];
  if (subject === undefined || subject === "content_part") return;
  const part = `${subject}/${number(event["content_index"]) ?? number(event["summary_index"]) ?? 0}`;
  const before = item.texts.get(part) ?? "";
  if (step === "delta") item.texts.set(part, before + text(event["delta"]));
  const whole = DONE_FIELDS.map((key) => text(event[key])).find((each) => each !== "");
  if (step === "done" && before === "" && whole !== undefined) item.texts.set(part, whole);
}

// What was streamed of an item, since that is what a client has shown; the finished item for the rest.
function spell(items: readonly StreamedItem[]): Fields[] {
  return items
    .filter((item) => item !== undefined)
    .map((item) => {
      const streamed = (subject: string) =>
        [...item.texts].filter(([part]) => part.startsWith(`${subject}/`)).map(([, each]) => each);
      const done = item.done ?? {};
      const base = { ...item.added, ...done };
      switch (base["type"]) {
        case "function_call": {
          const [streamedArguments = ""] = streamed("function_call_arguments");
          return { ...base, arguments: streamedArguments || text(base["arguments"]) };
        }
        case "custom_tool_call": {
          const [input = ""] = streamed("custom_tool_call_input");
          return { ...base, input: input || text(base["input"]) };
        }
        case "message": {
          const said = [
            ...streamed("output_text").map((each) => ({ type: "output_text", text: each })),
            ...streamed("refusal").map((each) => ({ type: "refusal", refusal: each })),
          ];
          return said.length > 0 ? { ...base, content: said } : base;
        }
        case "reasoning":
          return readThinking(base) !== ""
            ? base
            : {
                ...base,
                summary: streamed("reasoning_summary_text").map((each) => ({ text: each })),
                content: streamed("reasoning_text").map((each) => ({ text: each })),
              };
        default:
          return base;
      }
    });
}

// The summary is what a host shows; the raw chain counts where there is no summary.
function readThinking(item: Fields): string {
  const texts = (key: string) => fieldsList(item[key]).map((part) => text(part["text"]));
  return texts("summary").join("\n\n") || texts("content").join("\n\n");
}

function readItems(items: readonly Fields[]) {
  const toolCalls: ToolCall[] = [];
  const opaque: string[] = [];
  let said = "";
  let refusal = "";
  let thinking = "";
  for (const item of items) {
    if (item["type"] === "message") {
      for (const part of fieldsList(item["content"])) {
        said += text(part["text"]);
        refusal += text(part["refusal"]);
      }
    }
    if (item["type"] === "reasoning") {
      thinking += readThinking(item);
      opaque.push(unwrapCarrier(text(item["encrypted_content"])));
    }
    if (item["type"] === "function_call" || item["type"] === "custom_tool_call") {
      toolCalls.push(readCall(item));
    }
  }
  return { text: said, refusal, thinking, toolCalls, opaque: opaque.filter((data) => data !== "") };
}

function readCall(item: Fields): ToolCall {
  const isFreeform = item["type"] === "custom_tool_call";
  return {
    id: text(item["call_id"]),
    name: text(item["name"]),
    ...(typeof item["namespace"] === "string" && { namespace: item["namespace"] }),
    arguments: isFreeform ? text(item["input"]) : callArguments(text(item["arguments"])),
    isFreeform,
  };
}

function readEnd(
  response: Fields,
  items: readonly Fields[],
): Pick<Outcome, "stop" | "error" | "usage"> {
  const usage = readUsage(fields(response["usage"]));
  const { toolCalls, refusal } = readItems(items);
  const why = fields(response["incomplete_details"])["reason"];
  if (response["status"] === "incomplete") {
    return { stop: why === "content_filter" ? "refusal" : "max_tokens", ...(usage && { usage }) };
  }
  if (UNFINISHED.has(text(response["status"])) || response["output"] === undefined) {
    const error = fields(response["error"]);
    return { error: { code: text(error["code"]), message: text(error["message"]) } };
  }
  const said = refusal === "" ? "end" : "refusal";
  return { stop: toolCalls.length > 0 ? "tool_use" : said, ...(usage && { usage }) };
}

function readUsage(usage: Fields): TokenCount | undefined {
  const input = number(usage["input_tokens"]);
  const output = number(usage["output_tokens"]);
  if (input === undefined || output === undefined) return undefined;
  const details = fields(usage["input_tokens_details"]);
  const cacheRead = number(details["cached_tokens"]) ?? 0;
  const cacheWrite = number(details["cache_write_tokens"]) ?? 0;
  const isCacheOutside = input < cacheRead + cacheWrite;
  return {
    input: input + (isCacheOutside ? cacheRead + cacheWrite : 0),
    cacheRead,
    cacheWrite,
    output,
  };
}

// Hosts send the failure flat, nested, or both.
function readError(event: Fields) {
  const error = { ...event, ...fields(event["error"]) };
  return { code: text(error["code"]) || text(error["type"]), message: text(error["message"]) };
}
