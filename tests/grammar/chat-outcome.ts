// Reads an OpenAI Chat answer, streamed or whole, the way a lenient client does: any host's habits
// (wire facts: two finishes, usage anywhere, arrays as content, calls without index) are understood.
// Only choice 0 is read; more of them never cross formats.

import { type Fields, fields, fieldsList, isFields, number, parse, text } from "./findings.ts";
import {
  callArguments,
  CUT_OFF,
  type Outcome,
  type Stop,
  type TokenCount,
  type ToolCall,
  unwrapCarrier,
} from "./outcome.ts";
import { readFrames } from "./sse.ts";

const STOPS: Readonly<Record<string, Stop>> = {
  stop: "end",
  // Together's name for it on old models.
  eos: "end",
  length: "max_tokens",
  tool_calls: "tool_use",
  function_call: "tool_use",
  content_filter: "refusal",
};

interface OpenCall {
  readonly index: number | undefined;
  id: string;
  name: string;
  arguments: string;
  isFreeform: boolean;
}

/** Reads a whole reply body. */
export function readChatBody(body: unknown): Outcome {
  const reply = fields(body);
  const fold = new ChatFold();
  fold.chunk(reply, "message");
  return fold.outcome(true);
}

/** Reads a stream. */
export function readChatStream(stream: string): Outcome {
  const fold = new ChatFold();
  for (const frame of readFrames(stream)) {
    if (frame.unknownField === "error") fold.fail(fields(parse(frame.data)));
    if (frame.data === "[DONE]") return fold.outcome(true);
    if (frame.unknownField === undefined) fold.chunk(fields(parse(frame.data)), "delta");
  }
  return fold.outcome(false);
}

class ChatFold {
  #text = "";
  #thinking = "";
  /** The same thinking, told a second time by hosts that send `reasoning_details`. */
  #detailed = "";
  #refusal = "";
  #calls: OpenCall[] = [];
  #opaque: string[] = [];
  #finish = "";
  #usage: Fields | undefined;
  #error: { code: string; message: string } | undefined;

  /** Perplexity sends both keys, the one that does not apply being empty or cumulative. */
  chunk(chunk: Fields, key: "message" | "delta"): void {
    if (this.#error) return;
    const usage = chunk["usage"] ?? fields(chunk["x_groq"])["usage"];
    if (isFields(usage)) this.#usage = usage;
    const choice = fieldsList(chunk["choices"]).find((each) => (each["index"] ?? 0) === 0);
    if (choice) this.#choice(choice, fields(choice[key]));
    if (chunk["error"] !== undefined && chunk["error"] !== null) this.fail(chunk);
  }

  fail(chunk: Fields): void {
    const error = fields(chunk["error"] ?? chunk);
    this.#error ??= {
      code: String(error["code"] ?? error["type"] ?? "error"),
      message: text(error["message"]),
    };
  }

