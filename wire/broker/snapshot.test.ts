// The snapshot's shape is the contract with clients that refuse unknown keys: it is strict here too.

import { expect, test } from "bun:test";
import { BrokerHealth, CredentialSnapshot } from "./snapshot.ts";

const entry = {
  id: 1,
  provider: "openai",
  credential: { type: "api_key", key: "k" },
  identityKey: null,
  rotatesInMs: null,
};
const snapshot = {
  generation: 3,
  generatedAt: 1,
  serverNowMs: 1,
  refresher: { enabled: true, intervalMs: 60_000, skewMs: 300_000, nextSweepInMs: 10_000 },
  credentials: [entry],
};

test("a snapshot with all its parts is accepted, blocks included", () => {
  expect(CredentialSnapshot.parse(snapshot)).toEqual(snapshot as CredentialSnapshot);
  const block = { providerKey: "openai", blockScope: "all", blockedUntilMs: 9 };
  const blocked = { ...snapshot, credentials: [{ ...entry, blocks: [block] }] };
  expect(CredentialSnapshot.safeParse(blocked).success).toBe(true);
});

test("an unknown key is refused at the top, in an entry and in the health answer", () => {
  expect(CredentialSnapshot.safeParse({ ...snapshot, more: 1 }).success).toBe(false);
  const odd = { ...snapshot, credentials: [{ ...entry, more: 1 }] };
  expect(CredentialSnapshot.safeParse(odd).success).toBe(false);
  expect(BrokerHealth.safeParse({ ok: true, version: "1", more: 1 }).success).toBe(false);
  expect(BrokerHealth.safeParse({ ok: true }).success).toBe(true);
});
