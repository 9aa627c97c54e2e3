// What is measured in rounds: each scenario is a workload and the pairs of formats it runs through. To add one, add an
// entry; the measuring and the report walk the list.

import { crossedPairs, samePairs, type Pair } from "./pair.ts";
import { jsonLarge, jsonSmall, streamed, STREAM_DELTAS, type Workload } from "./workload.ts";

/** What the gateway should reach, at its worst pair. */
export interface Aims {
  /** CPU as a multiple of the bare pass-through, where both sides speak one format. */
  readonly sameRatio?: number;
  /** The same, translated. */
  readonly translatedRatio?: number;
  /** Milliseconds above direct, at the median. */
  readonly addedP50Ms?: number;
  /** Milliseconds above direct to the first byte of the body, at the median. */
  readonly addedFirstByteMs?: number;
}

/** One entry of the list. */
export interface Scenario {
  readonly id: string;
  readonly title: string;
  readonly workload: Workload;
  /** Streams that are opened once and watched while all are open; CPU is counted per delta. */
  readonly isOpen?: boolean;
  readonly connections: number;
  /** How many windows a round lasts; more where little happens in one. */
  readonly windows?: number;
  readonly pairs: readonly Pair[];
  readonly aims?: Aims;
}

const CHAT: Pair = { client: "chat", upstream: "chat" };
const MESSAGES_TO_CHAT: Pair = { client: "messages", upstream: "chat" };

const burst = streamed({ kind: "burst", deltas: STREAM_DELTAS });

/** Every scenario, in the order it runs and prints. */
export const scenarios: readonly Scenario[] = [
  {
    id: "json",
    title: "JSON of 1 KiB both ways, 32 clients, same format",
    workload: jsonSmall,
    connections: 32,
    pairs: samePairs,
    aims: { sameRatio: 1.5 },
  },
  {
    id: "json-one",
    title: "JSON of 1 KiB both ways, one client",
    workload: jsonSmall,
    connections: 1,
    pairs: [CHAT],
    aims: { addedP50Ms: 0.25 },
  },
  {
    id: "json-crowd",
    title: "JSON of 1 KiB both ways, 256 clients",
    workload: jsonSmall,
    connections: 256,
    pairs: [CHAT],
  },
  {
    id: "large-one",
    title: "JSON of 200 KiB to the model, 1 KiB back, one client",
    workload: jsonLarge,
    connections: 1,
    pairs: [CHAT, MESSAGES_TO_CHAT],
  },
  {
    id: "large",
    title: "JSON of 200 KiB to the model, 1 KiB back, 32 clients",
    workload: jsonLarge,
    connections: 32,
    pairs: [CHAT, MESSAGES_TO_CHAT],
  },
  {
    id: "large-crowd",
    title: "JSON of 200 KiB to the model, 1 KiB back, 256 clients",
    workload: jsonLarge,
    connections: 256,
    pairs: [CHAT, MESSAGES_TO_CHAT],
  },
  {
    id: "json-translate",
    title: "JSON of 1 KiB both ways, 32 clients, translated",
    workload: jsonSmall,
    connections: 32,
    pairs: crossedPairs,
  },
  {
    id: "stream",
    title: "burst of 200 deltas, 16 clients, same format",
    workload: burst,
    connections: 16,
    pairs: samePairs,
    aims: { sameRatio: 1.15 },
  },
  {
    id: "translate",
    title: "burst of 200 deltas, 16 clients, translated",
    workload: burst,
    connections: 16,
    pairs: crossedPairs,
    aims: { translatedRatio: 1.8 },
  },
  {
    id: "stream-one",
    title: "4 deltas, one every 2 ms, one client: the time to the first chunk",
    workload: streamed({ kind: "paced", deltas: 4, everyMs: 2 }),
    connections: 1,
    windows: 3,
    pairs: [CHAT, MESSAGES_TO_CHAT],
    aims: { addedFirstByteMs: 0.5 },
  },
];
