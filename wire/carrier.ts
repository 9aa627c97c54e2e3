// Foreign opaque state in a string any dialect can hold: `gw1.` + base64url(JSON). A client that replays
// history faithfully hands it back, and the format that minted it gets its bytes unchanged.
// Refuses to guess: anything malformed is undefined, never an error.

import { z } from "zod";
import type { Carrier } from "./conversation.ts";

const PREFIX = "gw1.";

const CarrierJson = z.object({
  f: z.enum(["chat", "responses", "messages", "generate"]),
  k: z.enum(["signature", "redacted", "encrypted", "details"]),
  d: z.string(),
  i: z.string().optional(),
  p: z.string().optional(),
});

/** True when the string is one of ours, decodable or not; such a string never goes to a provider. */
export function isCarrier(text: string): boolean {
  return text.startsWith(PREFIX);
}

/** Wraps foreign state for a client of another dialect. */
export function encodeCarrier(carrier: Carrier): string {
  const json = JSON.stringify({
    f: carrier.format,
    k: carrier.kind,
    d: carrier.data,
    ...(carrier.id !== undefined && { i: carrier.id }),
    ...(carrier.provider !== undefined && { p: carrier.provider }),
  } satisfies z.infer<typeof CarrierJson>);
  return (
    PREFIX + new TextEncoder().encode(json).toBase64({ alphabet: "base64url", omitPadding: true })
  );
}

/** Unwraps what encodeCarrier made; undefined for anything else, a damaged one included. */
export function decodeCarrier(text: string): Carrier | undefined {
  if (!isCarrier(text)) return undefined;
  try {
    const bytes = Uint8Array.fromBase64(text.slice(PREFIX.length), { alphabet: "base64url" });
    const { f, k, d, i, p } = CarrierJson.parse(JSON.parse(new TextDecoder().decode(bytes)));
    return {
      format: f,
      kind: k,
      data: d,
      ...(i !== undefined && { id: i }),
      ...(p !== undefined && { provider: p }),
    };
  } catch {
    return undefined;
  }
}
