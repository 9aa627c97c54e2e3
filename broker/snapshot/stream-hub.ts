// Everybody who listens to the snapshot stream. A change is read, put on record and serialised once for all who are
// shown the same; none of them can slow the others. Refuses to send what the audit log could not take.

import { type RefresherSchedule, STREAM_KEEP_ALIVE } from "#wire";
import type { Logger } from "#platform";
import type { Principal } from "../access/principal.ts";
import type { StoredCredential, Vault } from "../vault/vault.ts";
import { EventStream, type EventStreamOptions } from "./event-stream.ts";
import { changeFrames, type Frame, snapshotFrame } from "./frame.ts";
import type { GenerationWatch } from "./generation-watch.ts";
import type { Telling } from "./snapshot.ts";
import type { View } from "./view.ts";

/** How often a silent stream gets a comment, in ms. */
export const KEEP_ALIVE_MS = 20_000;
/** A reader that takes nothing for so long is cut, in ms. */
export const MAX_STALL_MS = 60_000;

const KEEP_ALIVE = new TextEncoder().encode(STREAM_KEEP_ALIVE);

/** For how long a whole snapshot is given to further readers while nothing changes, in ms: they come in crowds. */
export const SNAPSHOT_REUSE_MS = 100;
/** Most records that wait for the audit log at once. */
const RECORDS_AT_ONCE = 1_000;

/** What the hub needs. */
export interface StreamHubOptions {
  readonly vault: Vault;
  readonly watch: GenerationWatch;
  readonly schedule: () => RefresherSchedule;
  /** Puts on record that a reader is sent credentials; rejects when it cannot, and then they are not sent. */
  readonly recordSent: (reader: Principal, sent: readonly StoredCredential[]) => Promise<void>;
  /** Calls back when the reader's token is over; returns the way to stop. */
  readonly onReaderEnd: (reader: Principal, listener: () => void) => () => void;
  readonly log: Logger;
  readonly nowMs: () => number;
  readonly keepAliveMs?: number;
}

/** A new subscriber; `resumeFrom` is the last generation it has. */
export interface Subscription extends Omit<EventStreamOptions, "onOver"> {
  readonly reader: Principal;
  readonly view: View;
  readonly resumeFrom: number | undefined;
}

interface Subscriber {
  readonly reader: Principal;
  readonly stream: EventStream;
  /** Which reading of the vault it begins with; what was read earlier is not for it. */
  readonly since: number;
  /** What it has once it has read everything it was sent. */
  generation: number;
  /** News from before its beginning was on record; undefined from then on. */
  held: News[] | undefined;
}

/** Everybody with one view. */
interface Audience {
  readonly view: View;
  readonly members: Set<Subscriber>;
  /** Everything up to here was sent. */
  generation: number;
  isBusy: boolean;
  isStale: boolean;
}

/** What one reading of the vault found. */
interface News {
  readonly reading: number;
  /** True when the frame is a whole snapshot, which stands for itself. */
  readonly isWhole: boolean;
  readonly generation: number;
  readonly frames: readonly Frame[];
  readonly credentials: readonly StoredCredential[];
}

/** The stream's sending side. */
export class StreamHub {
  readonly #options: StreamHubOptions;
  readonly #audiences = new Map<string, Audience>();
  readonly #keepAliveMs: number;
  readonly #recent = new Map<string, { readonly news: News; readonly atMs: number }>();
  #size = 0;
  #readings = 0;
  #isClosed = false;
  #stopWatching: (() => void) | undefined;
  #keepAlive: ReturnType<typeof setInterval> | undefined;

  constructor(options: StreamHubOptions) {
    this.#options = options;
    this.#keepAliveMs = options.keepAliveMs ?? KEEP_ALIVE_MS;
  }

  /** How many streams are open. */
  get size(): number {
    return this.#size;
  }

  /** Opens a stream: what the subscriber missed, or everything, then each change. Rejects when that cannot go on record. */
  async open({ reader, view, resumeFrom, signal, cut }: Subscription): Promise<EventStream> {
    this.#wakeUp();
    const beginning = this.#beginning(view, resumeFrom);
    const audience = this.#audience(view, beginning.generation);
    const forget = this.#options.onReaderEnd(reader, () => stream.end());
    const onOver = () => {
      forget();
      this.#leave(audience, subscriber);
    };
    const stream = new EventStream({ signal, cut, onOver });
    const { reading: since } = beginning;
    const subscriber: Subscriber = { reader, stream, since, generation: resumeFrom ?? 0, held: [] };
    // A member already while its beginning goes on record, so that no change falls in between.
    audience.members.add(subscriber);
    this.#size += 1;
    try {
      const { credentials } = beginning;
      if (credentials.length > 0) await this.#options.recordSent(reader, credentials);
    } catch (error) {
      stream.end();
      throw error;
    }
    begin(subscriber, beginning);
    if (this.#isClosed) stream.end();
    this.#advance(audience);
    return stream;
  }

  /** Ends every stream; later ones end at once. */
  close(): void {
    this.#isClosed = true;
    for (const { members } of this.#audiences.values()) endAll(members);
    this.#sleep();
  }

  #audience(view: View, generation: number): Audience {
    const known = this.#audiences.get(view.key);
    if (known) return known;
    const audience = {
      view,
      members: new Set<Subscriber>(),
      generation,
      isBusy: false,
      isStale: false,
    };
    this.#audiences.set(view.key, audience);
    return audience;
  }

  #leave(audience: Audience, subscriber: Subscriber): void {
    if (!audience.members.delete(subscriber)) return;
    this.#size -= 1;
    if (audience.members.size === 0) this.#audiences.delete(audience.view.key);
    if (this.#size === 0) this.#sleep();
  }

  #advance(audience: Audience): void {
    audience.isStale = true;
    if (!audience.isBusy) void this.#catchUp(audience);
  }

