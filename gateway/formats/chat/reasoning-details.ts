// `reasoning_details`: how the Chat dialect holds reasoning that must come back unchanged. Native items
// travel as one carrier; state of other dialects hides in an item's signature or data.
// Refuses to show opaque state as text.

import {
  type Carrier,
  decodeCarrier,
  encodeCarrier,
  isCarrier,
  isJsonObject,
  type Json,
  type JsonObject,
  type RedactedPart,
  type ThinkingPart,
} from "#wire";
import type { Losses } from "../losses.ts";

/** `format` of items that hold another dialect's state, beside OpenRouter's `anthropic-claude-v1` and kin. */
const FOREIGN_FORMAT = "parley-v1";

function string(value: Json | undefined): string {
  return typeof value === "string" ? value : "";
}

function isOpaque(item: JsonObject): boolean {
  return string(item["signature"]) !== "" || string(item["data"]) !== "";
}

/** Visible text of an item; "" for encrypted ones. */
export function detailText(item: JsonObject): string {
  return string(item["text"]) || string(item["summary"]);
}

/** True when the host calls its reasoning a summary, not the raw chain. */
export function isSummary(details: readonly Json[]): boolean {
  const first = details[0];
  return isJsonObject(first) && first["type"] === "reasoning.summary";
}

function canMerge(last: JsonObject | undefined, item: JsonObject): last is JsonObject {
  return (
    last !== undefined &&
    last["type"] === item["type"] &&
    last["index"] === item["index"] &&
    string(item["data"]) === "" &&
    string(last["data"]) === "" &&
    string(last["signature"]) === ""
  );
}

/** Joins the pieces a stream cuts an item into; encrypted items never come in pieces. */
export class DetailsCollector {
  #items: JsonObject[] = [];

  add(item: JsonObject): void {
    const last = this.#items.at(-1);
    if (!canMerge(last, item)) {
      this.#items.push({ ...item });
      return;
    }
    for (const [key, value] of Object.entries(item)) {
      const isPiece = key === "text" || key === "summary";
      if (isPiece) last[key] = string(last[key]) + string(value);
      else if (value !== null && value !== "") last[key] = value;
    }
  }

  /** Empties the collector; undefined when plain text was all there was. */
  take(provider: string | undefined): Carrier | undefined {
    const items = this.#items;
    this.#items = [];
    return items.some(isOpaque) ? nativeCarrier(items, provider) : undefined;
  }
}

function nativeCarrier(items: readonly JsonObject[], provider: string | undefined): Carrier {
  return {
    format: "chat",
    kind: "details",
    data: JSON.stringify(items),
    ...(provider !== undefined && { provider }),
  };
}

/** The native items inside a Chat carrier; none when its JSON is damaged. */
export function nativeDetails(carrier: Carrier): JsonObject[] {
  try {
    const items: Json = JSON.parse(carrier.data);
    return Array.isArray(items) ? items.filter(isJsonObject) : [];
  } catch {
    return [];
  }
}

/** Items for a reply part's carrier: native ones as they were, foreign state wrapped in one item. */
export function encodeDetails(carrier: Carrier, text: string, index: number): JsonObject[] {
  if (carrier.format === "chat") return nativeDetails(carrier);
  const rest = {
    ...(carrier.id !== undefined && { id: carrier.id }),
    format: FOREIGN_FORMAT,
    index,
  };
  const data = encodeCarrier(carrier);
  if (text === "") return [{ type: "reasoning.encrypted", data, ...rest }];
  // The text stands here too: a signature is bound to its own block, and a client may echo only this.
  return [{ type: "reasoning.text", text, signature: data, ...rest }];
}

function foreignPart(item: JsonObject, path: string, losses: Losses): ThinkingPart | RedactedPart {
  const text = detailText(item);
  const carrier = decodeCarrier(string(item["signature"]) || string(item["data"]));
  if (!carrier) losses.add(path, "damaged reasoning state");
  if (carrier && text === "" && carrier.kind !== "signature") {
    return { kind: "redacted", carrier, path };
  }
  return { kind: "thinking", text, ...(carrier && { carrier }), path };
}

function nativePart(items: readonly JsonObject[], path: string): ThinkingPart | RedactedPart {
  const text = items.map(detailText).join("");
  const carrier = items.some(isOpaque) ? nativeCarrier(items, undefined) : undefined;
  if (text === "" && carrier) return { kind: "redacted", carrier, path };
  const isRaw = !isSummary(items);
  return { kind: "thinking", text, ...(isRaw && { isRaw }), ...(carrier && { carrier }), path };
}

function hasForeignState(item: JsonObject): boolean {
  return isCarrier(string(item["signature"])) || isCarrier(string(item["data"]));
}

/** The reasoning parts that a client's echoed `reasoning_details` spell. */
export function decodeDetails(
  items: readonly JsonObject[],
  path: string,
  losses: Losses,
): (ThinkingPart | RedactedPart)[] {
  const parts: (ThinkingPart | RedactedPart)[] = [];
  let run: JsonObject[] = [];
  const endRun = (): void => {
    if (run.length > 0) parts.push(nativePart(run, path));
    run = [];
  };
  for (const [index, item] of items.entries()) {
    if (!hasForeignState(item)) {
      run.push(item);
      continue;
    }
    endRun();
    parts.push(foreignPart(item, `${path}[${index}]`, losses));
  }
  endRun();
  return parts.filter((part) => part.kind === "redacted" || part.text !== "" || part.carrier);
}

/** Removes items with foreign state from a request body, in place; true when there was one. */
export function dropCarriers(body: JsonObject): boolean {
  let hasDropped = false;
  const messages = Array.isArray(body["messages"]) ? body["messages"] : [];
  for (const message of messages) {
    if (!isJsonObject(message) || !Array.isArray(message["reasoning_details"])) continue;
    const items = message["reasoning_details"];
    const kept = items.filter((item) => !isJsonObject(item) || !hasForeignState(item));
    if (kept.length === items.length) continue;
    hasDropped = true;
    if (kept.length > 0) message["reasoning_details"] = kept;
    else delete message["reasoning_details"];
  }
  return hasDropped;
}
