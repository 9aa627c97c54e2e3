// Parses one object of a caller's body with a schema and reports trouble at its JSON path.
// A field the schema does not know is never dropped in silence: it is named as a loss.

import { isJsonObject, type JsonObject } from "#wire";
import { z } from "zod";
import { InvalidRequest } from "../../errors.ts";
import type { Losses } from "../losses.ts";

/** Schema of an object that is looked into later, or kept as it is. */
export const AnyObject = z.custom<JsonObject>(isJsonObject, "expected an object");

/** Schema of a field that has no effect across dialects: cache breakpoints, streaming hints. */
export const Ignored = z.unknown().optional();

/** `base` with a key or index appended; `base` may be empty for the top of the body. */
export function childPath(base: string, key: PropertyKey): string {
  if (typeof key === "number") return `${base}[${key}]`;
  return base === "" ? String(key) : `${base}.${String(key)}`;
}

/** Where a value stands, and where to note what cannot be carried. */
export interface Place {
  readonly path: string;
  readonly losses: Losses;
}

/** The value as the schema reads it. Throws InvalidRequest with the path of the first bad field. */
export function parseAt<Schema extends z.ZodObject>(
  schema: Schema,
  value: unknown,
  { path, losses }: Place,
): z.infer<Schema> {
  const result = schema.safeParse(value);
  if (!result.success) {
    const issue = result.error.issues[0];
    const at = (issue?.path ?? []).reduce<string>(childPath, path);
    const isMissing = issue?.code === "invalid_type" && /received undefined/.test(issue.message);
    const what = isMissing ? "Field required" : (issue?.message ?? "invalid");
    throw new InvalidRequest(`${at}: ${what}`, {
      code: isMissing ? "missing_required_parameter" : "invalid_value",
      param: at,
    });
  }
  for (const key of Object.keys(isJsonObject(value) ? value : {})) {
    if (!Object.hasOwn(schema.shape, key)) {
      losses.add(childPath(path, key), "unknown field, not carried");
    }
  }
  return result.data;
}
