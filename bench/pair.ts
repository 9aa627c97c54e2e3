// From one wire format to another: what a request through a gateway is, whatever it carries.

import { dialectIds, type DialectId } from "./dialects.ts";

/** From the format a client speaks to the one its upstream speaks. */
export interface Pair {
  readonly client: DialectId;
  readonly upstream: DialectId;
}

/** True for the pairs that need no translation. */
export function isSameFormat({ client, upstream }: Pair): boolean {
  return client === upstream;
}

/** Every format to itself. */
export const samePairs: readonly Pair[] = dialectIds.map((id) => ({ client: id, upstream: id }));

/** Every format to each of the others. */
export const crossedPairs: readonly Pair[] = dialectIds.flatMap((client) =>
  dialectIds.filter((upstream) => upstream !== client).map((upstream) => ({ client, upstream })),
);

/** One of each kind, to the same upstream, for what takes long to measure. */
export const chatPairs: readonly Pair[] = [
  { client: "chat", upstream: "chat" },
  { client: "messages", upstream: "chat" },
];
