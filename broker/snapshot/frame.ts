// Frames of the snapshot stream, made once for everybody who is shown the same. The bytes are shared too, unless a
// subscriber is at another generation than the frame expects, and needs a chain of its own.

import { type SnapshotStreamEvent, streamFrame } from "#wire";
import type { CredentialChange, VaultContent } from "../vault/vault.ts";
import { snapshotEntryOf, snapshotOf, type Telling } from "./snapshot.ts";

const utf8 = new TextEncoder();

/** One event, ready to send. */
export class Frame {
  readonly generation: number;
  readonly #event: SnapshotStreamEvent;
  readonly #after: number | undefined;
  readonly #bytes: Uint8Array;

  /** `after` is the generation that most subscribers are at; a snapshot follows nothing. */
  constructor(event: SnapshotStreamEvent, after?: number) {
    this.generation = event.generation;
    this.#event = event;
    this.#after = after;
    this.#bytes = encode(event, after);
  }

  /** The bytes for a subscriber that is at generation `after`. */
  bytesFor(after: number): Uint8Array {
    const isShared = this.#after === undefined || this.#after === after;
    return isShared ? this.#bytes : encode(this.#event, after);
  }
}

/** The frame that holds everything. */
export function snapshotFrame(content: VaultContent, telling: Telling): Frame {
  return new Frame({ kind: "snapshot", ...snapshotOf(content, telling) });
}

/** A frame per change, chained from the generation `after`. */
export function changeFrames(
  changes: readonly CredentialChange[],
  { after, telling }: { after: number; telling: Telling },
): Frame[] {
  let previous = after;
  return changes.map((change) => {
    const frame = new Frame(changeEvent(change, telling), previous);
    previous = change.generation;
    return frame;
  });
}

function changeEvent(
  { generation, id, stored }: CredentialChange,
  telling: Telling,
): SnapshotStreamEvent {
  const { nowMs: serverNowMs, refresher } = telling;
  const common = { generation, serverNowMs, refresher };
  if (stored === undefined) return { kind: "removed", ...common, id };
  return { kind: "entry", ...common, entry: snapshotEntryOf(stored, telling) };
}

function encode(event: SnapshotStreamEvent, after: number | undefined): Uint8Array {
  return utf8.encode(streamFrame(event, after === undefined ? {} : { after }));
}
