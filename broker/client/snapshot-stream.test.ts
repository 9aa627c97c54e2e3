// A follower of the stream ends up with what the broker has, whatever the network does in between.

import { afterEach, describe, expect, test } from "bun:test";
import {
  array,
  assert,
  asyncProperty,
  constantFrom,
  double,
  integer,
  nat,
  oneof,
  record,
} from "fast-check";
import type { SnapshotEntry, SnapshotStreamEvent } from "#wire";
import { STREAM_KEEP_ALIVE, streamFrame } from "#wire";
import { BrokerProtocolError, BrokerUnreachable } from "../errors.ts";
import { LiveSnapshot } from "./live-snapshot.ts";
import { ScriptedBroker, until } from "./scripted-broker.ts";
import {
  followStream,
  type FollowStreamOptions,
  STEADY_MS,
  type TakeFrame,
} from "./snapshot-stream.ts";

const refresher = { enabled: false, intervalMs: 1, skewMs: 1, nextSweepInMs: 1 };
const EMPTY = { generation: 0, generatedAt: 0, serverNowMs: 0, refresher, credentials: [] };
const key = (text: string) => ({ type: "api_key", key: text }) as const;

const brokers: ScriptedBroker[] = [];

afterEach(async () => {
  await Promise.all(brokers.splice(0).map((broker) => broker.stop()));
});

/** Follows a scripted broker; `stop` ends it and says how it ended. */
function followed(options: FollowStreamOptions = {}) {
  const broker = new ScriptedBroker();
  brokers.push(broker);
  const live = new LiveSnapshot(EMPTY);
  const errors: unknown[] = [];
  const pauses: number[] = [];
  const stopping = new AbortController();
  const start = () =>
    followStream(broker.client(), applyTo(live), stopping.signal, {
      onError: (error) => errors.push(error),
      sleep: async (ms) => void pauses.push(ms),
      random: () => 0.5,
      ...options,
    });
  return { broker, live, errors, pauses, stopping, start };
}

function applyTo(live: LiveSnapshot): TakeFrame {
  return (frame, { isFirst }) => {
    if (!isFirst || frame.event.kind !== "snapshot") return live.apply(frame);
    live.replace(frame.event);
    return "changed";
  };
}

