// The vault of a remote broker as its client sees it: kept in memory and followed, so that asking costs a map
// lookup. Serves what it knows while the broker is away; refuses to write, because only the broker may.

import { type Clock, type Logger, registerSecret, systemClock } from "#platform";
import {
  type Credential,
  type CredentialBlock,
  type CredentialEntry,
  type CredentialSnapshot,
  LEASED_KEY,
  type SnapshotEntry,
  type SnapshotStreamEvent,
} from "#wire";
import { BrokerError, BrokerProtocolError } from "../errors.ts";
import { type Sleep, sleepUnlessAborted } from "./back-off.ts";
import type { BrokerClient, CallOptions } from "./broker-client.ts";
import type { CredentialSource } from "./credential-source.ts";
import { follow } from "./follow.ts";
import type { Frame } from "./frame-reader.ts";
import { LeasedKeys } from "./leased-keys.ts";
import { type FrameOutcome, LiveSnapshot } from "./live-snapshot.ts";
import { SingleFlight } from "./single-flight.ts";
import type { SnapshotCache } from "./snapshot-cache.ts";
import { followStream, STREAM_SILENCE_MS } from "./snapshot-stream.ts";

/** An access token that ends within this time counts as expired, in ms: a request takes a while to arrive. */
export const EXPIRY_MARGIN_MS = 30_000;
/** How long opening from the cache waits for the broker's own word and the first leases, in ms. */
export const FIRST_NEWS_WAIT_MS = 2_000;

/** What a remote vault is opened with; clock and dice are injected by tests. */
export interface RemoteVaultOptions {
  readonly log: Logger;
  /** Without one, every start needs the broker. */
  readonly cache?: SnapshotCache | undefined;
  /** Called after each change that came from the broker. */
  readonly onChange?: () => void;
  readonly clock?: Clock;
  readonly sleep?: Sleep;
  readonly random?: () => number;
  readonly streamSilenceMs?: number;
}

/** A CredentialSource over a BrokerClient. */
export class RemoteVault implements CredentialSource {
  readonly #client: BrokerClient;
  readonly #options: RemoteVaultOptions;
  readonly #clock: Clock;
  readonly #live: LiveSnapshot;
  readonly #leases: LeasedKeys;
  readonly #refreshes = new SingleFlight<number, CredentialEntry>();
  readonly #stopping = new AbortController();
  readonly #firstNews = Promise.withResolvers<void>();
  readonly #following: Promise<void>;
  /** The broker's time minus ours on the clock that only moves forward. */
  #brokerOffsetMs: number;
  #isBrokerAway = false;

  private constructor(
    client: BrokerClient,
    first: CredentialSnapshot,
    options: RemoteVaultOptions & { isFirstCached: boolean },
  ) {
    const { clock = systemClock, isFirstCached, log, sleep, random } = options;
    this.#client = client;
    this.#options = options;
    this.#clock = clock;
    this.#live = new LiveSnapshot(first);
    this.#brokerOffsetMs = clock.nowMs() - clock.monotonicMs();
    const brokerNowMs = () => this.#brokerNowMs();
    this.#leases = new LeasedKeys({ client, log, brokerNowMs, sleep, random });
    hideKeys(first.credentials);
    if (!isFirstCached) void this.#taken(first.serverNowMs, { changed: "all" });
    // A cache may be older than the vault it came from; only what the broker said itself is resumed.
    this.#following = this.#follow(isFirstCached ? undefined : first.generation);
  }

