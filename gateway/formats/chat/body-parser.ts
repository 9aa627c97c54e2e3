// Schema checks with paths: an untrusted value meets a Zod schema, and what is wrong is named by its
// JSON path in the caller's own body. Refuses without echoing the offending value back.

import { isJsonObject, type JsonObject } from "#wire";
import { z } from "zod";
import { InvalidRequest } from "../../errors.ts";
import type { Losses } from "../losses.ts";

/** A JSON object taken as it is, so that key order and long integers survive. */
export const AnyObject = z.custom<JsonObject>(isJsonObject, "expected an object");

/** The path of a member: `messages[2]`, `messages[2].content`. */
export function childPath(path: string, key: PropertyKey): string {
  if (typeof key === "number") return `${path}[${key}]`;
  return path === "" ? String(key) : `${path}.${String(key)}`;
}

/** The parsed value; throws InvalidRequest naming the first wrong field below `path`. */
export function parseAt<S extends z.ZodType>(schema: S, value: unknown, path: string): z.infer<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const at = (issue?.path ?? []).reduce<string>(childPath, path);
  throw new InvalidRequest(`${at}: ${issue?.message ?? "invalid"}`, { param: at });
}

/** Names every non-null field of `value` that is not in `known` as a loss. */
export function noteUnknownFields(
  value: JsonObject,
  { known, path, losses }: { known: ReadonlySet<string>; path: string; losses: Losses },
): void {
  for (const [key, field] of Object.entries(value)) {
    if (field === null || field === undefined || known.has(key)) continue;
    losses.add(childPath(path, key), "unknown field");
  }
}
