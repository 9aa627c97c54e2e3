// A refresher over a vault of its own, with a provider that is a test's token server. Refuses to hide anything:
// the vault, the clock and the log lines are the test's to look at.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLogger, type Clock } from "#platform";
import type { OAuthCredential } from "#wire";
import { ProviderDescriptor } from "../../broker/oauth/descriptor.ts";
import type { RegisteredProvider } from "../../broker/oauth/registry.ts";
import { Refresher, type RefresherOptions } from "../../broker/refresh/refresher.ts";
import type { ExchangeAnswer } from "../../broker/refresh/exchange-job.ts";
import { ownIdentity } from "../../broker/refresh/process-identity.ts";
import type { SpawnExchange } from "../../broker/refresh/spawn-exchange.ts";
import { sealAnswer } from "../../broker/refresh/spool-seal.ts";
import { SpoolWriter } from "../../broker/refresh/spool-writer.ts";
import { Vault } from "../../broker/vault/vault.ts";
import { CLIENTS, type MintedGrant, type OAuthPeer } from "./oauth-peer.ts";

/** The provider whose grants the token server renews. */
export const PROVIDER = "test-provider";

/** A provider as data, at a token endpoint; `origin` says whose client it is. */
export function providerAt(
  tokenEndpoint: string,
  {
    origin = "built-in",
    client = CLIENTS.public,
  }: {
    origin?: RegisteredProvider["origin"];
    client?: { readonly id: string; readonly secret?: string };
  } = {},
): RegisteredProvider {
  const descriptor = ProviderDescriptor.parse({
    id: PROVIDER,
    name: "Test",
    oauth: {
      policy: { status: "sanctioned", reason: "It is ours.", link: "https://example.test/rules" },
      source: "this file",
      asksFor: "nothing",
      flow: {
        kind: "code",
        clientId: client.id,
        clientSecret: client.secret,
        authorizeUrl: "https://example.test/authorize",
        tokenUrl: tokenEndpoint,
        redirect: { host: "127.0.0.1", port: 0, path: "/callback" },
      },
      response: { keep: { plan: "plan" } },
      refresh: {
        url: tokenEndpoint,
        params: {
          grant_type: "refresh_token",
          refresh_token: "{refresh}",
          client_id: "{clientId}",
          client_secret: "{clientSecret}",
        },
      },
    },
  });
  return { descriptor, origin };
}

/** A minted grant as a vault stores it. */
export function grantFrom(
  { access_token, refresh_token }: MintedGrant,
  fields: Readonly<Record<string, unknown>> = {},
): OAuthCredential {
  const expires = Date.now() + 60_000;
  return { type: "oauth", access: access_token, refresh: refresh_token, expires, ...fields };
}

/** The child's work in this process, for tests that need thousands; it sends and stores the same. */
export const exchangeHere: SpawnExchange = ({ attemptId, directory, spoolKey, request }) => {
  const exchange = async () => {
    const spool = new SpoolWriter(directory, attemptId);
    spool.reserve();
    if (!spool.claim(ownIdentity())) return;
    const { url, method, headers, body } = request;
    const response = await fetch(url, { method, headers: { ...headers }, body });
    const answer: ExchangeAnswer = {
      kind: "answered",
      receivedAtMs: Date.now(),
      status: response.status,
      contentType: response.headers.get("content-type"),
      retryAfter: null,
      body: Buffer.from(await response.arrayBuffer()).toString("base64"),
      cut: null,
    };
    spool.put(sealAnswer(JSON.stringify(answer), Buffer.from(spoolKey, "base64"), attemptId));
  };
  return { exited: exchange(), letGo: () => {} };
};

/** Time that a test moves. */
export class TestClock implements Clock {
  wallMs = Date.now();
  steadyMs = 1_000_000;

  /** Both clocks move on. */
  pass(ms: number): void {
    this.wallMs += ms;
    this.steadyMs += ms;
  }

  nowMs(): number {
    return this.wallMs;
  }

  monotonicMs(): number {
    return this.steadyMs;
  }
}

/** A vault in a directory of its own, and refreshers over it. */
export class RefreshUnderTest implements AsyncDisposable {
  readonly home: string;
  readonly lines: string[] = [];
  readonly #tokenEndpoint: string;
  readonly #refreshers: Refresher[] = [];
  readonly #vaults: Vault[] = [];

  /** In a temporary directory, or in one inside `parent`. */
  constructor(
    { tokenEndpoint }: Pick<OAuthPeer, "tokenEndpoint">,
    { parent = tmpdir() }: { parent?: string } = {},
  ) {
    this.home = mkdtempSync(join(parent, "parley-refresh-"));
    this.#tokenEndpoint = tokenEndpoint;
  }

  /** Another handle on the same vault. */
  openVault(): Vault {
    const vault = Vault.open(this.home);
    this.#vaults.push(vault);
    return vault;
  }

  /** A refresher, on a vault handle of its own unless it is given one. */
  refresher(options: Partial<RefresherOptions> = {}): Refresher {
    const refresher = new Refresher({
      vault: options.vault ?? this.openVault(),
      home: this.home,
      env: {},
      providers: (id) => (id === PROVIDER ? providerAt(this.#tokenEndpoint) : undefined),
      log: createLogger({ level: "debug", write: (line) => this.lines.push(line) }),
      timeoutMs: 5_000,
      ...options,
    });
    this.#refreshers.push(refresher);
    return refresher;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const refresher of this.#refreshers) await refresher.stop();
    for (const vault of this.#vaults) vault.close();
    rmSync(this.home, { recursive: true });
  }
}

/** A stored grant that a peer minted; gives its id. */
export async function storeGrant(
  vault: Vault,
  peer: OAuthPeer,
  fields: Readonly<Record<string, unknown>> = {},
): Promise<{ id: number; grant: MintedGrant }> {
  const grant = await peer.mintGrant();
  return { id: vault.upsert(PROVIDER, grantFrom(grant, fields)).id, grant };
}

/** The same as a grant of an MCP server, which says itself where it is renewed. */
export async function storeMcpGrant(
  vault: Vault,
  peer: OAuthPeer,
  fields: Readonly<Record<string, unknown>> = {},
): Promise<{ id: number; grant: MintedGrant }> {
  const grant = await peer.mintGrant();
  const own = { tokenUrl: peer.tokenEndpoint, clientId: CLIENTS.public.id, resource: "r" };
  const provider = "mcp_oauth:profile:default:https://mcp.example.test";
  return { id: vault.upsert(provider, grantFrom(grant, { ...own, ...fields })).id, grant };
}
