// The snapshot as a stream of server-sent events: the whole first, then one event per changed credential.
// The event's name is repeated as `kind`; stream-frame.ts says how an event becomes text.

import { z } from "zod";
import { CredentialSnapshot, RefresherSchedule, SnapshotEntry } from "./snapshot.ts";

const change = {
  generation: z.int().nonnegative(),
  serverNowMs: z.number(),
  refresher: RefresherSchedule,
};

/** Everything, at one generation; begins a stream that does not resume an earlier one. */
export const SnapshotEvent = z.object({ kind: z.literal("snapshot"), ...CredentialSnapshot.shape });
/** Everything, at one generation. */
export type SnapshotEvent = z.infer<typeof SnapshotEvent>;

/** One credential is new or has changed. */
export const EntryEvent = z.object({ kind: z.literal("entry"), ...change, entry: SnapshotEntry });
/** One credential is new or has changed. */
export type EntryEvent = z.infer<typeof EntryEvent>;

/** One credential is no longer to be used. */
export const RemovedEvent = z.object({
  kind: z.literal("removed"),
  ...change,
  id: z.int().positive(),
});
/** One credential is no longer to be used. */
export type RemovedEvent = z.infer<typeof RemovedEvent>;

/** The data of one event of `GET /v1/snapshot/stream`. */
export const SnapshotStreamEvent = z.discriminatedUnion("kind", [
  SnapshotEvent,
  EntryEvent,
  RemovedEvent,
]);
/** The data of one event of `GET /v1/snapshot/stream`. */
export type SnapshotStreamEvent = z.infer<typeof SnapshotStreamEvent>;
