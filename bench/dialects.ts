// What the three wire formats look like on a boring day: one request, one whole reply, one stream of text
// deltas. Bytes for the mock, marks for the load generator. Written by hand, apart from gateway/formats, so
// that a fault there cannot hide itself here.

/** A wire format by name. */
export type DialectId = "chat" | "responses" | "messages";

/** How one format asks and answers. */
export interface Dialect {
  readonly id: DialectId;
  /** Path on the gateway and on the mock. */
  readonly path: string;
  /** Headers a client of this format sends besides its key and the content type. */
  readonly headers: Readonly<Record<string, string>>;
  readonly request: (model: string, prompt: string, isStream: boolean) => object;
  readonly reply: (text: string) => object;
  /** The data of every event of a stream, in order; strings are sent as they are. */
  readonly events: (deltas: readonly string[]) => readonly (object | string)[];
  /** True when the format repeats the type of an event in an `event:` line. */
  readonly hasEventNames: boolean;
  /** Comes after the last delta and before the text can be repeated. */
  readonly endOfText: string;
  /** The last words of a stream that ended well. */
  readonly terminator: string;
}

/** Model the mock plays; as long as real ids are, so that searching for it costs what it costs in life. */
export const MODEL = "bench-large-2026";

const CREATED = 1_764_000_000;
const CHAT_ID = "chatcmpl-Bench0123456789abcdefghijklm";
const RESPONSE_ID = "resp_bench0123456789abcdef0123456789abcdef0123456789";
const ITEM_ID = "msg_bench0123456789abcdef0123456789abcdef01234567890";
const MESSAGE_ID = "msg_01Bench0123456789abcdefg";
const USAGE_IN = 120;
const USAGE_OUT = 200;

const chatUsage = {
  prompt_tokens: USAGE_IN,
  completion_tokens: USAGE_OUT,
  total_tokens: USAGE_IN + USAGE_OUT,
  prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
  completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0 },
};

function chatChunk(rest: object): object {
  const head = { id: CHAT_ID, object: "chat.completion.chunk", created: CREATED, model: MODEL };
  return { ...head, service_tier: "default", system_fingerprint: "fp_0123456789", ...rest };
}

function chatDelta(delta: object, finishReason: string | null = null): object {
  const choice = { index: 0, delta, logprobs: null, finish_reason: finishReason };
  return chatChunk({ choices: [choice], usage: null });
}

const chat: Dialect = {
  id: "chat",
  path: "/v1/chat/completions",
  headers: {},
  request: (model, prompt, isStream) => ({
    model,
    messages: [
      { role: "system", content: "You are terse." },
      { role: "user", content: prompt },
    ],
    ...(isStream && { stream: true, stream_options: { include_usage: true } }),
  }),
  reply: (text) => ({
    id: CHAT_ID,
    object: "chat.completion",
    created: CREATED,
    model: MODEL,
    choices: [
      {
        index: 0,
        message: { role: "assistant", content: text, refusal: null, annotations: [] },
        logprobs: null,
        finish_reason: "stop",
      },
    ],
    usage: chatUsage,
  }),
  events: (deltas) => [
    chatDelta({ role: "assistant", content: "", refusal: null }),
    ...deltas.map((content) => chatDelta({ content })),
    chatDelta({}, "stop"),
    chatChunk({ choices: [], usage: chatUsage }),
    "[DONE]",
  ],
  hasEventNames: false,
  endOfText: '"finish_reason":"stop"',
  terminator: "data: [DONE]",
};

function response(status: string, output: readonly object[], usage: object | null): object {
  return {
    id: RESPONSE_ID,
    object: "response",
    created_at: CREATED,
    status,
    error: null,
    incomplete_details: null,
    instructions: null,
    max_output_tokens: null,
    model: MODEL,
    output,
    parallel_tool_calls: true,
    temperature: 1,
    text: { format: { type: "text" } },
    tool_choice: "auto",
    tools: [],
    top_p: 1,
    usage,
    metadata: {},
  };
}

function outputText(text: string): object {
  return { type: "output_text", text, annotations: [], logprobs: [] };
}

function outputMessage(status: string, content: readonly object[]): object {
  return { id: ITEM_ID, type: "message", status, role: "assistant", content };
}

