// Tool arguments between exact text and the object this dialect wants. Never throws and never loses:
// text that is no JSON object is wrapped, so that a truncated call in history still travels.

import type { JsonObject } from "#wire";
import { isJsonObject, parseJson } from "#wire";

/** Key under which arguments travel that are no JSON object. */
export const RAW_INPUT_KEY = "__raw";

/** The `input` object for argument text; `isWrapped` when the text is not a JSON object. */
export function toolInput(text: string): { input: JsonObject; isWrapped: boolean } {
  if (text.trim() === "") return { input: {}, isWrapped: false };
  try {
    const value = parseJson(text);
    if (isJsonObject(value)) return { input: value, isWrapped: false };
  } catch {
    // Falls through to the wrapped form.
  }
  return { input: { [RAW_INPUT_KEY]: text }, isWrapped: true };
}
