// Whatever bytes a stream brings, the reader gives whole frames or one error of its own kind.

import { describe, expect, test } from "bun:test";
import {
  array,
  assert,
  constantFrom,
  integer,
  nat,
  oneof,
  property,
  string,
  uint8Array,
} from "fast-check";
import { type SnapshotStreamEvent, STREAM_KEEP_ALIVE, streamFrame } from "#wire";
import { BrokerProtocolError } from "../errors.ts";
import { type Frame, FrameReader } from "./frame-reader.ts";

const refresher = { enabled: true, intervalMs: 1, skewMs: 2, nextSweepInMs: 3 };
const change = { generation: 7, serverNowMs: 1, refresher };
const removed: SnapshotStreamEvent = { kind: "removed", ...change, id: 5 };
const entry: SnapshotStreamEvent = {
  kind: "entry",
  ...change,
  generation: 8,
  entry: {
    id: 6,
    provider: "p",
    credential: { type: "api_key", key: "k-canary" },
    identityKey: "ü",
    rotatesInMs: null,
  },
};
const valid =
  STREAM_KEEP_ALIVE + streamFrame(removed, { after: 4 }) + streamFrame(entry, { after: 7 });

function readAll(chunks: readonly Uint8Array[], options: { maxChars?: number } = {}): Frame[] {
  const reader = new FrameReader("http://broker.test", options);
  return chunks.flatMap((chunk) => [...reader.push(chunk)]);
}

function problem(text: string | Uint8Array, options: { maxChars?: number } = {}): string {
  try {
    readAll([Buffer.from(text)], options);
  } catch (error) {
    expect(error).toBeInstanceOf(BrokerProtocolError);
    return String(error);
  }
  return "none";
}

describe("a stream", () => {
  test("gives the same frames however its bytes are cut", () => {
    const bytes = Buffer.from(valid);
    const whole = readAll([bytes]);
    expect(whole).toEqual([
      { event: removed, id: "7", after: 4 },
      { event: entry, id: "8", after: 7 },
    ]);
    for (let at = 0; at <= bytes.length; at++) {
      expect(readAll([bytes.subarray(0, at), bytes.subarray(at)])).toEqual(whole);
    }
  });

  test("of events nobody has told us of is passed over", () => {
    expect(
      readAll([Buffer.from(`event: weather\ndata: sunny\n\n${streamFrame(removed)}`)]),
    ).toEqual([{ event: removed, id: "7", after: undefined }]);
  });
});

describe("a frame is unreadable, and says nothing of what it held,", () => {
  test.each([
    ["when it is no JSON", "event: entry\ndata: {canary\n\n"],
    ["when it is another shape", `event: entry\ndata: ${JSON.stringify({ kind: "canary" })}\n\n`],
    ["when it has no name and no kind", "data: canary\n\n"],
    ["when its two names differ", streamFrame(entry).replace("event: entry", "event: removed")],
  ])("%s", (_name, text) => {
    expect(problem(text)).toContain("a frame of the snapshot stream");
    expect(problem(text)).not.toContain("canary");
  });

  test("when it is not UTF-8", () => {
    expect(problem(Buffer.from([0x64, 0xff, 0xfe]))).toContain("is not UTF-8");
  });

  test("when it is longer than is kept, on one line or on many, ended or not", () => {
    const maxChars = 1_000;
    expect(problem(`data: ${"x".repeat(2_000)}`, { maxChars })).toContain("is too long");
    expect(problem(`data: ${"x".repeat(2_000)}\n\n`, { maxChars })).toContain("is too long");
    expect(problem("data: x\n".repeat(2_000), { maxChars })).toContain("is too long");
  });
});

test("ten thousand damaged streams give frames or an error of the protocol, nothing else", () => {
  const bytes = Buffer.from(
    valid + streamFrame({ kind: "snapshot", ...change, generatedAt: 1, credentials: [] }),
  );
  const damage = oneof(
    uint8Array({ maxLength: 64 }),
    array(integer({ min: 0, max: bytes.length - 1 }), { maxLength: 8 }).map((places) => {
      const damaged = Buffer.from(bytes);
      for (const place of places) damaged[place] = (damaged[place] ?? 0) ^ (1 << (place % 8));
      return new Uint8Array(damaged);
    }),
    array(
      oneof(
        constantFrom(
          "data: ",
          "event: entry",
          "id: 1",
          ": after 3",
          "\n",
          "\r",
          "\r\n",
          "\n\n",
          "{",
          "null",
        ),
        constantFrom(...valid.split("\n")),
        string(),
      ),
    ).map((lines) => new Uint8Array(Buffer.from(lines.join("\n")))),
  );
  assert(
    property(damage, nat(200), (stream, at) => {
      try {
        for (const { event } of readAll([stream.subarray(0, at), stream.subarray(at)])) {
          expect(["snapshot", "entry", "removed"]).toContain(event.kind);
        }
      } catch (error) {
        if (!(error instanceof BrokerProtocolError)) throw error;
        expect(error.message).not.toContain("canary");
      }
    }),
    { numRuns: 10_000 },
  );
});
