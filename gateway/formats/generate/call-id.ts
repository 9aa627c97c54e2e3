// Ids of tool calls. Other dialects cannot do without one; Gemini leaves it out on older models. An id made here
// is recognised when it comes back and left out again, so that the upstream sees the history it wrote.

import { legalToolId } from "../tool-id.ts";

const MADE = "gcall_";

/** The id of the `position`th call of a reply that came without one; the same for the same reply, legal in every dialect. */
export function makeCallId(replyId: string, position: number): string {
  const reply = replyId.replace(/[^A-Za-z0-9_-]/g, "").slice(-28);
  return `${MADE}${reply}_${position}`;
}

/** The id for the upstream, one that it accepts; undefined when it gave none. */
export function upstreamCallId(id: string): string | undefined {
  return id.startsWith(MADE) ? undefined : legalToolId(id, "generate");
}
