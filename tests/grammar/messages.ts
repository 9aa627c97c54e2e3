// The Anthropic Messages stream grammar, to the letter (wire facts: `event:` lines are mandatory, one
// open block at a time, indexes without gaps, one message_delta, nothing after the end). The official
// SDK accepts half of the defects found here, which is why this exists.

import {
  type Expectation,
  type Fields,
  Findings,
  fields,
  fieldsList,
  isFields,
  number,
  parse,
  type Shape,
  text,
  type Violation,
} from "./findings.ts";
import { checkEvents } from "./sse.ts";

const USAGE: Shape = {
  input_tokens: "number",
  output_tokens: "number",
  cache_creation_input_tokens: "number",
  cache_read_input_tokens: "number",
  output_tokens_details: "object|null",
  server_tool_use: "object|null",
};

const MESSAGE: Shape = {
  id: "string",
  type: "'message'",
  role: "'assistant'",
  model: "string",
  content: "array",
  container: "object|null",
  stop_reason: "string|null",
  stop_sequence: "string|null",
  stop_details: "object|null",
  usage: "object",
};

const MESSAGE_USAGE: Shape = {
  ...USAGE,
  cache_creation: "object|null",
  inference_geo: "string|null",
  service_tier: "string|null",
};

const BLOCKS: Readonly<Record<string, Shape>> = {
  text: { text: "string", citations: "array|null" },
  thinking: { thinking: "string", signature: "string" },
  redacted_thinking: { data: "string" },
  tool_use: { id: "string", name: "string", input: "object" },
};

const DELTAS: Readonly<Record<string, readonly string[]>> = {
  text: ["text_delta", "citations_delta"],
  thinking: ["thinking_delta", "signature_delta"],
  tool_use: ["input_json_delta"],
  server_tool_use: ["input_json_delta"],
  mcp_tool_use: ["input_json_delta"],
  compaction: ["compaction_delta"],
};

const DELTA_SHAPES: Readonly<Record<string, Shape>> = {
  text_delta: { text: "string" },
  thinking_delta: { thinking: "string" },
  signature_delta: { signature: "string" },
  input_json_delta: { partial_json: "string" },
  citations_delta: { citation: "object" },
  compaction_delta: { content: "string|null" },
};

const STOP_REASONS = new Set([
  "end_turn",
  "max_tokens",
  "stop_sequence",
  "tool_use",
  "pause_turn",
  "refusal",
  "model_context_window_exceeded",
]);

const ERROR_TYPES = new Set([
  "invalid_request_error",
  "authentication_error",
  "billing_error",
  "permission_error",
  "not_found_error",
  "request_too_large",
  "rate_limit_error",
  "api_error",
  "timeout_error",
  "overloaded_error",
]);

const TOOL_ID = /^[A-Za-z0-9_-]{1,64}$/;

interface OpenBlock {
  readonly index: number;
  readonly type: string;
  json: string;
  deltas: number;
  isSigned: boolean;
}

/** Violations of a streamed answer. */
export function checkMessagesStream(stream: string, expectation: Expectation = {}): Violation[] {
  const findings = new Findings();
  checkEvents(stream, new MessagesChecker(findings, expectation), findings);
  return findings.list;
}

/** Violations of a whole reply body. */
export function checkMessagesBody(body: unknown, { model }: Expectation = {}): Violation[] {
  const findings = new Findings();
  const message = fields(body);
  findings.shape("message", message, MESSAGE);
  findings.shape("usage", fields(message["usage"]), MESSAGE_USAGE);
  checkIdentity(findings, message, model);
  for (const block of fieldsList(message["content"])) {
    findings.shape("block", block, { type: "string", ...BLOCKS[text(block["type"])] });
    if (block["type"] === "text") {
      findings.expect(text(block["text"]) !== "", "empty-text-block", "text block without text");
    }
    if (block["type"] === "tool_use") checkToolId(findings, text(block["id"]));
  }
  const hasCalls = fieldsList(message["content"]).some(({ type }) => type === "tool_use");
  checkStop(findings, text(message["stop_reason"]), hasCalls);
  return findings.list;
}

class MessagesChecker {
  readonly #findings: Findings;
  readonly #model: string | undefined;
  #hasStarted = false;
  #open: OpenBlock | undefined;
  #blocks = 0;
  #hasCalls = false;
  #toolIds = new Set<string>();
  #invalidJson: string[] = [];
  #stopReason: string | undefined;
  #end: "message_stop" | "error" | undefined;

