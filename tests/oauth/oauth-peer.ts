// What every OAuth server of the tests offers, in this process or in one of its own: where it listens, who may
// call, grants without a login, faults, and a ledger of what it committed. Refuses to know which server it is.

import * as z from "zod";
import type { FaultKind, FaultOptions } from "./faults.ts";

/** How a client says who it is: by id alone, by HTTP Basic, or with the secret in the body. */
export const CLIENT_KINDS = ["public", "confidential", "confidentialPost"] as const;
export type ClientKind = (typeof CLIENT_KINDS)[number];

/** The clients that every peer knows; one without a secret is public. */
export const CLIENTS = {
  public: { id: "parley-test-public" },
  confidential: { id: "parley-test-basic", secret: "basic-client-secret-0123456789abcdef" },
  confidentialPost: { id: "parley-test-post", secret: "post-client-secret-0123456789abcdef" },
} as const satisfies Record<ClientKind, { id: string; secret?: string }>;

/**
 * What becomes of a refresh token that was used: `always` it is replaced and using it again revokes the
 * family; `never` it stays good; with `graceMs` it may be used again for that long, and only then as `always`.
 */
export type Rotation = "always" | "never" | { readonly graceMs: number };

/** What a login or a mint yields. */
export const MintedGrantSchema = z.object({
  access_token: z.string(),
  refresh_token: z.string(),
  /** Seconds. */
  expires_in: z.number(),
});
export type MintedGrant = z.infer<typeof MintedGrantSchema>;

/** One login and all refresh tokens that descend from it. */
export const FamilySchema = z.object({
  /** False once it was revoked; then every token of it is refused for good. */
  isAlive: z.boolean(),
  /** Refreshes that were committed, whether or not the answer arrived. */
  refreshes: z.number(),
  /** How often a used refresh token came again. */
  reuses: z.number(),
  /** How many of those the grace forgave. */
  forgiven: z.number(),
  /** The refresh tokens that would be accepted now, a used one within its grace not counted. */
  liveRefreshTokens: z.array(z.string()),
});
export type Family = z.infer<typeof FamilySchema>;

/** Everything a peer did since it started. */
export const LedgerSchema = z.object({
  /** Requests that reached the token endpoint, those that met a fault included. */
  tokenRequests: z.number(),
  /** Codes and device codes exchanged for a new family. */
  codeExchanges: z.number(),
  refreshes: z.number(),
  reuses: z.number(),
  forgiven: z.number(),
  liveFamilies: z.number(),
  deadFamilies: z.number(),
  /** Requests that followed the fault `redirect` to its decoy. */
  redirected: z.number(),
});
export type Ledger = z.infer<typeof LedgerSchema>;

/** An OAuth server for tests. */
export interface OAuthPeer extends AsyncDisposable {
  /** No trailing slash. */
  readonly issuer: string;
  readonly tokenEndpoint: string;
  /** Creates a live family without a login; thousands per minute. */
  mintGrant(options?: { readonly client?: ClientKind | undefined }): Promise<MintedGrant>;
  /** Arms a fault for the next token requests; several queue up in order. */
  fault(kind: FaultKind, options?: FaultOptions): Promise<void>;
  /** Disarms all faults and cuts the connections they hold. */
  clearFaults(): Promise<void>;
  ledger(): Promise<Ledger>;
  /** The family that a refresh token, live or used, belongs to; undefined for one never issued. */
  family(refreshToken: string): Promise<Family | undefined>;
}
