// Kills brokers while they refresh and counts what it cost: lockouts per 1,000 interrupted refreshes, tokens used
// twice, and how long the grants were out of use. `--victims all` kills the exchange child too, as a power failure
// does; then a strict server must lock out, and the figure says how often.

import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { RefreshUnderTest, storeGrant } from "../tests/oauth/refresh-under-test.ts";
import { RefreshWorker } from "../tests/oauth/refresh-workers.ts";
import { startTokenServer } from "../tests/oauth/token-server.ts";

const HELP = `Usage: npm run bench:refresh-crash -- [options]

  --kills <n>         brokers to kill (default 250)
  --grants <n>        grants that each of them is refreshing (default 4)
  --latency-ms <n>    between the provider's commit and its answer (default 50)
  --grace-ms <n>      the provider forgives a replay for this long (default 0: strict)
  --window-ms <n>     a kill falls anywhere in this time after the start (default 250)
  --victims <who>     "broker", or "all" for the exchange children too (default broker)
`;

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "250" },
    grants: { type: "string", default: "4" },
    "latency-ms": { type: "string", default: "50" },
    "grace-ms": { type: "string", default: "0" },
    "window-ms": { type: "string", default: "250" },
    victims: { type: "string", default: "broker" },
    help: { type: "boolean", short: "h", default: false },
  },
});
if (values.help) {
  console.log(HELP);
  process.exit(0);
}

const kills = Number(values.kills);
const graceMs = Number(values["grace-ms"]);
const rotation = graceMs > 0 ? { graceMs } : "always";
await using peer = await startTokenServer({ rotation });
await using under = new RefreshUnderTest(peer);
const vault = under.openVault();
const expires = Date.now() + 86_400_000;
const ids: number[] = [];
for (let n = 0; n < Number(values.grants); n += 1) {
  ids.push((await storeGrant(vault, peer, { expires })).id);
}
await peer.fault("slow-after-commit", {
  times: 1_000_000_000,
  delayMs: Number(values["latency-ms"]),
});

const recovering = under.refresher({ vault });
await using workers = new AsyncDisposableStack();
const startWorker = () => workers.use(new RefreshWorker(under, peer, { ids, freshMs: 0 }));
const outcomes = { interrupted: 0, finished: 0, lockouts: 0 };
const recoveryMs: number[] = [];

let next = startWorker();
for (let kill = 0; kill < kills; kill += 1) {
  const worker = next;
  next = startWorker();
  await worker.line();
  await worker.go();
  await Bun.sleep(Math.random() * Number(values["window-ms"]));
  const children = values.victims === "all" ? childrenOf(worker.pid) : [];
  worker.signal("SIGKILL");
  for (const pid of children) killQuietly(pid);
  await worker.exited;
  const open = vault.file.database.prepare("SELECT 1 FROM refresh_attempts").all().length;
  outcomes.interrupted += open;
  outcomes.finished += ids.length - open;
  const startedMs = performance.now();
  await recovering.sweep();
  if (open > 0) recoveryMs.push(performance.now() - startedMs);
  for (const [index, id] of ids.entries()) {
    if (await isUsable(id)) continue;
    outcomes.lockouts += 1;
    ids[index] = (await storeGrant(vault, peer, { expires })).id;
    // The one that waits would refresh what is gone.
    next = startWorker();
  }
}

const { reuses, forgiven, refreshes } = await peer.ledger();
const total = kills * ids.length;
recoveryMs.sort((a, b) => a - b);
console.log(
  `${kills} brokers killed, ${values.grants} grants each, ${JSON.stringify(rotation)}, victims: ${values.victims}`,
);
console.log(`refreshes interrupted            ${outcomes.interrupted} of ${total}`);
console.log(`lockouts                         ${outcomes.lockouts}`);
console.log(
  `lockouts per 1,000 interrupted   ${perThousand(outcomes.lockouts, outcomes.interrupted)}`,
);
console.log(`tokens used twice (forgiven)     ${reuses} (${forgiven}) in ${refreshes} refreshes`);
console.log(`recovery, p50 / max              ${at(0.5)} / ${at(1)} ms`);

async function isUsable(id: number): Promise<boolean> {
  const credential = vault.get(id)?.credential;
  if (credential?.type !== "oauth") return false;
  const family = await peer.family(credential.refresh);
  return family?.liveRefreshTokens.includes(credential.refresh) ?? false;
}

function childrenOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
    return text.split(" ").filter(Boolean).map(Number);
  } catch {
    // It was done before it could be killed.
    return [];
  }
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

function perThousand(count: number, of: number): string {
  return of === 0 ? "–" : ((count / of) * 1000).toFixed(1);
}

function at(quantile: number): string {
  const index = Math.min(recoveryMs.length - 1, Math.floor(recoveryMs.length * quantile));
  return recoveryMs[index]?.toFixed(0) ?? "–";
}
