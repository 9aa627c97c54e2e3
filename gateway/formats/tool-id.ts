// Tool call ids that every dialect accepts. Legal ones pass unchanged; others map deterministically,
// so that the call and its result, sent in different requests, still meet.

import { createHash } from "node:crypto";
import type { FormatId } from "#wire";

/** Longest id each dialect takes. */
export const MAX_TOOL_ID_CHARS = { chat: 40, responses: 64, messages: 64, generate: 64 } as const;

const LEGAL = /^[A-Za-z0-9_-]+$/;

/** The id itself when `format` accepts it, else a stable substitute derived from it. */
export function legalToolId(id: string, format: FormatId): string {
  if (id.length <= MAX_TOOL_ID_CHARS[format] && LEGAL.test(id)) return id;
  return `call_${createHash("sha256").update(id).digest("hex").slice(0, 24)}`;
}

/** The id itself when it is nine letters and digits, else nine that stand for it: 53 bits of its hash. */
export function nineCharToolId(id: string): string {
  if (/^[A-Za-z0-9]{9}$/.test(id)) return id;
  const hash = createHash("sha256").update(id).digest("base64url");
  return hash.replaceAll(/[-_]/g, "").slice(0, 9);
}
