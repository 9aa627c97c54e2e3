// A real OAuth and OpenID server for logins, device codes, refreshes and revocations: oidc-provider on loopback,
// with faults before its token endpoint and books behind it. Refuses to ask anyone: who signs in, and whether
// they agree, is in the headers that a scripted browser sends.

import { generateKeyPairSync } from "node:crypto";
import { EventEmitter } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { ClientMetadata, Configuration } from "oidc-provider";
import { Provider } from "oidc-provider/lib/provider.js";
import { FamilyBook } from "./families.ts";
import { FaultSwitch } from "./fault-switch.ts";
import { listenOnLoopback, originOf, stopListening } from "./loopback.ts";
import {
  CLIENTS,
  type ClientKind,
  type MintedGrant,
  type OAuthPeer,
  type Rotation,
} from "./oauth-peer.ts";
import { answerInteraction, DEFAULT_ACCOUNT, emailOf } from "./oidc-interaction.ts";
import { OidcStorage } from "./oidc-storage.ts";

/** How an OpenID server behaves. */
export interface OidcServerOptions {
  /** `always` when absent. Within a grace a replay yields new tokens of its own. */
  readonly rotation?: Rotation;
  /** 3600 when absent. */
  readonly accessTokenTtlS?: number;
  /** Whether the callback names the issuer (RFC 9207); true when absent. */
  readonly sendsIssuer?: boolean;
  /** Granted besides openid, email, profile and offline_access. */
  readonly scopes?: readonly string[];
  /** Paths of the loopback redirects, on any port of 127.0.0.1, ::1 and localhost. */
  readonly callbackPaths?: readonly string[];
  /** Milliseconds since the epoch, for the grace. */
  readonly now?: () => number;
}

/** A running OpenID server. */
export interface OidcServer extends OAuthPeer {
  readonly authorizationEndpoint: string;
  readonly deviceAuthorizationEndpoint: string;
  readonly revocationEndpoint: string;
  readonly jwksUri: string;
  readonly userinfoEndpoint: string;
  /** Makes every code and device code that is not exchanged yet an expired one. */
  expireCodes(): void;
}

const CALLBACK_PATHS = ["/callback", "/auth/callback", "/oauth2callback", "/oauth-callback"];
const LOOPBACK_HOSTS = ["127.0.0.1", "[::1]", "localhost"];
const DEVICE_CODE_GRANT = "urn:ietf:params:oauth:grant-type:device_code";
const DAY_S = 24 * 60 * 60;

/** Starts an OpenID server on loopback. */
export async function startOidcServer(options: OidcServerOptions = {}): Promise<OidcServer> {
  const { rotation = "always", now = Date.now, sendsIssuer = true } = options;
  const book = new FamilyBook();
  const graceMs = typeof rotation === "object" ? rotation.graceMs : 0;
  const storage = new OidcStorage(book, { graceMs, now });
  const faults = new FaultSwitch();

  // The issuer holds the port, so the server listens before there is a provider.
  const server = createServer((request, response) => void serve(request, response));
  await listenOnLoopback(server);
  const issuer = originOf(server);
  const provider = new Provider(issuer, configure(storage, options));
  const books = keepBooks(provider, book);
  if (!sendsIssuer) provider.on("authorization.success", (_ctx, sent) => void delete sent?.["iss"]);
  const answer = provider.callback();
  const { pathname: tokenPath } = new URL(provider.urlFor("token"));

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = new URL(`${issuer}${request.url}`);
    if (pathname.startsWith("/interaction/")) return answerInteraction(provider, request, response);
    if (pathname !== tokenPath) return answer(request, response);
    return faults.pass(request, response, () => answer(request, response));
  }

  return {
    issuer,
    tokenEndpoint: provider.urlFor("token"),
    authorizationEndpoint: provider.urlFor("authorization"),
    deviceAuthorizationEndpoint: provider.urlFor("device_authorization"),
    revocationEndpoint: provider.urlFor("revocation"),
    jwksUri: provider.urlFor("jwks"),
    userinfoEndpoint: provider.urlFor("userinfo"),
    mintGrant: ({ client = "public" } = {}) => mintGrant(provider, client, grantedScopes(options)),
    fault: (kind, fault) => faults.arm({ kind, ...fault }),
    clearFaults: async () => faults.clear(),
    ledger: async () => ({
      ...book.totals(),
      codeExchanges: books.codeExchanges,
      tokenRequests: faults.requests,
      redirected: faults.redirected,
    }),
    family: async (refreshToken) => book.find(refreshToken),
    expireCodes: () => storage.expireCodes(),
    async [Symbol.asyncDispose]() {
      await faults[Symbol.asyncDispose]();
      await stopListening(server);
    },
  };
}

function grantedScopes({ scopes = [] }: OidcServerOptions): readonly string[] {
  return ["openid", "email", "profile", "offline_access", ...scopes];
}

let signingKey: NonNullable<Configuration["jwks"]>["keys"][number] | undefined;

