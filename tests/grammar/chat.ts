// The OpenAI Chat stream grammar, to the letter: role first, calls announced once and in order, one
// finish, usage only where asked for, `[DONE]` last and never after an error. The official SDK merges
// two calls with one index and returns normally from a cut stream, which is why this exists.

import {
  type Expectation,
  type Fields,
  Findings,
  fields,
  fieldsList,
  isFields,
  isSameJson,
  parse,
  type Shape,
  text,
  type Violation,
} from "./findings.ts";
import { strictFrames } from "./sse.ts";

const CHUNK: Shape = {
  id: "string",
  object: "'chat.completion.chunk'",
  created: "number",
  model: "string",
  choices: "array",
};
const CHUNK_KEYS = [...Object.keys(CHUNK), "usage", "service_tier", "system_fingerprint"];
const DELTA_KEYS = [
  "role",
  "content",
  "refusal",
  "reasoning_content",
  "reasoning_details",
  "tool_calls",
  "annotations",
];
const FINISH_REASONS = new Set(["stop", "length", "tool_calls", "content_filter"]);
const TOOL_ID = /^[A-Za-z0-9_-]{1,40}$/;

interface CallSeen {
  readonly kind: "function" | "custom";
  arguments: string;
}

/** Violations of a streamed answer. */
export function checkChatStream(stream: string, expectation: Expectation = {}): Violation[] {
  const findings = new Findings();
  const checker = new ChatChecker(findings, expectation);
  for (const [index, frame] of strictFrames(stream, findings).entries()) {
    findings.at = index;
    findings.expect(frame.event === "", "event-line", `event: ${frame.event}`);
    checker.data(frame.data);
  }
  findings.at = -1;
  checker.end();
  return findings.list;
}

/** Violations of a whole reply body. */
export function checkChatBody(body: unknown, { model }: Expectation = {}): Violation[] {
  const findings = new Findings();
  const reply = fields(body);
  findings.shape("reply", reply, { ...CHUNK, object: "'chat.completion'" });
  checkIdentity(findings, reply, model);
  const [choice = {}, ...others] = fieldsList(reply["choices"]);
  findings.expect(others.length === 0, "choices", "more than one choice");
  findings.shape("choice", choice, {
    index: "number",
    message: "object",
    finish_reason: "string",
    logprobs: "object|null",
  });
  const message = fields(choice["message"]);
  findings.shape("message", message, {
    role: "'assistant'",
    content: "string|null",
    refusal: "string|null",
  });
  const calls = fieldsList(message["tool_calls"]);
  const finish = text(choice["finish_reason"]);
  for (const call of calls) checkWholeCall(findings, call, finish);
  if (message["tool_calls"] !== undefined) {
    findings.expect(calls.length > 0, "tool-calls", "empty tool_calls");
  }
  checkFinish(findings, finish, calls.length > 0);
  if (reply["usage"] !== undefined) checkUsage(findings, reply["usage"]);
  return findings.list;
}

function checkWholeCall(findings: Findings, call: Fields, finish: string): void {
  const kind = call["type"] === "custom" ? "custom" : "function";
  const body = fields(call[kind]);
  const written = kind === "custom" ? "input" : "arguments";
  findings.shape("tool_call", call, { id: "string", type: `'${kind}'`, [kind]: "object" });
  findings.shape(`tool_call.${kind}`, body, { name: "string", [written]: "string" });
  checkToolId(findings, text(call["id"]));
  if (kind === "function" && finish !== "length") checkJson(findings, text(body["arguments"]));
}

class ChatChecker {
  readonly #findings: Findings;
  readonly #expectation: Expectation;
  #first: Fields | undefined;
  #hasRole = false;
  #calls: CallSeen[] = [];
  #toolIds = new Set<string>();
  #finish: string | undefined;
  #hasUsage = false;
  #end: "[DONE]" | "error" | undefined;

  constructor(findings: Findings, expectation: Expectation) {
    this.#findings = findings;
    this.#expectation = expectation;
  }