  /**
   * Starts from a fresh cache, or with a first answer of the broker, and follows from there. Throws what
   * BrokerClient throws when there is neither.
   */
  static async open(client: BrokerClient, options: RemoteVaultOptions): Promise<RemoteVault> {
    const cached = options.cache?.read();
    const first = cached ?? (await client.snapshot());
    const vault = new RemoteVault(client, first, {
      ...options,
      isFirstCached: cached !== undefined,
    });
    if (cached) {
      const ageMs = Math.round((options.clock ?? systemClock).nowMs() - cached.generatedAt);
      options.log.info("starting with the cached snapshot", { broker: client.url, ageMs });
    }
    // Leased keys are in no cache: without this wait the first requests would find none.
    if (vault.#leasedIds().size > 0) await vault.#untilFirstNews();
    return vault;
  }

  /** The generation of the snapshot in use. */
  get generation(): number {
    return this.#live.generation;
  }

  /** A provider's credentials, oldest first; an API key that is leased is there while its lease lasts. */
  credentials(provider: string): readonly Credential[] {
    return this.entries(provider).map(({ credential }) => credential);
  }

  /** The same with the id, the account and the cool-downs of each. */
  entries(provider: string): readonly SnapshotEntry[] {
    const entries: SnapshotEntry[] = [];
    for (const entry of this.#live.entries.values()) {
      if (entry.provider !== provider) continue;
      const usable = isLeased(entry) ? this.#withLeasedKey(entry) : entry;
      if (usable) entries.push(usable);
    }
    return entries;
  }

  /**
   * A credential that can be used now: an expired grant is refreshed first, a key without a lease leased.
   * Throws BrokerError `credential_unknown`, and what BrokerClient throws.
   */
  async fresh(id: number, { signal }: CallOptions = {}): Promise<Credential> {
    signal?.throwIfAborted();
    const entry = this.#known(id);
    const { credential } = entry;
    if (isLeased(entry)) return { type: "api_key", key: await this.#leases.take(id, signal) };
    if (credential.type === "api_key" || !this.#isExpired(credential.expires)) return credential;
    return (await this.refresh(id, { signal })).credential;
  }

  /**
   * Has the broker refresh a grant, once for everyone who asks meanwhile; `signal` ends only this caller's
   * wait. Throws what BrokerClient throws.
   */
  refresh(id: number, { signal }: CallOptions = {}): Promise<CredentialEntry> {
    return this.#refreshes.run(id, () => this.#refresh(id), signal);
  }

  /** Has every client leave a credential alone for a while. */
  async block(id: number, block: CredentialBlock, { signal }: CallOptions = {}): Promise<void> {
    await this.#client.blockCredential(id, block, { signal });
    const entry = this.#live.entries.get(id);
    if (!entry) return;
    const others = (entry.blocks ?? []).filter((known) => !isSamePlace(known, block));
    this.#live.put({ ...entry, blocks: [...others, block] });
  }

  /** Lifts every cool-down of a credential. */
  async clearBlocks(id: number, { signal }: CallOptions = {}): Promise<void> {
    await this.#client.clearBlocks(id, { signal });
    const entry = this.#live.entries.get(id);
    if (!entry) return;
    const { blocks: _lifted, ...rest } = entry;
    this.#live.put(rest);
  }

  /** Takes a credential out of service for everyone. */
  async disable(
    id: number,
    { cause, signal }: CallOptions & { cause?: string } = {},
  ): Promise<void> {
    await this.#client.disableCredential(id, { cause, signal });
    this.#live.remove(id);
    void this.#leases.keep(this.#leasedIds());
    this.#cache();
  }

  /** Always rejects with `remote_vault_read_only`. */
  upsert(provider: string): Promise<never> {
    return readOnly(`agent auth-broker login ${provider}`);
  }

  /** Always rejects with `remote_vault_read_only`. */
  replace(provider: string): Promise<never> {
    return readOnly(`agent auth-broker login ${provider}`);
  }

  /** Always rejects with `remote_vault_read_only`. */
  deleteProvider(provider: string): Promise<never> {
    return readOnly(`agent auth-broker logout ${provider}`);
  }

  /** Stops following and forgets leased keys; everything else stays usable. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#leases.stop();
    await this.#following;
    this.#options.cache?.close();
  }

  async #follow(generation: number | undefined): Promise<void> {
    const { sleep, random, streamSilenceMs = STREAM_SILENCE_MS } = this.#options;
    const { signal } = this.#stopping;
    const injected = { ...(sleep && { sleep }), ...(random && { random }) };
    const onError = (error: unknown) => this.#brokerIsAway(error);
    const onContact = () => this.#brokerIsBack();
    const end = await followStream(this.#client, (...frame) => this.#take(...frame), signal, {
      ...injected,
      onError,
      onContact,
      ...(generation !== undefined && { lastEventId: String(generation) }),
      silenceMs: streamSilenceMs,
      monotonicMs: () => this.#clock.monotonicMs(),
    });
    if (end === "stopped") return;
    this.#options.log.debug("the broker has no snapshot stream; asking again and again instead");
    const from = generation === undefined ? {} : { generation };
    const take = (snapshot: CredentialSnapshot) => this.#replace(snapshot);
    await follow(this.#client, take, signal, { ...injected, onError, onContact, ...from });
  }

  #take(frame: Frame, { isFirst }: { readonly isFirst: boolean }): FrameOutcome {
    const { event } = frame;
    if (isFirst && event.kind === "snapshot") {
      this.#replace(event);
      return "changed";
    }
    const outcome = this.#live.apply(frame);
    if (outcome === "changed") {
      const changed = changedBy(event);
      void this.#taken(event.serverNowMs, { changed });
      this.#options.onChange?.();
    }
    return outcome;
  }

  #replace(snapshot: CredentialSnapshot): void {
    const isNews = snapshot.generation !== this.generation;
    this.#live.replace(snapshot);
    void this.#taken(snapshot.serverNowMs, { changed: isNews ? "all" : undefined });
    this.#options.onChange?.();
  }

  /** What follows from news of the broker. */
  async #taken(serverNowMs: number, { changed }: { changed: Changed }): Promise<void> {
    this.#brokerOffsetMs = serverNowMs - this.#clock.monotonicMs();
    this.#cache();
    hideKeys(this.#live.entries.values());
    const ids = this.#leasedIds();
    const due = changed === "all" ? ids : new Set(changed === undefined ? [] : [changed]);
    await this.#leases.keep(ids, { changed: due });
    this.#firstNews.resolve();
  }

  async #refresh(id: number): Promise<CredentialEntry> {
    const asked = this.#live.entries.get(id);
    const { signal } = this.#stopping;
    const answer = await this.#client.refreshCredential(id, { signal });
    if (answer.id !== id) throw new BrokerProtocolError(this.#client.url, "another row's refresh");
    const known = this.#live.entries.get(id);
    if (known && (known === asked || isNewer(answer, known))) {
      this.#live.put({ ...known, ...answer });
      this.#cache();
    }
    return answer;
  }

  #cache(): void {
    this.#options.cache?.save(() => this.#live.toSnapshot());
  }

  #known(id: number): SnapshotEntry {
    const entry = this.#live.entries.get(id);
    if (entry) return entry;
    throw new BrokerError("credential_unknown", `the broker has no active credential ${id}`, {
      fix: "See `agent auth-broker list` on the broker's host for those it has.",
    });
  }

  #withLeasedKey(entry: SnapshotEntry): SnapshotEntry | undefined {
    const key = this.#leases.keyOf(entry.id);
    return key === undefined ? undefined : { ...entry, credential: { type: "api_key", key } };
  }

