// What an OAuth provider is: one record of data that login, refresh, identity and usage are driven by.
// Refuses code in it: an operator can write the same record in config.yml and needs no release of ours.

import { ProviderId } from "#wire";
import { z } from "zod";

/** Where a secret may be sent: https, or http to this machine; no user name, no password, no fragment. */
export const EndpointUrl = z
  .url({ protocol: /^https?$/ })
  .refine(isHttpsOrLoopback, "must be https; http is for loopback addresses only")
  .refine(isPlain, "must hold no user name, password or fragment");

/** A dotted path into a JSON answer or a token's claims; a key that holds dots is written in brackets: `[https://a.example/x].id`. */
const JsonPath = z.string().regex(/^(?:\[[^\]]+\]|[^.[\]]+)(?:\.(?:\[[^\]]+\]|[^.[\]]+))*$/);

const Params = z.record(z.string(), z.string());
const BodyFormat = z.enum(["form", "json"]);

/** Whether logging in with Parley is what the provider permits, in whose words, and where they stand. */
const ProviderPolicy = z.strictObject({
  /** `sanctioned`: on by default. `own-app-required`: needs the operator's client id. The others refuse. */
  status: z.enum(["sanctioned", "own-app-required", "restricted", "discontinued"]),
  /** The provider's rule in a sentence of ours; shown when a login is refused. */
  reason: z.string().min(1),
  link: z.url(),
});

/** Where the provider sends the browser back to; port 0 is any free one. */
const Redirect = z.strictObject({
  host: z.enum(["127.0.0.1", "localhost"]),
  port: z.int().min(0).max(65_535),
  /** Tried in order when `port` is taken; only what is registered with the provider. */
  alternatePorts: z.array(z.int().min(1).max(65_535)).default([]),
  path: z.string().startsWith("/"),
});

/** How ID tokens are verified; without it none is asked for or believed. */
const IdTokenRules = z.strictObject({
  issuer: z.string().min(1),
  jwksUrl: EndpointUrl,
  algorithms: z.array(z.enum(["RS256", "PS256", "ES256", "EdDSA"])).min(1),
});

const client = {
  /** Public client id; absent where the operator must bring one (`auth.providers.<id>.clientId`). */
  clientId: z.string().min(1).optional(),
  /** Installed-app secret: a literal, a variable's name or !command; never shipped by us. */
  clientSecret: z.string().min(1).meta({ writeOnly: true }).optional(),
  scopes: z.array(z.string().min(1)).default([]),
  /** Login fails when one of these is not in the granted scope. */
  requiredScopes: z.array(z.string().min(1)).default([]),
};

/** Authorization code with PKCE and `state` (RFC 6749 §4.1, RFC 7636, RFC 8252, RFC 9207). */
const CodeFlow = z.strictObject({
  kind: z.literal("code"),
  ...client,
  authorizeUrl: EndpointUrl,
  tokenUrl: EndpointUrl,
  redirect: Redirect,
  pkce: z.boolean().default(true),
  /** The issuer expected in the callback's `iss`; when set, an absent or other one is a mix-up. */
  issuer: z.string().min(1).optional(),
  /** Added to the authorization URL; `{installId}` becomes this installation's UUID. */
  authorizeParams: Params.default({}),
  tokenFormat: BodyFormat.default("form"),
  tokenParams: Params.default({}),
  tokenHeaders: Params.default({}),
  idToken: IdTokenRules.optional(),
  /** Callback parameter in which the provider hands out a client id of its own to use from then on. */
  issuedClientIdParam: z.string().optional(),
  /** The pasted code may read `code#state`. */
  codeCarriesState: z.boolean().default(false),
});

/** Device code (RFC 8628), `slow_down` included. */
const DeviceFlow = z.strictObject({
  kind: z.literal("device"),
  ...client,
  deviceUrl: EndpointUrl,
  tokenUrl: EndpointUrl,
  tokenFormat: BodyFormat.default("form"),
  tokenParams: Params.default({}),
  /** Where the user types the code, for providers whose answer does not say. */
  verificationUrl: EndpointUrl.optional(),
});