  // One at a time for each audience: two readings of the vault must not overtake each other on their way out.
  async #catchUp(audience: Audience): Promise<void> {
    audience.isBusy = true;
    try {
      while (audience.isStale && audience.members.size > 0) {
        audience.isStale = false;
        // A burst of changes is one reading.
        await Promise.resolve();
        await this.#sendNews(audience);
      }
    } catch (error) {
      // Not on record, so not sent: the readers return, and are told why.
      this.#options.log.error("streams ended: a change could not be sent", { error });
      endAll(audience.members);
    } finally {
      audience.isBusy = false;
    }
  }

  async #sendNews(audience: Audience): Promise<void> {
    const { view, members } = audience;
    const news = this.#read(view, audience.generation);
    if (news.frames.length === 0) return;
    await this.#recordFor(members, news);
    audience.generation = news.generation;
    for (const member of members) tell(member, news);
  }

  // After a restart all come back at once, each to be told everything.
  #beginning(view: View, resumeFrom: number | undefined): News {
    if (resumeFrom !== undefined) return this.#read(view, resumeFrom);
    const recent = this.#recent.get(view.key);
    const isCurrent =
      recent !== undefined &&
      performance.now() - recent.atMs < SNAPSHOT_REUSE_MS &&
      recent.news.generation === this.#options.vault.generationSeenBy(view.sees);
    if (isCurrent) return recent.news;
    const news = this.#read(view, undefined);
    this.#recent.set(view.key, { news, atMs: performance.now() });
    return news;
  }

  /** What changed after a generation, or everything when that cannot be told. */
  #read({ sees, disclosure }: View, after: number | undefined): News {
    const { vault, nowMs, schedule } = this.#options;
    const telling: Telling = { nowMs: nowMs(), refresher: schedule(), disclosure };
    const reading = ++this.#readings;
    const changes = after === undefined ? undefined : vault.since(after, sees);
    if (after === undefined || changes === undefined) {
      const content = vault.read(sees);
      const { generation, credentials } = content;
      const frames = [snapshotFrame(content, telling)];
      return { reading, isWhole: true, generation, frames, credentials };
    }
    const generation = changes.at(-1)?.generation ?? after;
    const frames = changeFrames(changes, { after, telling });
    const credentials = changes.flatMap(({ stored }) => stored ?? []);
    return { reading, isWhole: false, generation, frames, credentials };
  }

  // Once for each change and token, however many connections a token has.
  async #recordFor(
    members: ReadonlySet<Subscriber>,
    { isWhole, credentials }: News,
  ): Promise<void> {
    const readers = new Map([...members].map(({ reader }) => [reader.tokenId, reader]));
    const parts = isWhole ? [credentials] : credentials.map((credential) => [credential]);
    const records = [...readers.values()].flatMap((reader) =>
      parts.map((part) => () => this.#options.recordSent(reader, part)),
    );
    for (let from = 0; from < records.length; from += RECORDS_AT_ONCE) {
      await Promise.all(records.slice(from, from + RECORDS_AT_ONCE).map((record) => record()));
    }
  }

  #wakeUp(): void {
    if (this.#isClosed) return;
    this.#stopWatching ??= this.#options.watch.onMove(() => {
      this.#recent.clear();
      for (const audience of this.#audiences.values()) this.#advance(audience);
    });
    // One timer for all: thousands of them would cost more than what they send.
    this.#keepAlive ??= setInterval(() => {
      this.#recent.clear();
      for (const { members } of this.#audiences.values()) {
        for (const { stream } of members)
          stream.keepAlive(KEEP_ALIVE, { maxStallMs: MAX_STALL_MS });
      }
    }, this.#keepAliveMs);
  }

  #sleep(): void {
    this.#stopWatching?.();
    this.#stopWatching = undefined;
    clearInterval(this.#keepAlive);
    this.#keepAlive = undefined;
    this.#recent.clear();
  }
}

function begin(subscriber: Subscriber, beginning: News): void {
  const held = subscriber.held ?? [];
  subscriber.held = undefined;
  // Something must be sent at once, or the client waits for the answer to begin.
  if (beginning.frames.length === 0) subscriber.stream.send(KEEP_ALIVE);
  for (const news of [beginning, ...held]) tell(subscriber, news);
}

function tell(subscriber: Subscriber, news: News): void {
  if (news.reading < subscriber.since) return;
  if (subscriber.held) return void subscriber.held.push(news);
  for (const frame of news.frames) {
    // What it began with may have been ahead of the others.
    if (!news.isWhole && frame.generation <= subscriber.generation) continue;
    subscriber.stream.send(frame.bytesFor(subscriber.generation));
    subscriber.generation = frame.generation;
  }
}

function endAll(members: ReadonlySet<Subscriber>): void {
  for (const { stream } of members) stream.end();
}