describe("a follower", () => {
  test("begins with everything, then hears of each change", async () => {
    const { broker, live, stopping, start } = followed();
    broker.put(1, "openai", key("k-1"));
    const following = start();
    await until(() => live.generation === 2);
    broker.put(2, "openai", key("k-2"));
    broker.remove(1);
    await until(() => live.generation === 4);
    expect([...live.entries.keys()]).toEqual([2]);
    expect(broker.of("GET", "/v1/snapshot/stream")).toHaveLength(1);
    stopping.abort();
    expect(await following).toBe("stopped");
  });

  test("resumes after the last frame it applied", async () => {
    const { broker, live, stopping, start } = followed();
    const following = start();
    await until(() => live.generation === 1);
    broker.put(1, "openai", key("k-1"));
    await until(() => live.generation === 2);
    broker.cut();
    await until(() => broker.seen.length === 2);
    const ids = broker.seen.map(({ headers }) => headers.get("last-event-id"));
    expect(ids).toEqual([null, "2"]);
    stopping.abort();
    await following;
  });

  test.each([
    [
      "a gap",
      streamFrame(
        { kind: "removed", generation: 9, serverNowMs: 1, refresher, id: 1 },
        { after: 8 },
      ),
    ],
    ["a frame that cannot be read", "event: entry\ndata: {}\n\n"],
    ["an event without data", "data:\n\n"],
  ])("starts over with everything after %s", async (_name, text) => {
    const { broker, live, errors, stopping, start } = followed();
    const following = start();
    await until(() => live.generation === 1);
    broker.push(text);
    await until(() => broker.seen.length === 2);
    expect(errors[0]).toBeInstanceOf(BrokerProtocolError);
    const ids = broker.seen.map(({ headers }) => headers.get("last-event-id"));
    expect(ids).toEqual([null, null]);
    stopping.abort();
    await following;
  });

  test("takes a change for the beginning only when it resumes", async () => {
    const { broker, errors, stopping, start } = followed();
    const frame = streamFrame({ kind: "removed", generation: 1, serverNowMs: 1, refresher, id: 1 });
    let asked = 0;
    broker.script = () => (asked++ === 0 ? events(frame) : undefined);
    const following = start();
    await until(() => broker.followers === 1);
    expect(errors[0]).toBeInstanceOf(BrokerProtocolError);
    stopping.abort();
    await following;
  });

  test("reconnects when nothing has come for a while, not even a keep-alive", async () => {
    const { broker, live, errors, stopping, start } = followed({ silenceMs: 100 });
    const following = start();
    await until(() => live.generation === 1);
    broker.push(STREAM_KEEP_ALIVE);
    await until(() => broker.seen.length >= 2);
    expect(errors[0]).toBeInstanceOf(BrokerUnreachable);
    stopping.abort();
    await following;
  });

  test("leaves a broker without a stream for good", async () => {
    const { broker, pauses, start } = followed();
    broker.script = () => Response.json({ error: "No route" }, { status: 404 });
    expect(await start()).toBe("unsupported");
    expect(pauses).toEqual([]);
  });

  test.each([
    ["an HTML page", () => new Response("<html>", { headers: { "content-type": "text/html" } })],
    ["an error", () => Response.json({ error: "busy" }, { status: 503 })],
    ["a refused token", () => Response.json({ error: "unauthorized" }, { status: 401 })],
    ["a stream that ends at once", () => events("")],
  ])("leaves a broker that answers with %s alone for longer and longer", async (_name, answer) => {
    const { broker, errors, pauses, stopping, start } = followed({ monotonicMs: () => 0 });
    broker.script = answer;
    const following = start();
    await until(() => pauses.length >= 4);
    stopping.abort();
    await following;
    expect(pauses.slice(0, 4)).toEqual([500, 1_000, 2_000, 4_000]);
    expect(errors.length).toBeGreaterThanOrEqual(4);
  });

  test("counts failures anew after a connection that lasted", async () => {
    let nowMs = 0;
    const { broker, pauses, stopping, start } = followed({ monotonicMs: () => nowMs });
    let asked = 0;
    broker.script = () => {
      asked += 1;
      if (asked === 3) nowMs += STEADY_MS;
      return events("");
    };
    const following = start();
    await until(() => pauses.length >= 4);
    stopping.abort();
    await following;
    expect(pauses.slice(0, 4)).toEqual([500, 1_000, 500, 1_000]);
  });

  test("stops at once, also while it waits", async () => {
    const { broker, live, stopping, start } = followed();
    const following = start();
    await until(() => live.generation === 1);
    stopping.abort();
    expect(await following).toBe("stopped");
    await until(() => broker.followers === 0);
    const waiting = followed();
    waiting.broker.script = () => events("");
    const isWaiting = followStream(waiting.broker.client(), () => "gap", waiting.stopping.signal, {
      random: () => 1,
      onError: () => waiting.stopping.abort(),
    });
    expect(await isWaiting).toBe("stopped");
  });
});

function events(text: string): Response {
  return new Response(text, { headers: { "content-type": "text/event-stream" } });
}

/** A broker that remembers who changed when, and tells a resuming client only the last change of each. */
class ModelBroker {
  readonly #entries = new Map<number, SnapshotEntry>();
  readonly #lastChange = new Map<number, number>();
  generation = 1;

  change(id: number, isRemoved: boolean): void {
    this.generation += 1;
    this.#lastChange.set(id, this.generation);
    if (isRemoved) this.#entries.delete(id);
    else this.#entries.set(id, { ...entryOf(id), identityKey: `at ${this.generation}` });
  }