  data(data: string): void {
    if (this.#end) this.#findings.add("after-end", `${data} after ${this.#end}`);
    if (data === "[DONE]") return this.#done();
    const chunk = parse(data);
    if (!isFields(chunk)) return this.#findings.add("json", `no JSON object: ${data}`);
    if (chunk["error"] !== undefined) return this.#error(chunk);
    this.#chunk(chunk);
  }

  end(): void {
    if (!this.#end) this.#findings.add("terminal", "neither [DONE] nor error");
  }

  #done(): void {
    this.#end = "[DONE]";
    if (this.#finish === undefined) this.#findings.add("finish", "[DONE] without finish_reason");
    const { includeUsage } = this.#expectation;
    if (includeUsage === true && !this.#hasUsage) {
      this.#findings.add("usage", "include_usage was asked for, no usage chunk");
    }
  }

  #error(chunk: Fields): void {
    this.#end = "error";
    const error = fields(chunk["error"]);
    this.#findings.onlyKeys("error chunk", chunk, ["error"]);
    this.#findings.shape("error", error, {
      message: "string",
      type: "string",
      param: "string|null",
      code: "string|null",
    });
    this.#findings.expect(text(error["message"]) !== "", "error-shape", "error without a message");
    if (this.#finish !== undefined) this.#findings.add("order", "error after finish_reason");
  }

