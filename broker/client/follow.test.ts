// Following sees every change once, and pauses longer and longer while the broker is of no use.

import { describe, expect, test } from "bun:test";
import type { CredentialSnapshot } from "#wire";
import type { SnapshotRequest } from "./broker-client.ts";
import { follow, LONG_POLL_MS } from "./follow.ts";

type Answer = CredentialSnapshot | undefined | Error;

function snapshot(generation: number): CredentialSnapshot {
  const refresher = { enabled: false, intervalMs: 0, skewMs: 0, nextSweepInMs: 0 };
  return { generation, generatedAt: 0, serverNowMs: 0, refresher, credentials: [] };
}

/** Follows a broker that gives these answers, then is stopped; reports what happened. */
async function followed(answers: Answer[], { generation }: { generation?: number } = {}) {
  const controller = new AbortController();
  const requests: SnapshotRequest[] = [];
  const seen: number[] = [];
  const errors: unknown[] = [];
  const pauses: number[] = [];
  const client = {
    fetchSnapshot: async (request: SnapshotRequest = {}) => {
      requests.push(request);
      const answer = answers.shift();
      if (answers.length === 0) controller.abort();
      if (answer instanceof Error) throw answer;
      return answer;
    },
  };
  await follow(client, (next) => seen.push(next.generation), controller.signal, {
    ...(generation !== undefined && { generation }),
    onError: (error) => errors.push(error),
    sleep: async (ms) => void pauses.push(ms),
    random: () => 0.5,
  });
  return { requests, seen, errors, pauses };
}

describe("following", () => {
  test("asks for all first, then for what differs from the last seen generation", async () => {
    const { requests, seen, pauses } = await followed([
      snapshot(3),
      undefined,
      snapshot(5),
      undefined,
    ]);
    expect(seen).toEqual([3, 5]);
    expect(requests.map(({ generation, waitMs }) => [generation, waitMs])).toEqual([
      [undefined, undefined],
      [3, LONG_POLL_MS],
      [3, LONG_POLL_MS],
      [5, LONG_POLL_MS],
    ]);
    expect(pauses).toEqual([]);
  });

  test("takes a lower generation too: the vault behind the broker was restored", async () => {
    expect((await followed([snapshot(3), undefined], { generation: 9 })).seen).toEqual([3]);
  });

  test("doubles its pause with each failure, up to a cap, and starts over after a success", async () => {
    const down = Array.from({ length: 8 }, () => new Error("down"));
    const { pauses, errors } = await followed([...down, snapshot(1), new Error("down"), undefined]);
    expect(pauses).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 500]);
    expect(errors).toHaveLength(9);
  });

  test("pauses when a broker repeats the known generation instead of holding the request", async () => {
    const { pauses, seen } = await followed([snapshot(1), snapshot(1), snapshot(1), undefined]);
    expect(seen).toEqual([1]);
    expect(pauses).toEqual([500, 1000]);
  });
});