const responsesUsage = {
  input_tokens: USAGE_IN,
  input_tokens_details: { cached_tokens: 0 },
  output_tokens: USAGE_OUT,
  output_tokens_details: { reasoning_tokens: 0 },
  total_tokens: USAGE_IN + USAGE_OUT,
};

function responsesEvents(deltas: readonly string[]): object[] {
  const text = deltas.join("");
  const item = { item_id: ITEM_ID, output_index: 0 };
  const part = { ...item, content_index: 0 };
  const done = outputMessage("completed", [outputText(text)]);
  const started = response("in_progress", [], null);
  const events = [
    { type: "response.created", response: started },
    { type: "response.in_progress", response: started },
    { type: "response.output_item.added", output_index: 0, item: outputMessage("in_progress", []) },
    { type: "response.content_part.added", ...part, part: outputText("") },
    ...deltas.map((delta) => ({
      type: "response.output_text.delta",
      ...part,
      delta,
      logprobs: [],
      obfuscation: "bKQ7vR2m",
    })),
    { type: "response.output_text.done", ...part, text, logprobs: [] },
    { type: "response.content_part.done", ...part, part: outputText(text) },
    { type: "response.output_item.done", output_index: 0, item: done },
    { type: "response.completed", response: response("completed", [done], responsesUsage) },
  ];
  return events.map((event, index) => ({ ...event, sequence_number: index }));
}

const responses: Dialect = {
  id: "responses",
  path: "/v1/responses",
  headers: {},
  request: (model, prompt, isStream) => ({
    model,
    instructions: "You are terse.",
    input: [{ role: "user", content: [{ type: "input_text", text: prompt }] }],
    ...(isStream && { stream: true }),
  }),
  reply: (text) =>
    response("completed", [outputMessage("completed", [outputText(text)])], responsesUsage),
  events: responsesEvents,
  hasEventNames: true,
  endOfText: "event: response.output_text.done",
  terminator: "event: response.completed",
};

const messagesUsage = {
  input_tokens: USAGE_IN,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 0,
  output_tokens: USAGE_OUT,
};

const messagesHead = { id: MESSAGE_ID, type: "message", role: "assistant", model: MODEL };

const messages: Dialect = {
  id: "messages",
  path: "/v1/messages",
  headers: { "anthropic-version": "2023-06-01" },
  request: (model, prompt, isStream) => ({
    model,
    max_tokens: 1_024,
    system: "You are terse.",
    messages: [{ role: "user", content: prompt }],
    ...(isStream && { stream: true }),
  }),
  reply: (text) => ({
    ...messagesHead,
    content: [{ type: "text", text }],
    stop_reason: "end_turn",
    stop_sequence: null,
    usage: messagesUsage,
  }),
  events: (deltas) => [
    {
      type: "message_start",
      message: {
        ...messagesHead,
        content: [],
        stop_reason: null,
        stop_sequence: null,
        usage: { ...messagesUsage, output_tokens: 1 },
      },
    },
    { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
    { type: "ping" },
    ...deltas.map((text) => ({
      type: "content_block_delta",
      index: 0,
      delta: { type: "text_delta", text },
    })),
    { type: "content_block_stop", index: 0 },
    {
      type: "message_delta",
      delta: { stop_reason: "end_turn", stop_sequence: null },
      usage: { output_tokens: USAGE_OUT },
    },
    { type: "message_stop" },
  ],
  hasEventNames: true,
  endOfText: "event: content_block_stop",
  terminator: "event: message_stop",
};

/** Every format, by name. */
export const dialects: Readonly<Record<DialectId, Dialect>> = { chat, responses, messages };

/** Every name, in the order of the tables. */
export const dialectIds: readonly DialectId[] = ["chat", "responses", "messages"];

/** The SSE text of each event of a stream. */
export function streamFrames(dialect: Dialect, deltas: readonly string[]): readonly string[] {
  return dialect.events(deltas).map((event) => {
    if (typeof event === "string") return `data: ${event}\n\n`;
    const data = `data: ${JSON.stringify(event)}\n\n`;
    const named = dialect.hasEventNames && "type" in event;
    return named ? `event: ${String(event.type)}\n${data}` : data;
  });
}
