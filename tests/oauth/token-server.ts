// A token endpoint and nothing else, fast enough for crash loops of thousands of refreshes: strict about what
// it is asked, with rotation and reuse detection as providers do them. Refuses every grant but refresh_token.

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { FamilyBook } from "./families.ts";
import { FaultSwitch } from "./fault-switch.ts";
import { answer, listenOnLoopback, oauthError, originOf, stopListening } from "./loopback.ts";
import {
  CLIENTS,
  type ClientKind,
  type MintedGrant,
  type OAuthPeer,
  type Rotation,
} from "./oauth-peer.ts";

/** How a token server behaves. */
export interface TokenServerOptions {
  /** `always` when absent. */
  readonly rotation?: Rotation;
  /** The encoding of requests that it accepts; `form` when absent. */
  readonly body?: "form" | "json" | "any";
  /** 3600 when absent. */
  readonly accessTokenTtlS?: number;
  /** Refresh tokens live for good when absent. */
  readonly refreshTokenTtlS?: number;
  /** Added to every answer, over its own fields. */
  readonly extra?: Readonly<Record<string, unknown>>;
  /** Answers without `refresh_token`, as servers that do not rotate may; only with rotation `never`. */
  readonly omitsRefreshToken?: boolean;
  /** Milliseconds since the epoch, for grace and lifetimes. */
  readonly now?: () => number;
}

interface RefreshToken {
  readonly familyId: string;
  readonly client: ClientKind;
  readonly expiresAtMs: number;
  used?: { readonly atMs: number; readonly tokens: MintedGrant };
}

type Refusal = readonly [status: number, error: string, description: string];
type Parameters = Map<string, string>;

/** Starts a token server on loopback. */
export async function startTokenServer(options: TokenServerOptions = {}): Promise<OAuthPeer> {
  const book = new FamilyBook();
  const tokens = new Tokens(book, options);
  const faults = new FaultSwitch();
  const server = createServer((request, response) => {
    if (request.url !== "/token") return oauthError(response, 404, "not_found");
    return void faults
      .pass(request, response, () => exchange(request, response, { tokens, ...options }))
      .catch((error) => {
        // A client that was killed in the middle of its request.
        if (!request.socket.destroyed) throw error;
      });
  });
  await listenOnLoopback(server);
  const issuer = originOf(server);
  return {
    issuer,
    tokenEndpoint: `${issuer}/token`,
    mintGrant: async ({ client = "public" } = {}) => tokens.issue(crypto.randomUUID(), client),
    fault: (kind, fault) => faults.arm({ kind, ...fault }),
    clearFaults: async () => faults.clear(),
    ledger: async () => ({
      ...book.totals(),
      codeExchanges: 0,
      tokenRequests: faults.requests,
      redirected: faults.redirected,
    }),
    family: async (refreshToken) => book.find(refreshToken),
    async [Symbol.asyncDispose]() {
      await faults[Symbol.asyncDispose]();
      await stopListening(server);
    },
  };
}

async function exchange(
  request: IncomingMessage,
  response: ServerResponse,
  {
    tokens,
    body = "form",
    extra = {},
    omitsRefreshToken = false,
  }: TokenServerOptions & { tokens: Tokens },
): Promise<void> {
  const refuse = ([status, error, description]: Refusal) =>
    oauthError(response, status, error, description);
  const parameters = await readParameters(request, body);
  if (!(parameters instanceof Map)) return refuse(parameters);
  const client = authenticate(request, parameters);
  if (typeof client !== "string") return refuse(client);
  const answered = tokens.refresh(parameters, client);
  if (!("access_token" in answered)) return refuse(answered);
  const { refresh_token, ...withoutRefreshToken } = answered;
  const sent = omitsRefreshToken ? withoutRefreshToken : { ...withoutRefreshToken, refresh_token };
  const whole = { ...sent, token_type: "Bearer", ...extra };
  return answer(response, 200, "application/json", JSON.stringify(whole));
}

/** Issues, rotates and refuses refresh tokens; each call is one atomic commit. */
class Tokens {
  readonly #issued = new Map<string, RefreshToken>();
  readonly #dead = new Set<string>();
  readonly #book: FamilyBook;
  readonly #rotation: Rotation;
  readonly #accessTokenTtlS: number;
  readonly #refreshTokenTtlS: number;
  readonly #now: () => number;

