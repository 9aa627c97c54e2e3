// Whether each credential is accepted by its provider. A plain check asks for the list of models and spends nothing; a
// strict one has a model say one word. What no answer proves is not known, rather than well or ill.

import { readJson, redact, type Logger } from "#platform";
import type { ConversationRequest } from "#wire";
import { GatewayError } from "../errors.ts";
import { chat } from "../formats/chat.ts";
import { upstreamFormats } from "../formats/index.ts";
import { Losses } from "../formats/losses.ts";
import { OWNER } from "../pipeline/caller.ts";
import { upstreamHeaders } from "../pipeline/crossing-headers.ts";
import { dispatch, type DispatchParts } from "../pipeline/dispatch.ts";
import type { Exchange } from "../pipeline/exchange.ts";
import type { Account, KeyLeases, Lease } from "../pipeline/lease.ts";
import { withStandIn } from "../providers/model-stand-in.ts";
import { modelsUrl, type Provider } from "../providers/provider.ts";

/** How long a provider may take, in milliseconds. */
export const CHECK_TIMEOUT_MS = 15_000;
/** Providers asked at once. */
export const MAX_CHECKS_AT_ONCE = 8;
/** Most tokens that a strict check asks for. */
export const STRICT_MAX_TOKENS = 16;

/** What is known of one credential. */
export interface CheckedCredential {
  /** The broker's id; null for keys of the configuration and the environment. */
  readonly id: number | null;
  readonly provider: string;
  readonly type: "api_key" | "oauth";
  readonly source: Account["source"];
  /** Null when it could not be found out. */
  readonly ok: boolean | null;
  readonly reason?: string;
}

/** What checks are made with. */
export interface CredentialCheckParts extends DispatchParts {
  readonly providers: readonly Provider[];
  readonly leases: KeyLeases;
  readonly newId: () => string;
  readonly nowMs: () => number;
  readonly log: Logger;
}

type Verdict = Pick<CheckedCredential, "ok" | "reason">;

const WELL: Verdict = { ok: true };
const DENIALS: ReadonlySet<number> = new Set([401, 402, 403]);

/** Checks the credentials that requests would be served with. */
export class CredentialCheck {
  readonly #parts: CredentialCheckParts;

  constructor(parts: CredentialCheckParts) {
    this.#parts = parts;
  }

  /** One entry for each, in the order of providers. Never rejects for what is wrong with one. */
  async check({ isStrict }: { isStrict: boolean }): Promise<readonly CheckedCredential[]> {
    const { providers, leases } = this.#parts;
    const held = providers
      .filter(({ needsKey }) => needsKey)
      .flatMap((provider) => leases.accounts(provider).map((account) => ({ provider, account })));
    const checked: CheckedCredential[] = [];
    for (let at = 0; at < held.length; at += MAX_CHECKS_AT_ONCE) {
      const some = held.slice(at, at + MAX_CHECKS_AT_ONCE);
      const each = some.map(({ provider, account }) => this.#one(provider, account, isStrict));
      checked.push(...(await Promise.all(each)));
    }
    return checked;
  }

  async #one(provider: Provider, account: Account, isStrict: boolean): Promise<CheckedCredential> {
    const { credentialId = null, source, isGrant } = account;
    const type = isGrant ? "oauth" : "api_key";
    const verdict = await this.#judge(provider, account, isStrict);
    return { id: credentialId, provider: provider.id, type, source, ...verdict };
  }

  async #judge(provider: Provider, account: Account, isStrict: boolean): Promise<Verdict> {
    let lease: Lease;
    try {
      lease = await this.#parts.leases.take(provider, account);
    } catch (error) {
      return { ok: false, reason: reasonOf(error) };
    }
    try {
      return await (isStrict ? this.#complete(provider, lease) : this.#list(provider, lease));
    } catch (error) {
      return { ok: null, reason: reasonOf(error) };
    }
  }

  async #list(provider: Provider, lease: Lease): Promise<Verdict> {
    const [format] = provider.formats;
    const crossing = { format, isSameFormat: false, isSimulated: false, isStream: false };
    const response = await this.#parts.outbound.send({
      url: checkUrl(provider),
      headers: {
        ...upstreamHeaders(new Headers(), crossing),
        ...provider.headers,
        ...provider.authorize(lease.key, format),
      },
      signal: AbortSignal.timeout(CHECK_TIMEOUT_MS),
      attempts: 1,
    });
    const { status } = response;
    response.cancel();
    if (status >= 200 && status < 300) return WELL;
    const reason = `it answered ${status}`;
    return { ok: DENIALS.has(status) ? false : null, reason };
  }

  async #complete(provider: Provider, lease: Lease): Promise<Verdict> {
    const model = provider.models[0]?.id;
    if (model === undefined) return { ok: null, reason: "no model of it is known to ask" };
    const [format] = provider.formatsOf?.(model) ?? provider.formats;
    const codec = upstreamFormats[format];
    const losses = new Losses();
    const target = { provider: provider.id, model, quirks: provider.quirks, losses };
    const encoded = codec.encodeRequest(oneWord(model), target);
    const body = JSON.stringify(withStandIn(encoded, provider.modelStandIn?.[format]));
    const call = { provider, format, model, body, isStream: false, lease, maxCalls: 1 };
    try {
      const response = await dispatch(call, this.#exchange(), this.#parts);
      codec.decodeReply(readJson(await response.bytes()), { provider: provider.id, losses });
      return WELL;
    } catch (error) {
      const kind = error instanceof GatewayError ? error.failure.kind : undefined;
      const isDenied = kind === "upstream_auth" || kind === "billing" || kind === "forbidden";
      return { ok: isDenied ? false : null, reason: reasonOf(error) };
    }
  }

  /** Nobody's request: no caller's headers go with it. */
  #exchange(): Exchange {
    const { newId, nowMs, log } = this.#parts;
    return {
      id: `req_${newId()}`,
      caller: OWNER,
      format: chat,
      headers: new Headers(),
      query: "",
      signal: AbortSignal.timeout(CHECK_TIMEOUT_MS),
      startedAtMs: nowMs(),
      log,
      trail: [],
      release: () => {},
    };
  }
}

function checkUrl(provider: Provider): string {
  const { baseUrl, keyCheckPath } = provider;
  return keyCheckPath === undefined
    ? modelsUrl(provider)
    : baseUrl.replace(/\/+$/, "") + keyCheckPath;
}

function oneWord(model: string): ConversationRequest {
  return {
    model,
    isStream: false,
    instructions: [],
    turns: [{ role: "user", parts: [{ kind: "text", text: "Say OK." }] }],
    tools: [],
    maxOutputTokens: STRICT_MAX_TOKENS,
    paths: {},
  };
}

/** In words that name no host and no key. */
function reasonOf(error: unknown): string {
  return redact(error instanceof Error ? error.message : String(error));
}