  #leasedIds(): ReadonlySet<number> {
    return new Set([...this.#live.entries.values()].filter(isLeased).map(({ id }) => id));
  }

  #isExpired(expires: number): boolean {
    return expires - EXPIRY_MARGIN_MS <= this.#brokerNowMs();
  }

  #brokerNowMs(): number {
    return this.#clock.monotonicMs() + this.#brokerOffsetMs;
  }

  async #untilFirstNews(): Promise<void> {
    const { sleep = sleepUnlessAborted } = this.#options;
    const isOver = new AbortController();
    await Promise.race([this.#firstNews.promise, sleep(FIRST_NEWS_WAIT_MS, isOver.signal)]);
    isOver.abort();
  }

  #brokerIsAway(error: unknown): void {
    this.#firstNews.resolve();
    const { log } = this.#options;
    const fields = { broker: this.#client.url, generation: this.generation, error };
    if (this.#isBrokerAway) return log.debug("the broker is still of no use", fields);
    this.#isBrokerAway = true;
    log.warn(
      "the broker cannot be followed; serving what was last known, and trying again",
      fields,
    );
  }

  #brokerIsBack(): void {
    if (!this.#isBrokerAway) return;
    this.#isBrokerAway = false;
    const { log } = this.#options;
    log.info("the broker is followed again", { broker: this.#client.url });
  }
}

function isLeased({ credential }: SnapshotEntry): boolean {
  return credential.type === "api_key" && credential.key === LEASED_KEY;
}

/** Whose key may be another one now. */
type Changed = number | "all" | undefined;

function changedBy(event: SnapshotStreamEvent): Changed {
  if (event.kind === "snapshot") return "all";
  return event.kind === "entry" ? event.entry.id : undefined;
}

// Only keys: an access token lives for an hour, and the list of hidden values never shrinks.
function hideKeys(entries: Iterable<SnapshotEntry>): void {
  for (const entry of entries) {
    const { credential } = entry;
    if (credential.type === "api_key" && !isLeased(entry)) registerSecret(credential.key);
  }
}

function isSamePlace(a: CredentialBlock, b: CredentialBlock): boolean {
  return a.providerKey === b.providerKey && a.blockScope === b.blockScope;
}

// The stream may have brought the outcome of a later refresh before this answer came back.
function isNewer(answer: CredentialEntry, known: SnapshotEntry): boolean {
  const { credential } = answer;
  if (credential.type !== "oauth" || known.credential.type !== "oauth") return false;
  return credential.expires > known.credential.expires;
}

function readOnly(command: string): Promise<never> {
  return Promise.reject(
    new BrokerError("remote_vault_read_only", "a client of a broker cannot change its vault", {
      fix: `Run \`${command}\` on the broker's host.`,
    }),
  );
}
