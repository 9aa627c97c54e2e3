// `npm run bench:broker`: what a broker costs: start, memory, one change sent to thousands of subscribers, and a
// thousand accounts that all need a refresh at once. Prints figures; never fails because of one.

import { mkdtempSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { environment } from "#platform";
import { spawnPeer } from "../tests/oauth/peer-control.ts";
import { BenchError } from "./bench-error.ts";
import { account, type BrokerProcess, startBroker, upload } from "./broker/broker-process.ts";
import { Connected, SubscriberResult } from "./broker/subscriber-job.ts";
import { cpuSeconds, memoryMib, requireProc } from "./process-cost.ts";
import { median } from "./quantile.ts";
import { startScript, type Workplace } from "./target.ts";

const HELP = `Usage: npm run bench:broker -- [options]

  --starts <n>       cold starts (default 7)
  --accounts <n>     OAuth accounts in the vault (default 200)
  --subscribers <n>  streams that follow it (default 2000)
  --changes <n>      changes sent to them, one after another (default 9)
  --storm <n>        accounts that need a refresh at once (default 1000; 0 leaves it out)
`;

interface Sizes {
  readonly starts: number;
  readonly accounts: number;
  readonly subscribers: number;
  readonly changes: number;
  readonly storm: number;
}

async function main(sizes: Sizes): Promise<void> {
  requireProc();
  const { PATH = "" } = environment();
  const folder = mkdtempSync(join(tmpdir(), "parley-bench-broker-"));
  const place: Workplace = { folder, env: { PATH } };
  print(`Bun ${Bun.version}; load average ${(loadavg()[0] ?? 0).toFixed(1)}`);
  try {
    await coldStarts(place, sizes);
    await fanOut(place, sizes);
    if (sizes.storm > 0) await storm(place, sizes);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function coldStarts(place: Workplace, { starts }: Sizes): Promise<void> {
  const times: number[] = [];
  let idleMib = 0;
  for (let round = 0; round < starts; round++) {
    const broker = await startBroker(place, "start");
    times.push(broker.startedInMs);
    idleMib = memoryMib(broker.child.pid).now;
    await broker.child.stop();
  }
  print(`cold start  ${ms(median(times))} to the ready line, ${mib(idleMib)} resident`);
}

async function fanOut(place: Workplace, sizes: Sizes): Promise<void> {
  const broker = await startBroker(place);
  try {
    for (let index = 0; index < sizes.accounts; index++) await upload(broker, account(index));
    const filled = memoryMib(broker.child.pid).now;
    print(`${sizes.accounts} accounts  ${mib(filled)} resident`);
    const own = await broadcast("broker", broker, place, sizes);
    const bare = await bareBroadcast(place, sizes);
    print(`cpu per change, broker / bare broadcast: ${(own / bare).toFixed(2)}`);
  } finally {
    await broker.child.stop();
  }
}

async function bareBroadcast(place: Workplace, sizes: Sizes): Promise<number> {
  const child = startScript("broker/bare-broadcast.ts", [], place);
  try {
    const ready = await child.receive();
    const url = String(Reflect.get(Object(ready), "url"));
    return await broadcast("bare", { url, token: "none", child, startedInMs: 0 }, place, sizes);
  } finally {
    await child.stop();
  }
}

/** Subscribes thousands, changes one account at a time; CPU seconds of the server per change. */
async function broadcast(
  name: string,
  server: BrokerProcess,
  place: Workplace,
  { subscribers, changes }: Sizes,
): Promise<number> {
  const clients = startScript("broker/subscribers.ts", [], place);
  try {
    const { url, token } = server;
    clients.send({ url, token, subscribers });
    const { connectedInMs } = Connected.parse(await clients.receive());
    const mibNow = memoryMib(server.child.pid).now;
    print(`${name}: ${subscribers} subscribers in ${ms(connectedInMs)}, ${mib(mibNow)} resident`);
    clients.send({ count: true });
    await clients.receive();
    const cpuBefore = cpuSeconds(server.child.pid);
    for (let round = 0; round < changes; round++) {
      await upload(server, account(0, { access: `access-${round}-`.padEnd(120, "y") }));
      await Bun.sleep(100);
    }
    const cpu = (cpuSeconds(server.child.pid) - cpuBefore) / changes;
    clients.send({ report: true });
    const result = SubscriberResult.parse(await clients.receive());
    const frames = `${result.minFrames}–${result.maxFrames} frames for ${changes} changes`;
    const bytes = Math.round(result.maxBytes / Math.max(1, result.maxFrames));
    print(
      `${name}: ${frames}, ${bytes} bytes each; ${(cpu * 1000).toFixed(1)} ms CPU per change, ${ms(result.spreadMs)} from the first subscriber to the last`,
    );
    return cpu;
  } finally {
    await clients.stop();
  }
}

async function storm(place: Workplace, { storm: accounts }: Sizes): Promise<void> {
  await using peer = await spawnPeer("token-server", ["--rotation", "always"]);
  const first = await startBroker(place, "storm");
  for (let index = 0; index < accounts; index++) {
    const grant = await peer.mintGrant();
    await upload(first, {
      provider: `mcp_oauth:profile:default:https://mcp-${index}.example`,
      credential: {
        type: "oauth",
        refresh: grant.refresh_token,
        access: grant.access_token,
        // Far enough to be left alone until the restart finds it due.
        expires: Date.now() + 1_000,
        tokenUrl: peer.tokenEndpoint,
        clientId: "parley-test-public",
      },
    });
  }
  await first.child.stop();
  const before = await peer.ledger();
  const broker = await startBroker(place, "storm");
  const startedAtMs = performance.now();
  try {
    let refreshes = before.refreshes;
    while (refreshes < accounts && performance.now() - startedAtMs < 300_000) {
      await Bun.sleep(250);
      ({ refreshes } = await peer.ledger());
    }
    const tookMs = performance.now() - startedAtMs;
    const { now, peak } = memoryMib(broker.child.pid);
    const cpu = cpuSeconds(broker.child.pid);
    const ledger = await peer.ledger();
    print(
      `storm: ${refreshes} of ${accounts} refreshed in ${ms(tookMs)}, ${cpu.toFixed(1)} s CPU, ` +
        `${mib(now)} now, ${mib(peak)} peak; ${ledger.reuses} reuses, ${ledger.deadFamilies} grants lost`,
    );
  } finally {
    await broker.child.stop();
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function ms(value: number): string {
  return `${value.toFixed(0)} ms`;
}

function mib(value: number): string {
  return `${value.toFixed(0)} MiB`;
}

function parseSizes(args: readonly string[]): Sizes | undefined {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      starts: text,
      accounts: text,
      subscribers: text,
      changes: text,
      storm: text,
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) return undefined;
  const whole = (name: keyof Sizes, fallback: number) => {
    const value = Number(values[name] ?? fallback);
    if (Number.isInteger(value) && value >= 0) return value;
    throw new BenchError("bad_option", `--${name}: expected a whole number`);
  };
  return {
    starts: whole("starts", 7),
    accounts: whole("accounts", 200),
    subscribers: whole("subscribers", 2000),
    changes: whole("changes", 9),
    storm: whole("storm", 1000),
  };
}

const sizes = parseSizes(process.argv.slice(2));
if (sizes) await main(sizes);
else print(HELP);
