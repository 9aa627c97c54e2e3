// A whole answer of a Messages upstream, for tests that look at what surrounds it.

/** One that says `hello` and used so much. */
export function messageReply(usage: Readonly<Record<string, number>>) {
  return {
    id: "msg_1",
    type: "message",
    role: "assistant",
    model: "m",
    content: [{ type: "text", text: "hello" }],
    stop_reason: "end_turn",
    stop_sequence: null,
    usage,
  };
}
