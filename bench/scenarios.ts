// What is measured: each scenario is a workload and the pairs of formats it runs through. To add one, add an
// entry; the measuring and the report walk the list.

import { dialectIds, type DialectId } from "./dialects.ts";
import type { Shape } from "./workload.ts";

/** From the format a client speaks to the one its upstream speaks. */
export interface Pair {
  readonly client: DialectId;
  readonly upstream: DialectId;
}

/** One entry of the list. */
export interface Scenario {
  readonly id: string;
  readonly title: string;
  readonly shape: Shape;
  readonly connections: number;
  readonly pairs: readonly Pair[];
  /** Most CPU per request that is aimed at, as a multiple of the bare pass-through. */
  readonly targetRatio?: number;
}

const same: readonly Pair[] = dialectIds.map((id) => ({ client: id, upstream: id }));
const crossed: readonly Pair[] = dialectIds.flatMap((client) =>
  dialectIds.filter((upstream) => upstream !== client).map((upstream) => ({ client, upstream })),
);

const CHAT: Pair = { client: "chat", upstream: "chat" };

/** Every scenario, in the order it runs and prints. */
export const scenarios: readonly Scenario[] = [
  {
    id: "json",
    title: "JSON of 1 KiB both ways, 16 clients, same format",
    shape: "json",
    connections: 16,
    pairs: same,
    targetRatio: 1.5,
  },
  {
    id: "json-one",
    title: "JSON of 1 KiB both ways, one client",
    shape: "json",
    connections: 1,
    pairs: [CHAT],
  },
  {
    id: "json-crowd",
    title: "JSON of 1 KiB both ways, 256 clients",
    shape: "json",
    connections: 256,
    pairs: [CHAT],
  },
  {
    id: "json-large",
    title: "JSON of 200 KiB to the model, 1 KiB back, 8 clients",
    shape: "large",
    connections: 8,
    pairs: [CHAT, { client: "messages", upstream: "chat" }],
  },
  {
    id: "json-translate",
    title: "JSON of 1 KiB both ways, 16 clients, translated",
    shape: "json",
    connections: 16,
    pairs: crossed,
  },
  {
    id: "stream",
    title: "burst of 200 deltas, 16 clients, same format",
    shape: "stream",
    connections: 16,
    pairs: same,
    targetRatio: 1.15,
  },
  {
    id: "translate",
    title: "burst of 200 deltas, 16 clients, translated",
    shape: "stream",
    connections: 16,
    pairs: crossed,
    targetRatio: 1.8,
  },
];
