// What a broker tells its clients: read with room for additions, never with a refresh token in it.

import { expect, test } from "bun:test";
import { BrokerHealth } from "./health.ts";
import { CredentialLeased } from "./lease.ts";
import { CredentialRefreshed, CredentialSnapshot } from "./snapshot.ts";
import { SnapshotStreamEvent } from "./stream.ts";

const entry = {
  id: 1,
  provider: "openai",
  credential: { type: "api_key", key: "k" },
  identityKey: null,
  rotatesInMs: null,
};
const refresher = { enabled: true, intervalMs: 60_000, skewMs: 300_000, nextSweepInMs: 10_000 };
const snapshot = {
  generation: 3,
  generatedAt: 1,
  serverNowMs: 1,
  refresher,
  credentials: [entry],
};
const grant = { type: "oauth", refresh: "__remote__", access: "a", expires: 1, tokenUrl: "u" };

function read(schema: { parse(value: unknown): unknown }, value: unknown): unknown {
  return schema.parse(value);
}

test("a snapshot with all its parts is accepted, blocks included", () => {
  expect(read(CredentialSnapshot, snapshot)).toEqual(snapshot);
  const block = { providerKey: "openai", blockScope: "all", blockedUntilMs: 9 };
  const blocked = { ...snapshot, credentials: [{ ...entry, blocks: [block] }] };
  expect(read(CredentialSnapshot, blocked)).toEqual(blocked);
});

test("what a newer peer adds is dropped, at the top, in an entry, in a key; a grant keeps it", () => {
  const key = { ...entry, more: 1, credential: { ...entry.credential, more: 1 } };
  const newer = { ...snapshot, more: 1, credentials: [key] };
  expect(read(CredentialSnapshot, newer)).toEqual(snapshot);
  expect(read(BrokerHealth, { ok: true, version: "1", more: 1 })).toEqual({
    ok: true,
    version: "1",
  });
  const oauth = { ...snapshot, credentials: [{ ...entry, credential: grant }] };
  expect(read(CredentialSnapshot, oauth)).toEqual(oauth);
});

test("a refresh token that a peer forgot to redact does not survive the reading", () => {
  const { rotatesInMs: _, ...row } = entry;
  const leaky = { entry: { ...row, credential: { ...grant, refresh: "r-canary" } } };
  expect(read(CredentialRefreshed, leaky)).toEqual({ entry: { ...row, credential: grant } });
});

test.each([
  ["a missing part", { ...snapshot, credentials: undefined }],
  ["a fraction of a generation", { ...snapshot, generation: 1.5 }],
  ["an id that is no row's", { ...snapshot, credentials: [{ ...entry, id: 0 }] }],
  [
    "a key no header can carry",
    { ...snapshot, credentials: [{ ...entry, credential: { type: "api_key", key: "a\nb" } }] },
  ],
])("%s is refused", (_name, value) => {
  expect(CredentialSnapshot.safeParse(value).success).toBe(false);
});

test("each event of the stream is known by its kind", () => {
  const change = { generation: 4, serverNowMs: 2, refresher };
  const events = [
    { kind: "snapshot", ...snapshot },
    { kind: "entry", ...change, entry },
    { kind: "removed", ...change, id: 1 },
  ];
  for (const event of events) expect(read(SnapshotStreamEvent, event)).toEqual(event);
  for (const event of [
    { kind: "entry", ...change, id: 1 },
    { kind: "else", ...change },
    { ...snapshot },
  ]) {
    expect(SnapshotStreamEvent.safeParse(event).success).toBe(false);
  }
});

test("a lease names its row, its key and its end", () => {
  const { identityKey: _i, rotatesInMs: _r, ...row } = entry;
  const leased = { lease: { ...row, leasedUntilMs: 9 } };
  expect(read(CredentialLeased, leased)).toEqual(leased);
  expect(CredentialLeased.safeParse({ lease: row }).success).toBe(false);
});
