// The broker's credentials as this client knows them, brought forward one frame at a time. Applies a frame
// only to the state it belongs to: what was applied already is left alone, and what does not follow is a gap.

import type { CredentialSnapshot, RefresherSchedule, SnapshotEntry } from "#wire";
import type { Frame } from "./frame-reader.ts";

/** What became of a frame: `gap` means that something before it was missed, and nothing was changed. */
export type FrameOutcome = "changed" | "repeated" | "gap";

/** A snapshot that moves. */
export class LiveSnapshot {
  readonly #entries = new Map<number, SnapshotEntry>();
  #generation = -1;
  #generatedAt = 0;
  #serverNowMs = 0;
  #refresher: RefresherSchedule;

  constructor(first: CredentialSnapshot) {
    this.#refresher = first.refresher;
    this.replace(first);
  }

  /** Up to which change everything is known. */
  get generation(): number {
    return this.#generation;
  }

  /** Every active credential, in the broker's order. */
  get entries(): ReadonlyMap<number, SnapshotEntry> {
    return this.#entries;
  }

  /** All of it; `generatedAt` is the broker's time of the last news. */
  toSnapshot(): CredentialSnapshot {
    return {
      generation: this.#generation,
      generatedAt: this.#generatedAt,
      serverNowMs: this.#serverNowMs,
      refresher: this.#refresher,
      credentials: [...this.#entries.values()],
    };
  }

  /** Forgets everything for a snapshot, also one of a lower generation: a vault may have been restored. */
  replace(snapshot: CredentialSnapshot): void {
    this.#entries.clear();
    for (const entry of snapshot.credentials) this.#entries.set(entry.id, entry);
    this.#generation = snapshot.generation;
    this.#generatedAt = snapshot.generatedAt;
    this.#serverNowMs = snapshot.serverNowMs;
    this.#refresher = snapshot.refresher;
  }

  /** Applies a frame that is not the first of its connection. */
  apply({ event, after }: Frame): FrameOutcome {
    if (event.kind === "snapshot") {
      if (event.generation < this.#generation) return "repeated";
      this.replace(event);
      return "changed";
    }
    if (after !== undefined && after > this.#generation) return "gap";
    if (this.#knows(event.generation, after)) return "repeated";
    if (event.kind === "entry") this.#entries.set(event.entry.id, event.entry);
    else this.#entries.delete(event.id);
    this.#generation = event.generation;
    this.#generatedAt = event.serverNowMs;
    this.#serverNowMs = event.serverNowMs;
    this.#refresher = event.refresher;
    return "changed";
  }

  /** Puts a row that the broker answered with in the place of the same row; never brings one back. */
  put(entry: SnapshotEntry): void {
    if (this.#entries.has(entry.id)) this.#entries.set(entry.id, entry);
  }

  /** Forgets a row that the broker has just disabled. */
  remove(id: number): void {
    this.#entries.delete(id);
  }

  // Deployed brokers send several rows of one generation, and do not say what a frame follows.
  #knows(generation: number, after: number | undefined): boolean {
    return after === undefined ? generation < this.#generation : generation <= this.#generation;
  }
}