/** A browser round trip that ends in a durable API key instead of tokens. */
const KeyMintingFlow = z.strictObject({
  kind: z.literal("key"),
  authorizeUrl: EndpointUrl,
  /** Name of the parameter that carries our callback URL. */
  callbackParam: z.string().min(1),
  mintUrl: EndpointUrl,
  keyPath: JsonPath,
  redirect: Redirect,
});

/** How a used-up access token is renewed; `{refresh}`, `{clientId}`, `{clientSecret}` and credential fields such as `{resource}` are filled in. */
const RefreshRequest = z.strictObject({
  url: EndpointUrl,
  format: BodyFormat.default("form"),
  params: Params,
  headers: Params.default({}),
});

// What the engine itself decides, and names that would reach Object.prototype, are nobody's to map.
const KeptName = z
  .string()
  .regex(/^[A-Za-z]\w*$/)
  .refine((name) => !/^(?:type|access|refresh|expires|authorizedAt)$/.test(name), "is reserved")
  .refine((name) => !(name in Object.prototype), "is reserved");

/** Where the token answer keeps what we store; paths into the JSON. */
export const TokenResponse = z.strictObject({
  access: JsonPath.default("access_token"),
  refresh: JsonPath.default("refresh_token"),
  /** Seconds of life, counted from receipt. */
  expiresIn: JsonPath.default("expires_in"),
  /** Access-token life when the answer does not say, in s. */
  defaultLifetimeS: z.int().positive().default(3600),
  scope: JsonPath.default("scope"),
  /** Further fields to keep: name in the credential → path in the answer. */
  keep: z.record(KeptName, JsonPath).default({}),
});

/** Who logged in: credential field → the first path that holds text. */
const IdentityRules = z.strictObject({
  from: z.enum(["response", "id_token", "access_token", "userinfo"]),
  userinfoUrl: EndpointUrl.optional(),
  fields: z.partialRecord(
    z.enum(["email", "accountId", "orgId", "orgName", "projectId"]),
    z.array(JsonPath).min(1),
  ),
});

/** One limit that a usage answer reports; every path is relative to the answer, or to an item of `each`. */
const UsageLimitRule = z.strictObject({
  id: z.string().min(1),
  label: z.string().min(1),
  /** Path of an array: one limit per item, with `{path}` in id and label filled from the item. `{windowLabel}` in a label is the window's length in words. */
  each: JsonPath.optional(),
  /** Path → the text that must be there, else there is no such limit. */
  where: z.record(JsonPath, z.string()).default({}),
  used: JsonPath.optional(),
  limit: JsonPath.optional(),
  remaining: JsonPath.optional(),
  /** 0–1. */
  usedFraction: JsonPath.optional(),
  /** 0–100. */
  usedPercent: JsonPath.optional(),
  /** 0–1. */
  remainingFraction: JsonPath.optional(),
  /** 0–100. */
  remainingPercent: JsonPath.optional(),
  /** True where nothing is counted. */
  unlimited: JsonPath.optional(),
  /** True when requests are refused. One flag may stand for several limits, so numbers that leave room win over it. */
  reached: JsonPath.optional(),
  /** From the whole answer: when one is true, what is over the limit is paid for or let through. */
  relief: z.array(JsonPath).default([]),
  /** From the whole answer: when one is true, there is no relief. */
  reliefEnd: z.array(JsonPath).default([]),
  /** Date text, epoch s or epoch ms. */
  resetsAt: JsonPath.optional(),
  resetsInS: JsonPath.optional(),
  windowS: z.union([JsonPath, z.int().positive()]).optional(),
  /** The unit that `windowS` is in when it is not seconds: a text that holds `minute`, `hour`, `day` or `week`. */
  windowUnit: JsonPath.optional(),
  unit: z.enum(["percent", "requests", "tokens", "usd", "credits"]).default("percent"),
});

