// What upstreams of the three dialects say, written by hand: just enough of each for a bug to show.
// Refuses to be a codec: what stands here is what stands on the wire.

type Fields = Readonly<Record<string, unknown>>;

/** A chunk of a Chat stream with one choice; `more` are its other top-level fields. */
export function chunk(delta: Fields, finish: string | null = null, more: Fields = {}): Fields {
  const choices = [{ index: 0, delta, finish_reason: finish }];
  return {
    id: "chatcmpl-up",
    object: "chat.completion.chunk",
    created: 1,
    model: "m",
    choices,
    ...more,
  };
}

/** The piece of a Chat tool call. */
export function toolDelta(
  index: number,
  call: { id?: string; name?: string; args?: string },
): Fields {
  const { id, name, args = "" } = call;
  const head = id === undefined ? {} : { id, type: "function" };
  return { index, ...head, function: { ...(name !== undefined && { name }), arguments: args } };
}

/** A Chat stream with its end. */
export function chatStream(...chunks: readonly Fields[]): string {
  return `${unnamed(...chunks)}data: [DONE]\n\n`;
}

/** Events without names, as Chat has them. */
export function unnamed(...events: readonly Fields[]): string {
  return events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join("");
}

/** Events named after their type, as Messages and Responses have them. */
export function named(...events: readonly Fields[]): string {
  return events
    .map((event) => `event: ${String(event["type"])}\ndata: ${JSON.stringify(event)}\n\n`)
    .join("");
}

/** The start of a Messages stream. */
export const messageStart: Fields = {
  type: "message_start",
  message: {
    id: "msg_up",
    type: "message",
    role: "assistant",
    model: "m",
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: { input_tokens: 3, output_tokens: 1 },
  },
};

/** A content block of a Messages stream, whole. */
export function block(index: number, start: Fields, ...deltas: readonly Fields[]): Fields[] {
  return [
    { type: "content_block_start", index, content_block: start },
    ...deltas.map((delta) => ({ type: "content_block_delta", index, delta })),
    { type: "content_block_stop", index },
  ];
}

/** The end of a Messages stream. */
export function messageEnd(stop: string, usage: Fields = { output_tokens: 9 }): Fields[] {
  return [
    { type: "message_delta", delta: { stop_reason: stop, stop_sequence: null }, usage },
    { type: "message_stop" },
  ];
}

/** A whole Messages stream of blocks. */
export function messagesStream(stop: string, ...blocks: readonly Fields[][]): string {
  return named(messageStart, ...blocks.flat(), ...messageEnd(stop));
}

/** Text and tool_use blocks of a Messages stream. */
export const said = (index: number, ...texts: readonly string[]): Fields[] =>
  block(index, { type: "text", text: "" }, ...texts.map((text) => ({ type: "text_delta", text })));
export const used = (
  index: number,
  id: string,
  name: string,
  ...json: readonly string[]
): Fields[] =>
  block(
    index,
    { type: "tool_use", id, name, input: {} },
    ...json.map((partial_json) => ({ type: "input_json_delta", partial_json })),
  );

/** A Responses stream: the events of its items between a start and the given end, numbered. */
export function responsesStream(
  items: readonly Fields[],
  { type = "response.completed", response = {} }: { type?: string; response?: Fields } = {},
): string {
  const status = type.slice("response.".length);
  const whole = { id: "resp_up", object: "response", created_at: 1, model: "m", output: [] };
  const events = [
    { type: "response.created", response: { ...whole, status: "in_progress" } },
    ...items,
    { type, response: { ...whole, status, usage: responsesUsage(3, 9), ...response } },
  ];
  return named(...events.map((event, sequence_number) => ({ ...event, sequence_number })));
}

/** Usage as a Responses upstream reports it. */
export function responsesUsage(input: number, output: number, cached = 0): Fields {
  return {
    input_tokens: input,
    input_tokens_details: { cached_tokens: cached },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: input + output,
  };
}

/** An event of the Responses item at `index`. */
export function itemEvent(index: number, type: string, more: Fields = {}): Fields {
  return { type: `response.${type}`, output_index: index, item_id: `item_${index}`, ...more };
}

/** A text item of a Responses stream, whole. */
export function textItem(index: number, ...texts: readonly string[]): Fields[] {
  const text = texts.join("");
  const item = { id: `item_${index}`, type: "message", role: "assistant" };
  const content = [{ type: "output_text", text, annotations: [] }];
  return [
    itemEvent(index, "output_item.added", {
      item: { ...item, status: "in_progress", content: [] },
    }),
    itemEvent(index, "content_part.added", {
      content_index: 0,
      part: { type: "output_text", text: "" },
    }),
    ...texts.map((delta) => itemEvent(index, "output_text.delta", { content_index: 0, delta })),
    itemEvent(index, "output_text.done", { content_index: 0, text }),
    itemEvent(index, "content_part.done", { content_index: 0, part: content[0] }),
    itemEvent(index, "output_item.done", { item: { ...item, status: "completed", content } }),
  ];
}

/** A function call of a Responses stream, whole. */
export function callItem(
  index: number,
  call_id: string,
  name: string,
  ...deltas: readonly string[]
): Fields[] {
  const args = deltas.join("");
  const item = { id: `item_${index}`, type: "function_call", call_id, name };
  return [
    itemEvent(index, "output_item.added", {
      item: { ...item, arguments: "", status: "in_progress" },
    }),
    ...deltas.map((delta) => itemEvent(index, "function_call_arguments.delta", { delta })),
    itemEvent(index, "function_call_arguments.done", { arguments: args }),
    itemEvent(index, "output_item.done", {
      item: { ...item, arguments: args, status: "completed" },
    }),
  ];
}
