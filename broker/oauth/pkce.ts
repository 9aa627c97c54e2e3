// The random values of one login, made fresh and used once.

import { createHash, randomBytes } from "node:crypto";
import { registerSecret } from "#platform";

/** Bytes of randomness in a state, a nonce or a verifier: 256 bits. */
const RANDOM_BYTES = 32;

/** Gives so many random bytes; stands in for the system's in tests. */
export type RandomBytes = (count: number) => Uint8Array;

/** A verifier and its S256 challenge (RFC 7636). */
export interface Pkce {
  readonly verifier: string;
  readonly challenge: string;
}

/** A value nobody can guess, as base64url; hidden from logs ever after. */
export function randomText(random: RandomBytes = randomBytes): string {
  const text = Buffer.from(random(RANDOM_BYTES)).toString("base64url");
  registerSecret(text);
  return text;
}

/** A new verifier with its challenge. */
export function createPkce(random?: RandomBytes): Pkce {
  const verifier = randomText(random);
  return { verifier, challenge: createHash("sha256").update(verifier).digest("base64url") };
}