// One key for the whole process: making one takes a tenth of a second.
function signingKeys(): NonNullable<Configuration["jwks"]> {
  if (!signingKey) {
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    signingKey = { ...privateKey.export({ format: "jwk" }), kty: "RSA", alg: "RS256", use: "sig" };
  }
  return { keys: [signingKey] };
}

function configure(storage: OidcStorage, options: OidcServerOptions): Configuration {
  const { rotation = "always", accessTokenTtlS = 3600, callbackPaths = CALLBACK_PATHS } = options;
  return {
    adapter: (name) => storage.model(name),
    clients: clientMetadata(callbackPaths),
    jwks: signingKeys(),
    // Not signed: nobody tampers with cookies here, and the signatures use what the runtime calls deprecated.
    cookies: { keys: [] },
    scopes: [...grantedScopes(options)],
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
    // Providers put the address into the ID token; the standard leaves it to userinfo.
    conformIdTokenClaims: false,
    findAccount: (_ctx, accountId) => ({
      accountId,
      claims: () => ({
        sub: accountId,
        name: accountId,
        email: emailOf(accountId),
        email_verified: true,
      }),
    }),
    pkce: { required: () => true },
    rotateRefreshToken: rotation !== "never",
    features: {
      devInteractions: { enabled: false },
      deviceFlow: {
        enabled: true,
        userCodeInputSource: (ctx, form) => void (ctx.body = form),
        userCodeConfirmSource: (ctx, form) => void (ctx.body = form),
        successSource: (ctx) => void (ctx.body = "Signed in."),
      },
      revocation: {
        enabled: true,
        allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId,
      },
    },
    renderError: (ctx, { error, error_description }) => {
      ctx.type = "text";
      ctx.body = `${error}: ${error_description}`;
    },
    ttl: {
      AccessToken: accessTokenTtlS,
      AuthorizationCode: 60,
      DeviceCode: 600,
      IdToken: 3600,
      RefreshToken: 30 * DAY_S,
      Interaction: 3600,
      Session: DAY_S,
      Grant: 30 * DAY_S,
    },
  };
}

function clientMetadata(callbackPaths: readonly string[]): ClientMetadata[] {
  const { public: open, confidential, confidentialPost } = CLIENTS;
  const common: Omit<ClientMetadata, "client_id"> = {
    application_type: "native",
    grant_types: ["authorization_code", "refresh_token", DEVICE_CODE_GRANT],
    response_types: ["code"],
    redirect_uris: LOOPBACK_HOSTS.flatMap((host) =>
      callbackPaths.map((path) => `http://${host}${path}`),
    ),
  };
  return [
    { ...common, client_id: open.id, token_endpoint_auth_method: "none" },
    {
      ...common,
      client_id: confidential.id,
      client_secret: confidential.secret,
      token_endpoint_auth_method: "client_secret_basic",
    },
    {
      ...common,
      client_id: confidentialPost.id,
      client_secret: confidentialPost.secret,
      token_endpoint_auth_method: "client_secret_post",
    },
  ];
}

// What the storage cannot see: which request committed what.
function keepBooks(provider: Provider, book: FamilyBook): { codeExchanges: number } {
  const books = { codeExchanges: 0 };
  provider.on("grant.success", ({ oidc }) => {
    const { grant_type, refresh_token } = oidc.params ?? {};
    if (grant_type === "refresh_token") book.refreshed(String(refresh_token));
    else books.codeExchanges += 1;
  });
  provider.on("grant.error", ({ oidc }) => {
    const { grant_type, refresh_token } = oidc.params ?? {};
    if (grant_type !== "refresh_token" || !book.isRetired(String(refresh_token))) return;
    book.reused(String(refresh_token), { isForgiven: false });
  });
  provider.on("server_error", (_ctx, error) => report(error));
  // Koa's own event, which the provider's types leave out; without a listener Koa prints.
  EventEmitter.prototype.on.call(provider, "error", report);
  return books;
}

function report(error: Error & { readonly code?: string }): void {
  // A client that was killed in the middle of its request is no defect of the server.
  if (error.code === "HPE_INVALID_EOF_STATE" || error.code === "ECONNRESET") return;
  process.stderr.write(`${error.stack}\n`);
}

async function mintGrant(
  provider: Provider,
  clientKind: ClientKind,
  scopes: readonly string[],
): Promise<MintedGrant> {
  const client = await provider.Client.find(CLIENTS[clientKind].id);
  if (!client) throw new Error("The provider lost its client.");
  const grant = new provider.Grant({ accountId: DEFAULT_ACCOUNT, clientId: client.clientId });
  const scope = scopes.join(" ");
  grant.addOIDCScope(scope);
  const shared = {
    client,
    accountId: DEFAULT_ACCOUNT,
    grantId: await grant.save(),
    gty: "authorization_code",
    scope,
  };
  const refreshToken = new provider.RefreshToken(shared);
  const accessToken = new provider.AccessToken(shared);
  return {
    refresh_token: await refreshToken.save(),
    access_token: await accessToken.save(),
    expires_in: accessToken.expiration,
  };
}
