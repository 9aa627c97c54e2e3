// A write-ahead log that was cut or altered, as by a power failure in the middle of a write: the vault holds a prefix
// of what was acknowledged, or is refused. It never holds anything else.

import { afterAll, beforeAll, expect, test } from "bun:test";
import * as fc from "fast-check";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseError, environment } from "#platform";
import { BrokerError } from "../../broker/errors.ts";
import { Vault } from "../../broker/vault/vault.ts";
import { CANARY, homeOf, withVault } from "./actions.ts";

const RUNS = environment().PARLEY_FAULTS === "all" ? 5_000 : 300;
const CHANGES = 12;

let folder: string;
let template: string;
let log: Buffer;
/** What the vault held after each acknowledged change, and before the first. */
const acknowledged: string[] = [];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "parley-torn-"));
  const live = join(folder, "live");
  withVault(live, () => {});
  const vault = Vault.open(homeOf(live));
  acknowledged.push(contentOf(vault));
  for (let turn = 0; turn < CHANGES; turn++) {
    change(vault, turn);
    acknowledged.push(contentOf(vault));
  }
  // Copied while it is open: this is what a killed process leaves.
  template = join(folder, "template");
  cpSync(live, template, { recursive: true });
  vault.close();
  log = readFileSync(logOf(template));
});
afterAll(() => rmSync(folder, { recursive: true }));

const logOf = (root: string) => join(homeOf(root), "vault.db-wal");

function change(vault: Vault, turn: number): void {
  const grant = (each: number) => ({
    type: "oauth" as const,
    refresh: `${CANARY}-refresh-${each}`,
    access: `${CANARY}-access-${each}`,
    expires: each,
    email: "a@example.test",
  });
  const { id } = vault.read().credentials.find(({ provider }) => provider === "mcp") ?? {};
  if (id === undefined) vault.upsert("mcp", grant(turn));
  else if (turn % 3 > 0) vault.upsert("openai", { type: "api_key", key: `${CANARY}-${turn}` });
  else vault.rotate(id, { usedRefresh: `${CANARY}-refresh-${turn - 3}`, credential: grant(turn) });
}

function contentOf(vault: Vault): string {
  const { credentials } = vault.read();
  return JSON.stringify(credentials.map(({ provider, credential }) => [provider, credential]));
}

/** How many of the changes are there; undefined for a refusal. Throws for anything else. */
function changesIn(damaged: Uint8Array): number | undefined {
  const root = mkdtempSync(join(folder, "run-"));
  cpSync(template, root, { recursive: true });
  writeFileSync(logOf(root), damaged);
  // The index of the log died with the process; a restarted machine has none either.
  rmSync(join(homeOf(root), "vault.db-shm"), { force: true });
  try {
    const count = acknowledged.indexOf(withVault(root, contentOf));
    expect(count).toBeGreaterThanOrEqual(0);
    withVault(root, (vault) => vault.upsert("groq", { type: "api_key", key: CANARY }));
    return count;
  } catch (error) {
    if (error instanceof BrokerError || error instanceof DatabaseError) return undefined;
    throw error;
  } finally {
    rmSync(root, { recursive: true });
  }
}

test("a whole log gives every acknowledged change", () => {
  expect(changesIn(log)).toBe(CHANGES);
  expect(readdirSync(homeOf(template))).toContain("vault.db-wal");
});

test("a log cut anywhere gives a prefix of the acknowledged changes, longer with every byte", () => {
  let longest = 0;
  const lengths = fc.sample(fc.integer({ min: 0, max: log.length }), RUNS / 3);
  for (const length of lengths.toSorted((a, b) => a - b)) {
    const count = changesIn(log.subarray(0, length)) ?? -1;
    expect(count).toBeGreaterThanOrEqual(longest);
    longest = count;
  }
});

test("a log with a flipped bit gives a prefix of the acknowledged changes, or is refused", () => {
  const places = fc.tuple(fc.nat(log.length - 1), fc.nat(7));
  fc.assert(
    fc.property(places, ([offset, bit]) => {
      const bytes = Buffer.from(log);
      bytes.writeUInt8(bytes.readUInt8(offset) ^ (1 << bit), offset);
      changesIn(bytes);
    }),
    { numRuns: RUNS },
  );
});
