// One event of the snapshot stream as text. Beside what deployed clients read, a frame carries an `id:` to
// resume from and a comment that names the generation before it: where several changes of one credential
// went out as one, generations are skipped, and only the comment tells that from a lost frame.

import type { SnapshotStreamEvent } from "./stream.ts";

/** What keeps a silent stream alive. */
export const STREAM_KEEP_ALIVE = ": keep-alive\n\n";

/**
 * The frame of one event. `after` is the generation the subscriber has once it has read everything sent to
 * it so far; a snapshot follows nothing and has none.
 */
export function streamFrame(
  event: SnapshotStreamEvent,
  { after }: { after?: number } = {},
): string {
  const chain = after === undefined ? "" : `: after ${after}\n`;
  return `${chain}id: ${event.generation}\nevent: ${event.kind}\ndata: ${JSON.stringify(event)}\n\n`;
}

/** The generation that a frame's comment says it follows; undefined for any other comment. */
export function readAfter(comment: string): number | undefined {
  const digits = /^ ?after (\d{1,15})$/.exec(comment)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
