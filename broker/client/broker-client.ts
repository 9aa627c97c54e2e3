// A broker's endpoints as calls: one method each, typed on both sides. Keeps no state beyond where the
// broker is, and refuses an answer that is not what the protocol says.

import type { OutboundResponse } from "#platform";
import {
  BROKER_MODE_HEADER,
  BrokerHealth,
  type Credential,
  type CredentialBlock,
  type CredentialEntry,
  CredentialLeased,
  CredentialRefreshed,
  CredentialSnapshot,
  CredentialUploaded,
  DisabledCredentials,
  LEASE_ONLY_MODE,
  OkAnswer,
  type ObservedUsageUpload,
  UsageClients,
  UsageHistory,
  UsageReports,
} from "#wire";
import { BrokerProtocolError } from "../errors.ts";
import {
  ANSWER_TIMEOUT_MS,
  BrokerTransport,
  type BrokerTransportOptions,
} from "./broker-transport.ts";

/** How long a refresh or a usage report may take, in ms: the broker asks the provider meanwhile. */
export const PROVIDER_TIMEOUT_MS = 60_000;

/** How a client reaches its broker, and what it wants to be given there. */
export interface BrokerClientOptions extends Omit<BrokerTransportOptions, "headers"> {
  /** Asks for leases instead of API keys; a broker that knows no leases gives keys all the same. */
  readonly isLeaseOnly?: boolean;
}

/** A snapshot request; `waitMs` makes the broker hold the answer until it differs from `generation`. */
export interface SnapshotRequest {
  readonly generation?: number;
  readonly waitMs?: number;
  readonly signal?: AbortSignal;
}

/** Gives a call up. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

/** An open snapshot stream. */
export interface OpenStream {
  /** The next bytes; undefined at the end. Throws what a call throws. */
  read(): Promise<Uint8Array | undefined>;
  close(): void;
}

/** A client of one broker. Every call throws a BrokerError, or the reason its signal was aborted with. */
export class BrokerClient {
  readonly #transport: BrokerTransport;

  constructor({ isLeaseOnly = false, ...options }: BrokerClientOptions) {
    const headers = isLeaseOnly ? { [BROKER_MODE_HEADER]: LEASE_ONLY_MODE } : {};
    this.#transport = new BrokerTransport({ ...options, headers });
  }

  /** The broker's URL, without a slash at its end. */
  get url(): string {
    return this.#transport.url;
  }

  /** Whether the broker answers, and its version. Sends no token. */
  healthz({ signal }: CallOptions = {}): Promise<BrokerHealth> {
    return this.#transport.ask(BrokerHealth, "/v1/healthz", { signal, isPublic: true });
  }

  /** The redacted snapshot. */
  snapshot({ signal }: CallOptions = {}): Promise<CredentialSnapshot> {
    return this.#transport.ask(CredentialSnapshot, "/v1/snapshot", { signal });
  }

