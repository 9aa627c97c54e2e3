// Opaque reasoning state in this dialect: a reasoning item's `encrypted_content`, bound to the item's id.
// Foreign state rides in the same slot as a `gw1.` carrier, which never reaches a provider.

import {
  type Carrier,
  decodeCarrier,
  encodeCarrier,
  isCarrier,
  isJsonObject,
  type Json,
  type JsonObject,
} from "#wire";
import type { Losses } from "../losses.ts";

/** State as an upstream of this dialect gave it. */
export function nativeCarrier(data: string, id?: string, provider?: string): Carrier {
  return {
    format: "responses",
    kind: "encrypted",
    data,
    ...(id !== undefined && id !== "" && { id }),
    ...(provider !== undefined && { provider }),
  };
}

/** What a caller's `encrypted_content` holds; undefined, and a loss, when the carrier is damaged. */
export function carrierInSlot(
  slot: string,
  { id, path, losses }: { id: string | undefined; path: string; losses: Losses },
): Carrier | undefined {
  if (!isCarrier(slot)) return nativeCarrier(slot, id);
  const carrier = decodeCarrier(slot);
  if (!carrier) losses.add(path, "damaged reasoning state dropped");
  return carrier;
}

/** The `encrypted_content` for a caller: native bytes under their own item id, else wrapped. */
export function slotOf(carrier: Carrier, itemId: string): string {
  const isNative = carrier.format === "responses" && carrier.kind === "encrypted";
  // The id is part of what the provider checks, so state under another id travels wrapped with its own.
  return isNative && (carrier.id ?? itemId) === itemId ? carrier.data : encodeCarrier(carrier);
}

/** The id a reasoning item must have for its native state to stay valid; undefined for foreign state. */
export function boundId(carrier: Carrier | undefined): string | undefined {
  return carrier?.format === "responses" ? carrier.id : undefined;
}

function holdsCarrier(item: Json): boolean {
  if (!isJsonObject(item) || item["type"] !== "reasoning") return false;
  const slot = item["encrypted_content"];
  return typeof slot === "string" && isCarrier(slot);
}

/** Removes the reasoning items of `input` that hold a `gw1.` carrier; true when there was one. */
export function dropCarriers(body: JsonObject): boolean {
  const input = body["input"];
  if (!Array.isArray(input) || !input.some(holdsCarrier)) return false;
  body["input"] = input.filter((item) => !holdsCarrier(item));
  return true;
}

/** What is refused without the reasoning that led to it, while it says by its id which that was. */
const BOUND: ReadonlySet<unknown> = new Set(["message", "function_call", "custom_tool_call"]);

/** Removes every reasoning item of `input`, with the ids that others are bound to them by; true when there was one. */
export function dropReasoning(body: JsonObject): boolean {
  const input = body["input"];
  if (!Array.isArray(input)) return false;
  const kept = input.filter((item) => !isJsonObject(item) || item["type"] !== "reasoning");
  if (kept.length === input.length) return false;
  body["input"] = kept.map((item) => {
    if (!isJsonObject(item) || !BOUND.has(item["type"])) return item;
    const { id: _, ...free } = item;
    return free;
  });
  return true;
}