  constructor(book: FamilyBook, options: TokenServerOptions) {
    this.#book = book;
    this.#rotation = options.rotation ?? "always";
    this.#accessTokenTtlS = options.accessTokenTtlS ?? 3600;
    this.#refreshTokenTtlS = options.refreshTokenTtlS ?? Number.POSITIVE_INFINITY;
    this.#now = options.now ?? Date.now;
    if (options.omitsRefreshToken && this.#rotation !== "never") {
      throw new Error("A rotating server that omits the new refresh token locks everyone out.");
    }
  }

  issue(familyId: string, client: ClientKind): MintedGrant {
    const refreshToken = `rt-${crypto.randomUUID()}`;
    const expiresAtMs = this.#now() + this.#refreshTokenTtlS * 1000;
    this.#issued.set(refreshToken, { familyId, client, expiresAtMs });
    this.#book.issued(familyId, refreshToken);
    return this.#withAccessToken(refreshToken);
  }

  refresh(parameters: Parameters, client: ClientKind): MintedGrant | Refusal {
    if (parameters.get("grant_type") !== "refresh_token") {
      return [400, "unsupported_grant_type", "only refresh_token is known here"];
    }
    const value = parameters.get("refresh_token");
    if (!value) return [400, "invalid_request", "refresh_token is missing"];
    const token = this.#issued.get(value);
    if (!token || token.client !== client) return invalidGrant("refresh token not found");
    if (token.used) return this.#reuse(value, token.familyId, token.used);
    if (this.#dead.has(token.familyId)) return invalidGrant("the grant was revoked");
    if (this.#now() >= token.expiresAtMs) return invalidGrant("refresh token is expired");
    this.#book.refreshed(value);
    if (this.#rotation === "never") return this.#withAccessToken(value);
    const tokens = this.issue(token.familyId, token.client);
    this.#book.retired(value);
    token.used = { atMs: this.#now(), tokens };
    return tokens;
  }

  #reuse(
    value: string,
    familyId: string,
    { atMs, tokens }: NonNullable<RefreshToken["used"]>,
  ): MintedGrant | Refusal {
    const graceMs = typeof this.#rotation === "object" ? this.#rotation.graceMs : 0;
    const isForgiven = this.#now() < atMs + graceMs && !this.#dead.has(familyId);
    this.#book.reused(value, { isForgiven });
    if (isForgiven) return tokens;
    this.#dead.add(familyId);
    this.#book.ended(familyId);
    return invalidGrant("refresh token already used");
  }

  #withAccessToken(refreshToken: string): MintedGrant {
    return {
      access_token: `at-${crypto.randomUUID()}`,
      refresh_token: refreshToken,
      expires_in: this.#accessTokenTtlS,
    };
  }
}

function invalidGrant(description: string): Refusal {
  return [400, "invalid_grant", description];
}

async function readParameters(
  request: IncomingMessage,
  accepted: "form" | "json" | "any",
): Promise<Parameters | Refusal> {
  if (request.method !== "POST") return [405, "invalid_request", "only POST"];
  const [contentType = ""] = (request.headers["content-type"] ?? "").split(";");
  const text = Buffer.concat(await Array.fromAsync<Buffer>(request)).toString();
  if (contentType === "application/x-www-form-urlencoded" && accepted !== "json") {
    const pairs = [...new URLSearchParams(text)];
    const parameters = new Map(pairs);
    if (parameters.size === pairs.length) return parameters;
    return [400, "invalid_request", "a parameter comes twice"];
  }
  if (contentType === "application/json" && accepted !== "form") {
    return fromJson(text) ?? [400, "invalid_request", "the body is no object of strings"];
  }
  return [400, "invalid_request", `the content type ${contentType} is not accepted`];
}

function fromJson(text: string): Parameters | undefined {
  try {
    const entries = Object.entries(JSON.parse(text));
    return entries.every((entry): entry is [string, string] => typeof entry[1] === "string")
      ? new Map(entries)
      : undefined;
  } catch {
    return undefined;
  }
}

function authenticate(request: IncomingMessage, parameters: Parameters): ClientKind | Refusal {
  const { public: open, confidential, confidentialPost } = CLIENTS;
  const basic = Buffer.from(`${confidential.id}:${confidential.secret}`).toString("base64");
  const { authorization } = request.headers;
  const id = parameters.get("client_id");
  const secret = parameters.get("client_secret");
  if (authorization !== undefined) {
    if (authorization === `Basic ${basic}` && secret === undefined) return "confidential";
  } else if (id === open.id && secret === undefined) {
    return "public";
  } else if (id === confidentialPost.id && secret === confidentialPost.secret) {
    return "confidentialPost";
  }
  return [401, "invalid_client", "client authentication failed"];
}