  #choice(choice: Fields, delta: Fields): void {
    this.#content(delta["content"]);
    this.#thinking += text(delta["reasoning_content"]) || text(delta["reasoning"]);
    this.#details(fieldsList(delta["reasoning_details"]));
    this.#refusal += text(delta["refusal"]);
    for (const [position, call] of fieldsList(delta["tool_calls"]).entries()) {
      this.#call(call, position);
    }
    const legacy = fields(delta["function_call"]);
    // Some hosts send every field of their type, the unused ones blank.
    if (text(legacy["name"]) + text(legacy["arguments"]) !== "")
      this.#call({ function: legacy }, 0);
    this.#finish ||= text(choice["finish_reason"]);
  }

  #content(content: unknown): void {
    if (typeof content === "string") this.#text += content;
    for (const part of fieldsList(content)) {
      if (part["type"] === "text") this.#text += text(part["text"]);
      if (part["type"] === "thinking") {
        this.#thinking += fieldsList(part["thinking"])
          .map((each) => text(each["text"]))
          .join("");
      }
    }
  }

  #details(details: readonly Fields[]): void {
    for (const detail of details) {
      this.#detailed += text(detail["text"]) || text(detail["summary"]);
      const opaque = text(detail["signature"]) || text(detail["data"]);
      if (opaque !== "") this.#opaque.push(unwrapCarrier(opaque));
    }
  }

  #call(delta: Fields, position: number): void {
    const call = this.#find(delta, position);
    const isFreeform = call.isFreeform || delta["type"] === "custom";
    const body = fields(delta[isFreeform ? "custom" : "function"]);
    call.id ||= text(delta["id"]);
    call.name ||= text(body["name"]);
    call.isFreeform = isFreeform;
    const written = body[isFreeform ? "input" : "arguments"];
    // Some hosts hand over the parsed object.
    call.arguments += isFields(written) ? JSON.stringify(written) : text(written);
  }

  // By index, unless another id shows that the host numbers every call 0; else by id, else position.
  #find(delta: Fields, position: number): OpenCall {
    const index = number(delta["index"]);
    const id = text(delta["id"]);
    const isMine = (call: OpenCall) =>
      index === undefined
        ? id !== "" && call.id === id
        : call.index === index && (id === "" || call.id === "" || call.id === id);
    const isContinuation = index === undefined && id === "" && this.#calls.length > position;
    const known = isContinuation ? this.#calls.at(-1) : this.#calls.findLast(isMine);
    if (known) return known;
    const call = { index, id: "", name: "", arguments: "", isFreeform: false };
    this.#calls.push(call);
    return call;
  }

  outcome(isEndSeen: boolean): Outcome {
    const usage = readUsage(this.#usage);
    return {
      text: this.#text,
      thinking: this.#thinking || this.#detailed,
      refusal: this.#refusal,
      toolCalls: this.#calls.map(closeCall),
      opaque: this.#opaque,
      ...(usage && { usage }),
      ...this.#end(isEndSeen),
    };
  }

  #end(isEndSeen: boolean): Pick<Outcome, "stop" | "error"> {
    if (this.#error) return { error: this.#error };
    if (this.#finish === "" && !isEndSeen) return { error: CUT_OFF };
    const stop = this.#finish === "" ? "end" : STOPS[this.#finish];
    if (stop === undefined) return { error: { code: this.#finish, message: "unknown finish" } };
    if (stop !== "end") return { stop };
    if (this.#calls.length > 0) return { stop: "tool_use" };
    return { stop: this.#refusal === "" ? "end" : "refusal" };
  }
}

function closeCall({ id, name, arguments: written, isFreeform }: OpenCall): ToolCall {
  return { id, name, isFreeform, arguments: isFreeform ? written : callArguments(written) };
}

// Two hosts differ in arithmetic: Azure's Grok counts the cache outside the prompt, xAI counts
// reasoning outside the completion.
function readUsage(usage: Fields | undefined): TokenCount | undefined {
  const prompt = number(usage?.["prompt_tokens"]);
  const completion = number(usage?.["completion_tokens"]);
  if (usage === undefined || prompt === undefined || completion === undefined) return undefined;
  const details = fields(usage["prompt_tokens_details"]);
  const cacheRead =
    number(details["cached_tokens"]) ??
    number(usage["cached_tokens"]) ??
    number(usage["prompt_cache_hit_tokens"]) ??
    number(usage["num_cached_tokens"]) ??
    0;
  const cacheWrite = number(details["cache_write_tokens"]) ?? 0;
  const reasoning = number(fields(usage["completion_tokens_details"])["reasoning_tokens"]) ?? 0;
  const isCacheOutside = prompt < cacheRead + cacheWrite;
  const isReasoningOutside =
    reasoning > 0 && number(usage["total_tokens"]) === prompt + completion + reasoning;
  return {
    input: prompt + (isCacheOutside ? cacheRead + cacheWrite : 0),
    cacheRead,
    cacheWrite,
    output: completion + (isReasoningOutside ? reasoning : 0),
  };
}