  readonly #rules: Readonly<Record<string, (event: Fields) => void>> = {
    message_start: (event) => this.#start(fields(event["message"])),
    content_block_start: (event) => this.#blockStart(event),
    content_block_delta: (event) => this.#blockDelta(event),
    content_block_stop: (event) => this.#blockStop(event),
    message_delta: (event) => this.#messageDelta(event),
    message_stop: () => this.#messageStop(),
    error: (event) => this.#error(event),
    ping: () => undefined,
  };

  constructor(findings: Findings, { model }: Expectation) {
    this.#findings = findings;
    this.#model = model;
  }

  event(name: string, event: Fields): void {
    const type = text(event["type"]);
    const findings = this.#findings;
    findings.expect(name === type, "event-line", `event: ${name} with type ${type}`);
    if (this.#end) findings.add("after-end", `${type} after ${this.#end}`);
    const rule = this.#rules[type];
    if (!rule) return findings.add("unknown-event", type);
    const isFree = type === "ping" || type === "error" || type === "message_start";
    findings.expect(this.#hasStarted || isFree, "start-first", `${type} before message_start`);
    rule(event);
  }

  end(): void {
    if (!this.#end) this.#findings.add("terminal", "neither message_stop nor error");
  }

  #start(message: Fields): void {
    const findings = this.#findings;
    if (this.#hasStarted) return findings.add("one-start", "second message_start");
    this.#hasStarted = true;
    findings.shape("message", message, MESSAGE);
    findings.shape("message.usage", fields(message["usage"]), MESSAGE_USAGE);
    findings.expect(message["stop_reason"] === null, "start", "stop_reason is not null");
    findings.expect(fieldsList(message["content"]).length === 0, "start", "content is not empty");
    checkIdentity(findings, message, this.#model);
  }

  #blockStart(event: Fields): void {
    const findings = this.#findings;
    const block = fields(event["content_block"]);
    const type = text(block["type"]);
    if (this.#open) findings.add("overlap", `block starts while ${this.#open.index} is open`);
    if (this.#stopReason !== undefined) findings.add("order", "block after message_delta");
    if (event["index"] !== this.#blocks) {
      findings.add("block-index", `index ${String(event["index"])}, expected ${this.#blocks}`);
    }
    findings.shape("content_block", block, { type: "string", ...BLOCKS[type] });
    if (type === "text") findings.expect(block["text"] === "", "start-empty", "text in start");
    if (type === "thinking") {
      findings.expect(block["thinking"] === "", "start-empty", "thinking in start");
    }
    if (type === "tool_use") this.#toolStart(block);
    const index = number(event["index"]) ?? this.#blocks;
    this.#blocks = index + 1;
    this.#open = { index, type, json: "", deltas: 0, isSigned: false };
  }

  #toolStart(block: Fields): void {
    const id = text(block["id"]);
    this.#hasCalls = true;
    checkToolId(this.#findings, id);
    this.#findings.expect(!this.#toolIds.has(id), "tool-id", `second call with id ${id}`);
    this.#toolIds.add(id);
    this.#findings.expect(text(block["name"]) !== "", "tool-name", "tool_use without a name");
    const input = Object.keys(fields(block["input"]));
    this.#findings.expect(input.length === 0, "start-empty", "tool_use starts with input");
  }

  #blockDelta(event: Fields): void {
    const findings = this.#findings;
    const open = this.#open;
    if (!open) return findings.add("no-block", "delta while no block is open");
    if (event["index"] !== open.index) {
      return findings.add(
        "block-index",
        `delta for ${String(event["index"])}, open: ${open.index}`,
      );
    }
    const delta = fields(event["delta"]);
    const type = text(delta["type"]);
    if (!DELTAS[open.type]?.includes(type)) {
      findings.add("delta-kind", `${type} in a ${open.type} block`);
    }
    findings.shape("delta", delta, DELTA_SHAPES[type] ?? {});
    if (open.isSigned) findings.add("signature-last", `${type} after signature_delta`);
    open.isSigned ||= type === "signature_delta";
    open.json += text(delta["partial_json"]);
    const said = delta["text"] ?? delta["thinking"] ?? delta["signature"];
    findings.expect(said !== "", "empty-delta", `empty ${type}`);
    open.deltas += 1;
  }

  #blockStop(event: Fields): void {
    const open = this.#open;
    if (!open || event["index"] !== open.index) {
      return this.#findings.add("no-block", `stop of ${String(event["index"])}, which is not open`);
    }
    this.#open = undefined;
    if (open.type === "text") {
      this.#findings.expect(open.deltas > 0, "empty-text-block", "text block without text");
    }
    if (DELTAS[open.type]?.[0] === "input_json_delta" && open.json !== "") {
      if (!isFields(parse(open.json))) this.#invalidJson.push(open.json);
    }
  }

  #messageDelta(event: Fields): void {
    const findings = this.#findings;
    if (this.#open) findings.add("unclosed", `block ${this.#open.index} is still open`);
    if (this.#stopReason !== undefined) findings.add("one-message-delta", "second message_delta");
    const delta = fields(event["delta"]);
    findings.shape("delta", delta, { stop_reason: "string", stop_sequence: "string|null" });
    findings.shape("usage", fields(event["usage"]), USAGE);
    this.#stopReason = text(delta["stop_reason"]);
    checkStop(findings, this.#stopReason, this.#hasCalls);
    if (this.#stopReason === "max_tokens") return;
    for (const json of this.#invalidJson) findings.add("tool-json", `not a JSON object: ${json}`);
  }

  #messageStop(): void {
    this.#findings.expect(
      this.#stopReason !== undefined,
      "order",
      "no message_delta before the stop",
    );
    this.#end = "message_stop";
  }

  #error(event: Fields): void {
    const error = fields(event["error"]);
    const type = text(error["type"]);
    this.#findings.expect(ERROR_TYPES.has(type), "error-shape", `error type ${type}`);
    this.#findings.expect(text(error["message"]) !== "", "error-shape", "error without a message");
    this.#findings.expect(this.#stopReason === undefined, "order", "error after message_delta");
    this.#end = "error";
  }
}

function checkIdentity(findings: Findings, message: Fields, model: string | undefined): void {
  findings.expect(/^msg_./.test(text(message["id"])), "id", `id ${text(message["id"])}`);
  if (model !== undefined) {
    findings.expect(message["model"] === model, "model", `model ${text(message["model"])}`);
  }
}

function checkToolId(findings: Findings, id: string): void {
  findings.expect(TOOL_ID.test(id), "tool-id", `illegal tool_use id ${JSON.stringify(id)}`);
}

function checkStop(findings: Findings, reason: string, hasCalls: boolean): void {
  findings.expect(STOP_REASONS.has(reason), "stop-reason", `stop_reason ${reason}`);
  if (reason === "tool_use") findings.expect(hasCalls, "stop-reason", "tool_use without a call");
  if (reason === "end_turn") findings.expect(!hasCalls, "stop-reason", "end_turn with a call");
}
