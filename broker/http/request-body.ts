// A request's body becomes a typed value or a 400 that names the place. Refuses what a web page can send without
// asking (forms, plain text): a JSON content type, or none, is how a client shows that it is no page.

import { JsonScanError, readJson, redact } from "#platform";
import { z } from "zod";
import { badRequest, Refusal } from "./refusal.ts";

const MAX_PROBLEM_CHARS = 300;
const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i;

/** The parsed body; throws Refusal. `whenEmpty` says what an absent body counts as, if it may be absent. */
export function readBody<T>(
  schema: z.ZodType<T>,
  { request, body }: { readonly request: Request; readonly body: Uint8Array },
  { whenEmpty }: { readonly whenEmpty?: T } = {},
): T {
  assertJsonType(request.headers.get("content-type"), body);
  if (body.length === 0) {
    if (whenEmpty !== undefined) return whenEmpty;
    throw badRequest("body: empty, expected a JSON object");
  }
  const parsed = schema.safeParse(parseJsonBody(body));
  if (!parsed.success) throw badRequest(firstProblem(parsed.error));
  return parsed.data;
}

function assertJsonType(type: string | null, body: Uint8Array): void {
  if (type === null || JSON_TYPE.test(type)) return;
  if (type === "" && body.length === 0) return;
  throw new Refusal(415, "content-type: must be application/json", {
    code: "unsupported_media_type",
  });
}

function parseJsonBody(bytes: Uint8Array): unknown {
  try {
    return readJson(bytes);
  } catch (error) {
    if (error instanceof JsonScanError) throw badRequest(`body: ${error.message}`);
    throw error;
  }
}

// Issue messages name types and options, never values; a key's name is the client's own text.
function firstProblem(error: z.ZodError): string {
  const issue = error.issues[0];
  const where = issue?.path.join(".") || "body";
  return redact(`${where}: ${issue?.message ?? "invalid"}`).slice(0, MAX_PROBLEM_CHARS);
}
