// Hosts whose path names the model have another member in the body in its place. It stands where `model` stood, so that
// the rest of a caller's bytes stays as it is.

import type { JsonObject } from "#wire";

/** A member of the body. */
export interface StandIn {
  readonly name: string;
  readonly value: string;
}

/** The body with the member in place of `model`. */
export function withStandIn(body: JsonObject, standIn: StandIn | undefined): JsonObject {
  if (!standIn) return body;
  const { model: _inPath, ...rest } = body;
  return { [standIn.name]: standIn.value, ...rest };
}

const SPACE = new Set([0x20, 0x09, 0x0a, 0x0d]);
const QUOTE = 0x22;

/** Where the member begins whose value begins at `valueStart`: at the quote of its name. */
export function memberStart(bytes: Uint8Array, valueStart: number): number {
  let at = valueStart - 1;
  const skipSpace = () => {
    while (SPACE.has(bytes[at] ?? 0)) at -= 1;
  };
  skipSpace();
  // The colon.
  at -= 1;
  skipSpace();
  // From the name's last quote to its first: no name that spells `model` holds another.
  return bytes.lastIndexOf(QUOTE, at - 1);
}

/** The member as it stands in a body. */
export function memberText({ name, value }: StandIn): string {
  return `${JSON.stringify(name)}:${JSON.stringify(value)}`;
}