/** How the provider is asked what is left of an account; `{access}` and credential fields are filled in. */
const UsageProbe = z.strictObject({
  method: z.enum(["GET", "POST"]).default("GET"),
  url: EndpointUrl,
  headers: Params.default({}),
  body: z.record(z.string(), z.unknown()).optional(),
  limits: z.array(UsageLimitRule).min(1),
  /** Shown beside the limits: name → path. */
  metadata: z.record(z.string(), JsonPath).default({}),
  /** Which kinds of credential may be asked with. */
  appliesTo: z.array(z.enum(["api_key", "oauth"])).default(["oauth"]),
});

/** Limits that arrive as headers of ordinary answers: names in lower case; `{…}` in none. */
const UsageHeaders = z.strictObject({
  id: z.string().min(1),
  label: z.string().min(1),
  usedFraction: z.string().optional(),
  usedPercent: z.string().optional(),
  limit: z.string().optional(),
  remaining: z.string().optional(),
  /** Epoch s, date text, or a duration such as `6m0s`. */
  resetsAt: z.string().optional(),
  windowS: z.int().positive().optional(),
  /** Header with the window's length, in minutes. */
  windowMinutes: z.string().optional(),
  unit: z.enum(["percent", "requests", "tokens", "usd", "credits"]).default("percent"),
});

export const OAuthRules = z.strictObject({
  policy: ProviderPolicy,
  /** Where these facts were read; shown by `login --dry-run`. */
  source: z.string().min(1),
  /** What the login asks the user to grant, in words. */
  asksFor: z.string().min(1),
  flow: z.discriminatedUnion("kind", [CodeFlow, DeviceFlow, KeyMintingFlow]),
  response: TokenResponse.prefault({}),
  refresh: RefreshRequest.optional(),
  revoke: z.strictObject({ url: EndpointUrl, params: Params }).optional(),
  identity: IdentityRules.optional(),
  /** A grant that dies this long after the login, whatever is refreshed, in s. */
  grantLifetimeS: z.int().positive().optional(),
});

/** A provider as data; see the field docs. */
export const ProviderDescriptor = z.strictObject({
  id: ProviderId,
  name: z.string().min(1),
  /** The provider takes plain API keys; the variables that usually hold one, and where to get one. */
  apiKey: z
    .strictObject({ variables: z.array(z.string().regex(/^[A-Z][A-Z0-9_]*$/)), page: z.url() })
    .optional(),
  oauth: OAuthRules.optional(),
  usage: UsageProbe.optional(),
  usageHeaders: z.array(UsageHeaders).default([]),
});

/** A provider as written, defaults left out: what the files in providers/ and config.yml hold. */
export type ProviderDescriptorInput = z.input<typeof ProviderDescriptor>;
/** A provider as used. */
export type ProviderDescriptor = z.output<typeof ProviderDescriptor>;
/** A login in the browser that ends in a code. */
export type CodeFlow = z.output<typeof CodeFlow>;
/** A login on another device. */
export type DeviceFlow = z.output<typeof DeviceFlow>;
/** A login in the browser that ends in an API key. */
export type KeyMintingFlow = z.output<typeof KeyMintingFlow>;
/** Where the browser is sent back to. */
export type Redirect = z.output<typeof Redirect>;
/** How ID tokens are verified. */
export type IdTokenRules = z.output<typeof IdTokenRules>;
/** How a provider is asked about usage. */
export type UsageProbe = z.output<typeof UsageProbe>;
/** One limit in the answer to a probe. */
export type UsageLimitRule = z.output<typeof UsageLimitRule>;
/** One limit in the headers of an ordinary answer. */
export type UsageHeaders = z.output<typeof UsageHeaders>;
/** The OAuth side of a provider. */
export type OAuthRules = z.output<typeof OAuthRules>;

function isHttpsOrLoopback(text: string): boolean {
  const url = URL.parse(text);
  if (url === null) return false;
  return url.protocol === "https:" || /^(?:127\.0\.0\.1|\[::1\]|localhost)$/.test(url.hostname);
}

function isPlain(text: string): boolean {
  const url = URL.parse(text);
  return url?.username === "" && url.password === "" && url.hash === "";
}
