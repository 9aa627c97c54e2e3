// Tool call ids that every dialect accepts. Legal ones pass unchanged; others map deterministically,
// so that the call and its result, sent in different requests, still meet.

import { createHash } from "node:crypto";
import type { FormatId } from "#wire";

/** Longest id each dialect takes. */
export const MAX_TOOL_ID_CHARS = { chat: 40, responses: 64, messages: 64 } as const;

const LEGAL = /^[A-Za-z0-9_-]+$/;

/** The id itself when `format` accepts it, else a stable substitute derived from it. */
export function legalToolId(id: string, format: FormatId): string {
  if (id.length <= MAX_TOOL_ID_CHARS[format] && LEGAL.test(id)) return id;
  return `call_${createHash("sha256").update(id).digest("hex").slice(0, 24)}`;
}