  /** The redacted snapshot; undefined when it is still the given generation. */
  fetchSnapshot(request: SnapshotRequest = {}): Promise<CredentialSnapshot | undefined> {
    const { generation, waitMs, signal } = request;
    return this.#transport.askUnlessSame(
      CredentialSnapshot,
      withQuery("/v1/snapshot", { wait: waitMs }),
      {
        headers: generation === undefined ? {} : { "if-none-match": `"${generation}"` },
        signal,
        timeoutMs: (waitMs ?? 0) + ANSWER_TIMEOUT_MS,
      },
    );
  }

  /** Opens the snapshot stream; `silenceMs` without a byte end it with an error. */
  async openStream({
    lastEventId,
    silenceMs,
    signal,
  }: {
    lastEventId?: string | undefined;
    silenceMs: number;
    signal: AbortSignal;
  }): Promise<OpenStream> {
    const response = await this.#transport.open("/v1/snapshot/stream", {
      headers: {
        accept: "text/event-stream",
        ...(lastEventId !== undefined && { "last-event-id": lastEventId }),
      },
      signal,
      idleTimeoutMs: silenceMs,
      maxBytes: Infinity,
    });
    this.#refuseOtherThanEvents(response);
    const read = () => this.#transport.read(response, signal);
    return { read, close: () => response.cancel() };
  }

  /** Stores a credential in the broker's vault; answers with the provider's rows, redacted. */
  async putCredential(
    provider: string,
    credential: Credential,
    { signal }: CallOptions = {},
  ): Promise<readonly CredentialEntry[]> {
    const call = { method: "POST", body: { provider, credential }, signal } as const;
    return (await this.#transport.ask(CredentialUploaded, "/v1/credential", call)).entries;
  }

  /** Has the broker refresh a grant; the row with its new access token. */
  async refreshCredential(id: number, { signal }: CallOptions = {}): Promise<CredentialEntry> {
    const call = { method: "POST", signal, timeoutMs: PROVIDER_TIMEOUT_MS } as const;
    const path = `/v1/credential/${id}/refresh`;
    return (await this.#transport.ask(CredentialRefreshed, path, call)).entry;
  }

  /** Asks for an API key for a while. */
  async leaseCredential(
    id: number,
    { signal }: CallOptions = {},
  ): Promise<CredentialLeased["lease"]> {
    const path = `/v1/credential/${id}/lease`;
    return (await this.#transport.ask(CredentialLeased, path, { method: "POST", signal })).lease;
  }

  /** Takes a credential out of service for everyone. */
  async disableCredential(
    id: number,
    { cause, signal }: CallOptions & { cause?: string | undefined } = {},
  ): Promise<void> {
    const body = cause === undefined ? {} : { cause };
    await this.#change(`/v1/credential/${id}/disable`, { method: "POST", body, signal });
  }

  /** What is left of disabled credentials, of one provider or of all. */
  disabledCredentials({
    provider,
    signal,
  }: CallOptions & { provider?: string } = {}): Promise<DisabledCredentials> {
    const path = withQuery("/v1/credentials/disabled", { provider });
    return this.#transport.ask(DisabledCredentials, path, { signal });
  }

  /** Tells every client to leave a credential alone for a while. */
  async blockCredential(
    id: number,
    block: CredentialBlock,
    { signal }: CallOptions = {},
  ): Promise<void> {
    await this.#change(`/v1/credential/${id}/block`, { method: "POST", body: block, signal });
  }

  /** Lifts every cool-down of a credential. */
  async clearBlocks(id: number, { signal }: CallOptions = {}): Promise<void> {
    await this.#change(`/v1/credential/${id}/blocks`, { method: "DELETE", signal });
  }

  /** Hands back what a provider said about its limits; header names in lower case. */
  async reportLimits(
    id: number,
    headers: Readonly<Record<string, string>>,
    { signal }: CallOptions = {},
  ): Promise<void> {
    await this.#change(`/v1/credential/${id}/limits`, {
      method: "POST",
      body: { headers },
      signal,
    });
  }

  /** How much of each account's allowance is used. */
  usage({ signal }: CallOptions = {}): Promise<UsageReports> {
    const call = { signal, timeoutMs: PROVIDER_TIMEOUT_MS };
    return this.#transport.ask(UsageReports, "/v1/usage", call);
  }

  /** What the broker has recorded about allowances, oldest first. */
  usageHistory({
    sinceMs,
    provider,
    signal,
  }: CallOptions & { sinceMs?: number; provider?: string } = {}): Promise<UsageHistory> {
    const path = withQuery("/v1/usage/history", { sinceMs, provider });
    return this.#transport.ask(UsageHistory, path, { signal });
  }

  /** Uploads what this client used. Never repeated by itself: it would count twice. */
  async reportUsage(upload: ObservedUsageUpload, { signal }: CallOptions = {}): Promise<void> {
    const call = { method: "POST", body: upload, signal, isRepeatable: false } as const;
    await this.#change("/v1/usage/observed", call);
  }

  /** What each client used. */
  usageClients({
    sinceMs,
    signal,
  }: CallOptions & { sinceMs?: number } = {}): Promise<UsageClients> {
    return this.#transport.ask(UsageClients, withQuery("/v1/usage/clients", { sinceMs }), {
      signal,
    });
  }

  /** Has the broker ask the providers anew. */
  async markUsageStale({ signal }: CallOptions = {}): Promise<void> {
    await this.#change("/v1/usage/stale", { method: "POST", signal });
  }

  async #change(path: string, call: Parameters<BrokerTransport["ask"]>[2]): Promise<void> {
    await this.#transport.ask(OkAnswer, path, call);
  }

  #refuseOtherThanEvents(response: OutboundResponse): void {
    const type = response.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase();
    if (response.status === 200 && type === "text/event-stream") return;
    response.cancel();
    throw new BrokerProtocolError(this.url, "the snapshot stream is not an event stream");
  }
}

function withQuery(
  path: string,
  values: Readonly<Record<string, string | number | undefined>>,
): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value !== undefined) query.set(name, String(value));
  }
  return query.size === 0 ? path : `${path}?${query}`;
}
