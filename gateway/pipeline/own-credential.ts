// A credential that a caller brings for itself, beside its key of ours: forwarded as it came to the providers that its
// key allows, and kept nowhere. Refuses to take any key of ours for one.

import { VIRTUAL_KEY_PREFIX } from "../keys/gateway-keys.ts";
import { GATEWAY_TOKEN_PREFIX } from "../gateway-token.ts";
import { InvalidRequest } from "../errors.ts";
import type { Authenticate, Caller } from "./caller.ts";

/** Header for a key of ours that leaves both vendors' own to the caller's credential. */
export const KEY_HEADER = "x-parley-key";

const BEARER = /^Bearer +(\S+)$/i;
/** What goes with a credential and says whose account it is for. */
const BESIDE = ["openai-organization", "openai-project"] as const;

/** The caller's own credential; shows itself to nobody who does not ask. */
export class OwnCredential {
  readonly #headers: Readonly<Record<string, string>>;
  readonly #secrets: readonly string[];

  /** `secrets` are the parts of `headers` that nobody may read. */
  constructor(headers: Readonly<Record<string, string>>, secrets: readonly string[]) {
    this.#headers = headers;
    this.#secrets = secrets;
  }

  /** The headers that show it, as they came. */
  reveal(): Readonly<Record<string, string>> {
    return this.#headers;
  }

  /** The text without the credential, for logs: an upstream may quote what it refuses. */
  hideIn(text: string): string {
    return this.#secrets.reduce((safe, secret) => safe.replaceAll(secret, "[redacted]"), text);
  }
}

/** What a caller shows beside its key of ours; undefined when that is nothing, or its key lets none pass. */
export function ownCredential(
  headers: Headers,
  { rules }: Caller,
  authenticate: Authenticate,
): OwnCredential | undefined {
  if (!rules || rules.transparent.length === 0) return undefined;
  const isOurs = (value: string) =>
    value.startsWith(VIRTUAL_KEY_PREFIX) ||
    value.startsWith(GATEWAY_TOKEN_PREFIX) ||
    authenticate(value) !== undefined;
  const shown: Record<string, string> = {};
  const secrets: string[] = [];
  const authorization = headers.get("authorization") ?? "";
  const bearer = BEARER.exec(authorization)?.[1];
  if (bearer !== undefined && !isOurs(bearer)) {
    shown["authorization"] = authorization;
    secrets.push(bearer);
  }
  const apiKey = headers.get("x-api-key") ?? "";
  if (apiKey !== "" && !isOurs(apiKey)) {
    shown["x-api-key"] = apiKey;
    secrets.push(apiKey);
  }
  if (secrets.length === 0) return undefined;
  for (const name of BESIDE) {
    const value = headers.get(name);
    if (value !== null) shown[name] = value;
  }
  return new OwnCredential(shown, secrets);
}

/** A caller's own credential would have to go with a request that was written here. */
export class OwnCredentialTranslated extends InvalidRequest {
  constructor(provider: string, dialects: readonly string[]) {
    const message = `Your own credential goes to ${provider} only with requests in its own dialect (${dialects.join(", ")}), which pass untouched. Ask in that, or leave your credential out.`;
    super(message, { code: "own_credential_translated" });
  }
}
