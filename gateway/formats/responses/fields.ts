// Reading one field of untrusted JSON: the value when it has the expected shape, else undefined.
// For upstream bodies only, which we read leniently; callers' requests meet a schema instead.

import { isJsonObject, type Json, type JsonObject } from "#wire";

/** The string at `key`; undefined for anything else. */
export function stringAt(object: JsonObject, key: string): string | undefined {
  const value = object[key];
  return typeof value === "string" ? value : undefined;
}

/** The finite number at `key`; undefined for anything else. */
export function numberAt(object: JsonObject, key: string): number | undefined {
  const value = object[key];
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}

/** The object at `key`; undefined for anything else. */
export function objectAt(object: JsonObject, key: string): JsonObject | undefined {
  const value = object[key];
  return isJsonObject(value) ? value : undefined;
}

/** The objects of the array at `key`, in order; empty for anything else. */
export function objectsAt(object: JsonObject, key: string): JsonObject[] {
  const value: Json | undefined = object[key];
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}
