// Which frames change what is known, and which do not.

import { describe, expect, test } from "bun:test";
import type { SnapshotEntry, SnapshotStreamEvent } from "#wire";
import { LiveSnapshot } from "./live-snapshot.ts";

const refresher = { enabled: false, intervalMs: 1, skewMs: 1, nextSweepInMs: 1 };
const first = {
  generation: 5,
  generatedAt: 50,
  serverNowMs: 50,
  refresher,
  credentials: [entry(1), entry(2)],
};

function entry(id: number, identityKey: string | null = null): SnapshotEntry {
  const credential = { type: "api_key", key: "k" } as const;
  return { id, provider: "p", credential, identityKey, rotatesInMs: null };
}

function apply(event: SnapshotStreamEvent, after?: number) {
  const live = new LiveSnapshot(first);
  const outcome = live.apply({ event, id: undefined, after });
  return { outcome, generation: live.generation, entries: [...live.entries.values()] };
}

function changed(generation: number): SnapshotStreamEvent {
  const change = { generation, serverNowMs: 60, refresher };
  return { kind: "entry", ...change, entry: entry(1, "new") };
}

describe("a change", () => {
  test.each([
    ["that follows what is known is applied", 6, 5, "changed"],
    ["is applied also when generations between were skipped", 9, 5, "changed"],
    ["that follows something older is applied when it is news", 6, 3, "changed"],
    ["that is known is a repetition", 5, 4, "repeated"],
    ["that follows something unknown is a gap", 8, 7, "gap"],
  ])("%s", (_name, generation, after, outcome) => {
    const result = apply(changed(generation), after);
    expect(result.outcome).toBe(outcome as "gap");
    const isChanged = outcome === "changed";
    expect(result.generation).toBe(isChanged ? generation : 5);
    expect(result.entries).toEqual([isChanged ? entry(1, "new") : entry(1), entry(2)]);
  });

  test("of a broker that does not say what it follows is taken in its order, one generation at a time or not", () => {
    expect(apply(changed(5)).outcome).toBe("changed");
    expect(apply(changed(9)).outcome).toBe("changed");
    expect(apply(changed(4)).outcome).toBe("repeated");
  });
});

test("an older snapshot in the middle of a connection is a repetition, a newer one is everything", () => {
  const old: SnapshotStreamEvent = { ...first, kind: "snapshot", generation: 4, credentials: [] };
  expect(apply(old)).toMatchObject({ outcome: "repeated", generation: 5 });
  expect(apply({ ...old, generation: 6 })).toEqual({
    outcome: "changed",
    generation: 6,
    entries: [],
  });
});

test("an answered row takes its place, and never comes back once it is removed", () => {
  const live = new LiveSnapshot(first);
  live.put(entry(2, "refreshed"));
  live.remove(1);
  live.put(entry(1, "late"));
  expect(live.toSnapshot()).toEqual({ ...first, credentials: [entry(2, "refreshed")] });
});
