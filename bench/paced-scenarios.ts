// Streams as a model writes them, many at the same time: CPU per delta while all of them are open. Apart from
// `scenarios.ts`, because here nothing is asked again: streams are opened, and watched for a while.

import type { Scenario } from "./scenarios.ts";
import { streamed } from "./workload.ts";

/** How long the opening of all streams is spread, so that they do not beat together. */
export const RAMP_MS = 400;

/** From the last stream's first delta to the measuring. */
export const SETTLE_MS = 150;

/** How long CPU is counted. */
export const WINDOW_MS = 2_200;

/** What a stream goes on for after it, at the least; a slow target begins late. */
export const MARGIN_MS = 350;

const pairs = {
  chat: { client: "chat", upstream: "chat" },
  messages: { client: "messages", upstream: "messages" },
  toChat: { client: "messages", upstream: "chat" },
  toMessages: { client: "chat", upstream: "messages" },
} as const;

/** Every scenario of paced streams: 5,000 deltas a second, which every peer can do, and 8,000. */
export const pacedScenarios: readonly Scenario[] = [
  {
    id: "paced",
    title: "200 open streams, a delta every 40 ms",
    workload: paced(40),
    isOpen: true,
    connections: 200,
    pairs: Object.values(pairs),
    aims: { sameRatio: 1.15, translatedRatio: 1.7 },
  },
  {
    id: "paced-400",
    title: "400 open streams, a delta every 50 ms",
    workload: paced(50),
    isOpen: true,
    connections: 400,
    pairs: [pairs.chat, pairs.toChat],
    aims: { sameRatio: 1.15, translatedRatio: 1.7 },
  },
];

function paced(everyMs: number) {
  const deltas = Math.ceil((RAMP_MS + SETTLE_MS + WINDOW_MS + MARGIN_MS) / everyMs);
  return streamed({ kind: "paced", deltas, everyMs });
}
