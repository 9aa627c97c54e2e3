// The arguments that the scripts of both peers share. Refuses what it does not know, as node:util does.

import type { Rotation } from "./oauth-peer.ts";

/** For parseArgs of node:util. */
export const PEER_ARGUMENTS = {
  rotation: { type: "string", default: "always" },
  "access-token-ttl-s": { type: "string", default: "3600" },
} as const;

/** `always`, `never`, or the milliseconds of a grace. */
export function rotationOf(text: string): Rotation {
  return text === "always" || text === "never" ? text : { graceMs: numberOf(text) };
}

/** A number that is written out. */
export function numberOf(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !(value >= 0)) throw new Error(`${text} is no number.`);
  return value;
}
