// What a vault holds for one provider account, as brokers and their clients send it to each other.
// Only OAuth credentials may carry keys that are not listed here; those are kept, never dropped.

import { z } from "zod";

/** What stands in the place of every refresh token that leaves a broker. */
export const REMOTE_REFRESH = "__remote__";

/** Longest secret accepted, in characters; far above any real key or JWT. */
export const MAX_SECRET_CHARS = 32_768;
/** Longest provider id, in characters; ids of MCP servers contain a URL. */
export const MAX_PROVIDER_CHARS = 1_024;

// Secrets end up in HTTP headers: a pasted newline must fail here, not inside fetch.
const secretText = z
  .string()
  .min(1, { message: "must not be empty", abort: true })
  .max(MAX_SECRET_CHARS)
  .regex(/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/, {
    message: "must be printable ASCII without spaces or line breaks around it",
  });

/** The provider that issued a credential, e.g. `anthropic` or `mcp_oauth:profile:default:<url>`. */
export const ProviderId = z
  .string()
  .min(1, { message: "must not be empty", abort: true })
  .max(MAX_PROVIDER_CHARS)
  .regex(/^[\x21-\x7e]+$/, "must be printable ASCII without spaces");

/** A key that is sent as it is. */
export const ApiKeyCredential = z.strictObject({
  type: z.literal("api_key"),
  key: secretText,
  source: z.literal("login").optional(),
});

/** An OAuth grant; `expires` is the access token's end in ms since the epoch. */
export const OAuthCredential = z.looseObject({
  type: z.literal("oauth"),
  refresh: secretText,
  access: secretText,
  expires: z.number().nonnegative(),
  email: z.string().optional(),
  accountId: z.string().optional(),
  projectId: z.string().optional(),
  orgId: z.string().optional(),
  orgName: z.string().optional(),
  enterpriseUrl: z.string().optional(),
  apiEndpoint: z.string().optional(),
  authorizedAt: z.number().optional(),
});

/** Lets a value through unless a key of it is the name of something every object inherits. */
// An extra key such as `__proto__` or `constructor` would be assigned onto the parsed object.
export const withoutInheritedKeys = z.unknown().superRefine((value, context) => {
  if (typeof value !== "object" || value === null) return;
  for (const key of Object.keys(value).filter((name) => name in Object.prototype)) {
    context.addIssue({ code: "custom", path: [key], message: "this name cannot be a key here" });
  }
});

/** Anything a vault can hold. */
export const Credential = withoutInheritedKeys.pipe(
  z.discriminatedUnion("type", [ApiKeyCredential, OAuthCredential]),
);
/** A key that is sent as it is. */
export type ApiKeyCredential = z.infer<typeof ApiKeyCredential>;
/** An OAuth grant. */
export type OAuthCredential = z.infer<typeof OAuthCredential>;
/** Anything a vault can hold. */
export type Credential = z.infer<typeof Credential>;

/** Body of `POST /v1/credential`; a redacted grant is refused, because it would erase the real one. */
export const CredentialUpload = z
  .strictObject({ provider: ProviderId, credential: Credential })
  .refine((upload) => !isRedacted(upload.credential), {
    path: ["credential", "refresh"],
    message: `"${REMOTE_REFRESH}" is the mark of a redacted token; send the real refresh token`,
  });
/** Body of `POST /v1/credential`. */
export type CredentialUpload = z.infer<typeof CredentialUpload>;

function isRedacted(credential: Credential): boolean {
  return credential.type === "oauth" && credential.refresh === REMOTE_REFRESH;
}

/** The credential as it may leave a broker: the refresh token replaced by the mark. */
export function redactCredential(credential: Credential): Credential {
  return credential.type === "oauth" ? { ...credential, refresh: REMOTE_REFRESH } : credential;
}

/** Which account an OAuth grant belongs to (`email:…`, else `account:…`); null when nothing says. */
export function identityKeyOf(credential: Credential): string | null {
  if (credential.type !== "oauth") return null;
  if (credential.email) return `email:${credential.email.toLowerCase()}`;
  return credential.accountId ? `account:${credential.accountId}` : null;
}
