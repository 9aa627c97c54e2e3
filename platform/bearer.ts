// Bearer tokens of our own servers: made, kept in a private file, read from a request, compared.
// Refuses ambiguity: a request that offers two different tokens offers none.

import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { readOrCreatePrivateFile, writePrivateFile } from "./private-file.ts";
import { registerSecret } from "./redact.ts";

const RANDOM_BYTES = 32;

/** A token a person put into the file must be at least this long. */
export const MIN_TOKEN_LENGTH = 16;

// Visible ASCII without the comma: a comma is how an HTTP server joins duplicated headers.
const TOKEN = /^[!-+\--~]+$/;
const BEARER = /^Bearer +([!-+\--~]+)$/i;

/** A token file holds something that cannot be a token; the message says how to replace it. */
export class TokenFileError extends Error {
  readonly code = "token_file_invalid";

  constructor(path: string) {
    super(
      `${path} does not hold a token (one line, at least ${MIN_TOKEN_LENGTH} visible characters, ` +
        "no comma). Delete the file to have a new one made.",
    );
    this.name = "TokenFileError";
  }
}

/** The token of `Authorization: Bearer x` or `x-api-key: x`; undefined when absent, malformed, doubled or contradictory. */
export function readBearer(headers: Headers): string | undefined {
  const authorization = headers.get("authorization") ?? "";
  const apiKey = headers.get("x-api-key") ?? "";
  const fromAuthorization = BEARER.exec(authorization)?.[1];
  const fromApiKey = TOKEN.test(apiKey) ? apiKey : undefined;
  if (authorization === "") return fromApiKey;
  if (apiKey === "") return fromAuthorization;
  return fromAuthorization === fromApiKey ? fromAuthorization : undefined;
}

/** Compares in constant time, whatever the lengths. */
export function isSameToken(expected: string, candidate: string): boolean {
  return timingSafeEqual(sha256(expected), sha256(candidate));
}

/** A new token: the prefix and 32 random bytes as base64url. */
export function createToken(prefix: string): string {
  return prefix + randomBytes(RANDOM_BYTES).toString("base64url");
}

/** The token in a private file, made on first use and redacted from logs ever after; throws TokenFileError. */
export function readOrCreateToken(path: string, prefix: string): string {
  const bytes = readOrCreatePrivateFile(path, () => `${createToken(prefix)}\n`);
  const token = new TextDecoder().decode(bytes).trim();
  if (token.length < MIN_TOKEN_LENGTH || !TOKEN.test(token)) throw new TokenFileError(path);
  registerSecret(token);
  return token;
}

/** Replaces the token in the file; running servers keep the old one until they are restarted. */
export function rotateToken(path: string, prefix: string): string {
  const token = createToken(prefix);
  writePrivateFile(path, `${token}\n`);
  registerSecret(token);
  return token;
}

/** A comparison with one expected token, for servers that compare often; constant time as isSameToken. */
export function matchToken(expected: string): (candidate: string) => boolean {
  const digest = sha256(expected);
  return (candidate) => timingSafeEqual(digest, sha256(candidate));
}

function sha256(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}