  get state() {
    return new Map([...this.#entries].toSorted(([a], [b]) => a - b));
  }

  snapshot(): SnapshotStreamEvent {
    const credentials = [...this.#entries.values()];
    return { ...EMPTY, kind: "snapshot", generation: this.generation, credentials };
  }

  since(generation: number): string[] {
    let after = generation;
    const due = [...this.#lastChange].filter(([, at]) => at > generation);
    return due
      .toSorted(([, a], [, b]) => a - b)
      .map(([id, at]) => {
        const change = { generation: at, serverNowMs: 0, refresher };
        const entry = this.#entries.get(id);
        const frame: SnapshotStreamEvent = entry
          ? { kind: "entry", ...change, entry }
          : { kind: "removed", ...change, id };
        const text = streamFrame(frame, { after });
        after = at;
        return text;
      });
  }
}

function entryOf(id: number): SnapshotEntry {
  return { id, provider: "p", credential: key("k"), identityKey: null, rotatesInMs: null };
}

const step = oneof(
  record({ change: integer({ min: 1, max: 5 }), isRemoved: constantFrom(true, false, false) }),
  record({
    mangle: constantFrom("drop", "repeat", "swap", "replay" as const),
    at: double({ min: 0, max: 1, noNaN: true }),
  }),
  record({ cutAfterBytes: nat(400) }),
);

test("frames dropped, repeated, reordered and cut off leave no difference in the end", async () => {
  await assert(
    asyncProperty(array(array(step, { maxLength: 12 }), { maxLength: 8 }), async (connections) => {
      const model = new ModelBroker();
      const live = new LiveSnapshot(EMPTY);
      const stopping = new AbortController();
      const earlier: string[] = [];
      const plans = [...connections];
      const client = {
        url: "http://model.test",
        openStream: async ({ lastEventId }: { lastEventId?: string | undefined }) => {
          const plan = plans.shift();
          for (const one of plan ?? []) {
            if ("change" in one) model.change(one.change, one.isRemoved);
          }
          const frames =
            lastEventId === undefined
              ? [streamFrame(model.snapshot())]
              : model.since(Number(lastEventId));
          // Changes that happen while the connection is up go out one by one.
          for (const one of plan ?? []) {
            if (!("change" in one)) continue;
            const before = model.generation;
            model.change(one.change, !one.isRemoved);
            frames.push(...model.since(before));
          }
          const sent = mangled(frames, plan ?? [], earlier);
          earlier.push(...frames);
          const chunks = [Buffer.from(sent)];
          return {
            read: async () => {
              const chunk = chunks.shift();
              if (chunk === undefined && plans.length === 0 && plan === undefined) stopping.abort();
              return chunk;
            },
            close: () => {},
          };
        },
      };
      await followStream(client, applyTo(live), stopping.signal, { sleep: async () => {} });
      expect(new Map([...live.entries].toSorted(([a], [b]) => a - b))).toEqual(model.state);
      expect(live.generation).toBe(model.generation);
    }),
    { numRuns: 2_000 },
  );
});

type Step = typeof step extends { generate: (...args: never[]) => { value: infer T } } ? T : never;

function mangled(
  frames: readonly string[],
  plan: readonly Step[],
  earlier: readonly string[],
): string {
  const sent = [...frames];
  let end = Infinity;
  for (const one of plan) {
    if ("cutAfterBytes" in one) end = one.cutAfterBytes;
    if (!("mangle" in one)) continue;
    const at = Math.floor(one.at * sent.length);
    const frame = sent[at];
    if (one.mangle === "replay") sent.splice(at, 0, ...earlier.slice(-3));
    else if (frame === undefined) continue;
    else if (one.mangle === "drop") sent.splice(at, 1);
    else if (one.mangle === "repeat") sent.splice(at, 0, frame);
    else sent.splice(at, 2, ...sent.slice(at, at + 2).toReversed());
  }
  return sent.join("").slice(0, end);
}
