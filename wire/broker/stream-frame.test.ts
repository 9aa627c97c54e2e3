// A frame survives any reader of event streams, and only ours sees the chain in it.

import { expect, test } from "bun:test";
import { createParser } from "eventsource-parser";
import { SnapshotStreamEvent } from "./stream.ts";
import { readAfter, STREAM_KEEP_ALIVE, streamFrame } from "./stream-frame.ts";

const refresher = { enabled: true, intervalMs: 1, skewMs: 2, nextSweepInMs: 3 };
const removed: SnapshotStreamEvent = {
  kind: "removed",
  generation: 7,
  serverNowMs: 1,
  refresher,
  id: 5,
};

function read(text: string) {
  const events: { event: string | undefined; id: string | undefined; data: unknown }[] = [];
  const comments: string[] = [];
  createParser({
    onEvent: ({ event, id, data }) => events.push({ event, id, data: JSON.parse(data) }),
    onComment: (comment) => comments.push(comment),
  }).feed(text);
  return { events, comments };
}

test("a frame holds its event, the id to resume from, and what it follows", () => {
  const { events, comments } = read(streamFrame(removed, { after: 5 }));
  expect(events).toEqual([{ event: "removed", id: "7", data: removed }]);
  expect(comments.map(readAfter)).toEqual([5]);
});

test("a frame that follows nothing says nothing, and a keep-alive is no event", () => {
  const { events, comments } = read(streamFrame(removed) + STREAM_KEEP_ALIVE);
  expect(events).toHaveLength(1);
  expect(comments.map(readAfter)).toEqual([undefined]);
});

test("a line break in a credential stays inside its line of data", () => {
  const entry = {
    id: 1,
    provider: "p",
    credential: { type: "oauth", refresh: "__remote__", access: "a", expires: 1, note: "a\nb\r\n" },
    identityKey: "x\u2028\n",
    rotatesInMs: null,
  };
  const { generation, serverNowMs } = removed;
  const event = SnapshotStreamEvent.parse({
    kind: "entry",
    generation,
    serverNowMs,
    refresher,
    entry,
  });
  expect(read(streamFrame(event)).events.map(({ data }) => data)).toEqual([event]);
});

test.each(["after", "after -1", "after 1.5", "after 1 2", "after 9999999999999999", "keep-alive"])(
  "the comment %j names no generation",
  (comment) => expect(readAfter(comment)).toBeUndefined(),
);
