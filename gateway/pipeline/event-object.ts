// The data of an event as an object, for those who only listen to a stream. Refuses to judge what is no such thing: the
// bytes go to the caller as they came.

import { isJsonObject, type JsonObject, parseJson } from "#wire";

/** The object in an event's data; undefined for what is cut off, or none. */
export function eventObject(data: string): JsonObject | undefined {
  try {
    const value = parseJson(data);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
