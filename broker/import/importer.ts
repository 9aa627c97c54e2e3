// What an importer is: it knows one format of another program's credential files, and reads it.
// Refuses to take over another program's client: client ids and secrets in such files stay where they are.

import { decodeJwt } from "jose";
import { type Credential, type JsonObject, OAuthCredential, REMOTE_REFRESH } from "#wire";
import { z } from "zod";

/** A credential as a file holds it. */
export interface FoundCredential {
  readonly provider: string;
  readonly credential: Credential;
  /** The file says that it is switched off. */
  readonly isDisabled: boolean;
}

/** What reading a file gave: credentials, or the place in it that cannot be used; `problem` quotes no value. */
export type Reading =
  | { readonly found: readonly FoundCredential[]; readonly problem?: undefined }
  | { readonly found?: undefined; readonly problem: string };

/** One format of credential files. */
export interface Importer {
  /** The program that writes it. */
  readonly name: string;
  /** True when the file is of this format, be it usable or not. No file is of two. */
  recognizes(json: JsonObject): boolean;
  read(json: JsonObject): Reading;
}

/** A token as files hold it: what the vault would refuse is refused here, at its place. */
export const TokenText = OAuthCredential.shape.refresh.refine(
  (text) => text !== REMOTE_REFRESH,
  "is only the mark of a redacted token",
);

/** Text that may be missing, null or empty. */
export const OptionalText = z
  .string()
  .nullish()
  .transform((text) => text?.trim() || undefined);

/** A date in text; missing or empty is 0, so that the token counts as used up. Gives ms since the epoch. */
export const ExpiryText = OptionalText.transform((text, context) => {
  const atMs = text === undefined ? 0 : Date.parse(text);
  if (Number.isFinite(atMs)) return Math.max(0, atMs);
  context.addIssue({ code: "custom", message: "is not a date" });
  return z.NEVER;
});

/** Milliseconds since the epoch; missing is 0. */
export const ExpiryMs = z
  .number()
  .nullish()
  .transform((atMs) => Math.max(0, atMs ?? 0));

/** Reads a file through its schema; the first thing wrong becomes the problem, with its JSON path. */
export function readThrough<T>(
  schema: z.ZodType<T>,
  json: JsonObject,
  toFound: (file: T) => readonly FoundCredential[],
): Reading {
  const file = schema.safeParse(json);
  if (file.success) return { found: toFound(file.data) };
  const issue = file.error.issues[0];
  const path = (issue?.path ?? []).map(String).join(".") || "the file";
  return { problem: `${path}: ${lowerFirst(issue?.message ?? "is unusable")}` };
}

/** An OAuth grant from what files usually say of one; fields that are undefined are left out. */
export function grant(
  tokens: { readonly access: string; readonly refresh: string; readonly expires: number },
  account: Readonly<Record<string, string | undefined>>,
): Credential {
  const known = Object.entries(account).filter(([, value]) => value !== undefined);
  return { type: "oauth", ...Object.fromEntries(known), ...tokens };
}

/** The claims of a token, unverified: good for a label, never for a decision. Empty when it has none. */
export function claimsOf(token: string | undefined): Readonly<Record<string, unknown>> {
  if (token === undefined) return {};
  try {
    return decodeJwt(token);
  } catch {
    return {};
  }
}

function lowerFirst(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1);
}