  #chunk(chunk: Fields): void {
    const findings = this.#findings;
    findings.shape("chunk", chunk, CHUNK);
    findings.onlyKeys("chunk", chunk, CHUNK_KEYS);
    checkIdentity(findings, chunk, this.#expectation.model);
    this.#first ??= chunk;
    for (const key of ["id", "created", "model"]) {
      findings.expect(chunk[key] === this.#first[key], "same-identity", `${key} changed`);
    }
    const choices = fieldsList(chunk["choices"]);
    if (choices.length === 0) return this.#usage(chunk);
    findings.expect(
      chunk["usage"] === undefined || chunk["usage"] === null,
      "usage",
      "beside choices",
    );
    if (chunk["usage"] === null && this.#expectation.includeUsage === false) {
      findings.add("usage", "usage key although include_usage was not asked for");
    }
    findings.expect(choices.length === 1, "choices", "more than one choice in a chunk");
    for (const choice of choices) this.#choice(choice);
  }

  #usage(chunk: Fields): void {
    const findings = this.#findings;
    findings.expect(this.#finish !== undefined, "order", "usage chunk before finish_reason");
    findings.expect(!this.#hasUsage, "usage", "second usage chunk");
    findings.expect(this.#expectation.includeUsage !== false, "usage", "was not asked for");
    this.#hasUsage = true;
    checkUsage(findings, chunk["usage"]);
  }

  #choice(choice: Fields): void {
    const findings = this.#findings;
    findings.shape("choice", choice, {
      index: "number",
      delta: "object",
      finish_reason: "string|null",
    });
    findings.expect(choice["index"] === 0, "choices", `choice ${String(choice["index"])}`);
    if (this.#finish !== undefined) return findings.add("one-finish", "chunk after finish_reason");
    const delta = fields(choice["delta"]);
    findings.onlyKeys("delta", delta, DELTA_KEYS);
    if (choice["finish_reason"] !== null) return this.#finishChunk(choice, delta);
    if (!this.#hasRole) return this.#roleChunk(delta);
    findings.expect(delta["role"] === undefined, "role-once", "role on a later chunk");
    const said = Object.entries(delta).filter(([, value]) => value !== "" && value !== null);
    findings.expect(said.length > 0, "empty-delta", JSON.stringify(delta));
    for (const call of fieldsList(delta["tool_calls"])) this.#call(call);
  }

  #roleChunk(delta: Fields): void {
    this.#hasRole = true;
    const { refusal, ...rest } = delta;
    const isRole = isSameJson(rest, { role: "assistant", content: "" });
    const isAlone = refusal === undefined || refusal === null;
    this.#findings.expect(isRole && isAlone, "role-first", `first delta ${JSON.stringify(delta)}`);
  }

  #finishChunk(choice: Fields, delta: Fields): void {
    const findings = this.#findings;
    const finish = text(choice["finish_reason"]);
    this.#finish = finish;
    findings.expect(this.#hasRole, "role-first", "finish before the role");
    findings.expect(Object.keys(delta).length === 0, "finish", `delta ${JSON.stringify(delta)}`);
    checkFinish(findings, finish, this.#calls.length > 0);
    for (const call of this.#calls) {
      if (call.kind === "function" && finish !== "length") checkJson(findings, call.arguments);
    }
  }

  #call(delta: Fields): void {
    const index = delta["index"];
    if (index === this.#calls.length) return this.#newCall(delta);
    if (index !== this.#calls.length - 1) {
      return this.#findings.add("call-index", `${String(index)} after ${this.#calls.length} calls`);
    }
    this.#moreOfCall(delta);
  }

  #newCall(delta: Fields): void {
    const findings = this.#findings;
    const kind = delta["type"] === "custom" ? "custom" : "function";
    const body = fields(delta[kind]);
    const written = kind === "custom" ? "input" : "arguments";
    this.#calls.push({ kind, arguments: text(body[written]) });
    findings.shape("tool_call", delta, { id: "string", type: `'${kind}'`, [kind]: "object" });
    findings.shape(`tool_call.${kind}`, body, { name: "string", [written]: "''" });
    const id = text(delta["id"]);
    checkToolId(findings, id);
    findings.expect(!this.#toolIds.has(id), "tool-id", `second call with id ${id}`);
    findings.expect(text(body["name"]) !== "", "tool-name", "call without a name");
    this.#toolIds.add(id);
  }

  #moreOfCall(delta: Fields): void {
    const call = this.#calls.at(-1);
    if (!call) return;
    const written = call.kind === "custom" ? "input" : "arguments";
    this.#findings.onlyKeys("later tool_call", delta, ["index", call.kind]);
    this.#findings.onlyKeys(`later ${call.kind}`, fields(delta[call.kind]), [written]);
    call.arguments += text(fields(delta[call.kind])[written]);
  }
}

function checkIdentity(findings: Findings, reply: Fields, model: string | undefined): void {
  findings.expect(/^chatcmpl-./.test(text(reply["id"])), "id", `id ${text(reply["id"])}`);
  if (model !== undefined) {
    findings.expect(reply["model"] === model, "model", `model ${text(reply["model"])}`);
  }
}

function checkToolId(findings: Findings, id: string): void {
  findings.expect(TOOL_ID.test(id), "tool-id", `illegal call id ${JSON.stringify(id)}`);
}

function checkJson(findings: Findings, json: string): void {
  findings.expect(parse(json) !== undefined, "tool-json", `not JSON: ${JSON.stringify(json)}`);
}

function checkFinish(findings: Findings, finish: string, hasCalls: boolean): void {
  findings.expect(FINISH_REASONS.has(finish), "finish", `finish_reason ${finish}`);
  if (finish === "tool_calls") findings.expect(hasCalls, "finish", "tool_calls without a call");
  if (finish === "stop") findings.expect(!hasCalls, "finish", "stop with a call");
}

function checkUsage(findings: Findings, value: unknown): void {
  const usage = fields(value);
  findings.shape("usage", usage, {
    prompt_tokens: "number",
    completion_tokens: "number",
    total_tokens: "number",
    prompt_tokens_details: "object",
    completion_tokens_details: "object",
  });
  const read = fields(usage["prompt_tokens_details"])["cached_tokens"];
  const sum = Number(usage["prompt_tokens"]) + Number(usage["completion_tokens"]);
  findings.expect(sum === usage["total_tokens"], "usage-sum", JSON.stringify(usage));
  findings.expect(
    Number(read ?? 0) <= Number(usage["prompt_tokens"]),
    "usage-sum",
    "cached > prompt",
  );
}
