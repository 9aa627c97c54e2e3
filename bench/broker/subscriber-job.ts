// What the bench and its subscribers say to each other, one JSON line each way.

import { z } from "zod";

/** So many streams of one broker. */
export const SubscriberJob = z.strictObject({
  url: z.url({ protocol: /^http$/ }),
  token: z.string(),
  subscribers: z.int().positive(),
});

/** How long it took until each had its snapshot. */
export const Connected = z.strictObject({ connectedInMs: z.number() });

/** What arrived since counting began. */
export const SubscriberResult = z.strictObject({
  minFrames: z.int(),
  maxFrames: z.int(),
  maxBytes: z.int(),
  /** From the first subscriber's frame to the last one's, the median over the changes, in ms. */
  spreadMs: z.number(),
});
/** What arrived since counting began. */
export type SubscriberResult = z.infer<typeof SubscriberResult>;
