// Follows a broker's snapshot stream for as long as its signal lives, resuming where it broke off. Starts
// over with everything after a gap or an unreadable frame, and leaves a broker without a stream to others.

import { BrokerProtocolError, BrokerRefused, BrokerUnreachable } from "../errors.ts";
import { pauseMs, type Sleep, sleepUnlessAborted } from "./back-off.ts";
import type { BrokerClient } from "./broker-client.ts";
import { type Frame, FrameReader } from "./frame-reader.ts";
import type { FrameOutcome } from "./live-snapshot.ts";

/** Silence after which a stream counts as dead, in ms: three of the broker's keep-alives. */
export const STREAM_SILENCE_MS = 60_000;
/** A connection that has lasted so long starts the counting of failures anew, in ms. */
export const STEADY_MS = 10_000;

/** Takes a frame; the first of a connection may be a snapshot of any generation. */
export type TakeFrame = (frame: Frame, place: { readonly isFirst: boolean }) => FrameOutcome;

/** What following needs beside its client; clock and dice are injected by tests. */
export interface FollowStreamOptions {
  /** The id of the last frame known; without it the stream begins with everything. */
  readonly lastEventId?: string;
  /** A connection is gone and another will be tried. */
  readonly onError?: (error: unknown) => void;
  /** A connection is open. */
  readonly onContact?: () => void;
  readonly silenceMs?: number;
  readonly sleep?: Sleep;
  readonly random?: () => number;
  /** A clock that only moves forward, in ms. */
  readonly monotonicMs?: () => number;
}

/**
 * Hands over each frame until `signal` aborts. Resolves with `unsupported` when the broker has no stream
 * (404), which it will not have later either. Never rejects.
 */
export async function followStream(
  client: Pick<BrokerClient, "openStream" | "url">,
  take: TakeFrame,
  signal: AbortSignal,
  options: FollowStreamOptions = {},
): Promise<"stopped" | "unsupported"> {
  const { onError = () => {}, sleep = sleepUnlessAborted, random = Math.random } = options;
  const { monotonicMs = () => performance.now() } = options;
  const connections = new Connections(client, take, options);
  let failures = 0;
  while (!signal.aborted) {
    const startedMs = monotonicMs();
    try {
      await connections.readOne(signal);
    } catch (error) {
      if (signal.aborted) break;
      if (error instanceof BrokerRefused && error.status === 404) return "unsupported";
      onError(error);
    }
    failures = monotonicMs() - startedMs >= STEADY_MS ? 1 : failures + 1;
    await sleep(pauseMs(failures, random), signal);
  }
  return "stopped";
}

class Connections {
  readonly #client: Pick<BrokerClient, "openStream" | "url">;
  readonly #take: TakeFrame;
  readonly #silenceMs: number;
  readonly #onContact: () => void;
  #lastEventId: string | undefined;

  constructor(
    client: Pick<BrokerClient, "openStream" | "url">,
    take: TakeFrame,
    { lastEventId, silenceMs = STREAM_SILENCE_MS, onContact = () => {} }: FollowStreamOptions,
  ) {
    this.#client = client;
    this.#take = take;
    this.#silenceMs = silenceMs;
    this.#onContact = onContact;
    this.#lastEventId = lastEventId;
  }

  /** Reads one connection to its end, which is always an error. */
  async readOne(signal: AbortSignal): Promise<never> {
    const { url } = this.#client;
    const lastEventId = this.#lastEventId;
    const stream = await this.#client.openStream({
      lastEventId,
      silenceMs: this.#silenceMs,
      signal,
    });
    try {
      this.#onContact();
      const reader = new FrameReader(url);
      let isFirst = true;
      for (let bytes = await stream.read(); bytes !== undefined; bytes = await stream.read()) {
        for (const frame of reader.push(bytes)) {
          signal.throwIfAborted();
          this.#apply(frame, { isFirst, isResumed: lastEventId !== undefined });
          isFirst = false;
        }
      }
    } catch (error) {
      if (error instanceof BrokerProtocolError) this.#lastEventId = undefined;
      throw error;
    } finally {
      stream.close();
    }
    throw new BrokerUnreachable(url, "the snapshot stream ended");
  }

  #apply(frame: Frame, { isFirst, isResumed }: { isFirst: boolean; isResumed: boolean }): void {
    const isMissingStart = isFirst && !isResumed && frame.event.kind !== "snapshot";
    if (isMissingStart || this.#take(frame, { isFirst }) === "gap") {
      throw new BrokerProtocolError(this.#client.url, "the snapshot stream left something out");
    }
    this.#lastEventId = frame.id ?? this.#lastEventId;
  }
}
