// What stays on disk of finished requests: enough to explain them, bounded, private, and nothing that was said.

import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLogger } from "#platform";
import { formats } from "../formats/index.ts";
import { UpstreamRefused } from "../pipeline/dispatch.ts";
import type { Exchange } from "../pipeline/exchange.ts";
import { Settling } from "../pipeline/settling.ts";
import type { Settlement } from "../pipeline/settlement.ts";
import { simulator } from "../providers/simulator.ts";
import { ACCESS_RETENTION_MS, openAccessLog } from "./access-log.ts";
import { accessLogPath, readAccessLog } from "./access-log-file.ts";

let home = "";
let logged: string[] = [];
const log = createLogger({ write: (line) => logged.push(line) });
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "parley-access-"));
  logged = [];
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const env = () => ({ PARLEY_HOME: home });

/** A request of which one way failed and another answered. */
function settle(
  id: string,
  { asked = "fast", clientId }: { asked?: string; clientId?: string } = {},
): Settlement {
  const told: Settlement[] = [];
  let atMs = 1_000;
  const exchange: Exchange = {
    id,
    ...(clientId !== undefined && { clientId }),
    caller: { id: "key_1", name: "ada" },
    format: formats.chat,
    headers: new Headers(),
    query: "",
    signal: new AbortController().signal,
    startedAtMs: atMs,
    log,
    trail: [],
    release: () => {},
  };
  const settling = new Settling(exchange, {
    observers: [(settlement) => told.push(settlement)],
    nowMs: () => (atMs += 10),
  });
  settling.asks({ model: asked, isStream: true });
  const way = (name: string, credentialId: number) => ({
    target: { id: `sim/${name}`, provider: simulator, model: { id: name } },
    lease: { key: "sk-canary-0123456789", source: "broker", credentialId } as const,
    to: "chat" as const,
  });
  settling.tries(way("first", 3));
  const failure = {
    kind: "rate_limited",
    message: "slow down",
    code: "rate_limit_exceeded",
  } as const;
  const headers = { "x-upstream-request-id": "theirs-1" };
  settling.fails(
    new UpstreamRefused(failure, { format: "chat", status: 429, body: "the prompt", headers }),
  );
  settling.tries(way("second", 4));
  settling.begins(new Response(null, { headers: { "x-upstream-request-id": "theirs-2" } }));
  settling.ends("completed", { input: 1, output: 2, cacheRead: 0, cacheWrite: 0 });
  const [settlement] = told;
  if (!settlement) throw new Error("it was settled");
  return settlement;
}

function open(more: { maxRequests?: number; nowMs?: () => number } = {}) {
  const opened = openAccessLog({ path: accessLogPath(env()), log, ...more });
  if (!opened) throw new Error(logged.join(""));
  return opened;
}

function read<T>(use: (reader: NonNullable<ReturnType<typeof readAccessLog>>) => T): T {
  const reader = readAccessLog(env());
  if (!reader) throw new Error("there is none");
  try {
    return use(reader);
  } finally {
    reader.close();
  }
}

test("a request is found by our id and by its caller's, with every way and why it failed", () => {
  const access = open();
  access.record(settle("req_1", { clientId: "mine" }));
  access.record(settle("req_2"));
  access.stop();
  const record = read((reader) => reader.find("mine"));
  expect(record).toEqual(read((reader) => reader.find("req_1")));
  expect(record).toMatchObject({
    requestId: "req_1",
    caller: { id: "key_1", name: "ada" },
    asked: "fast",
    outcome: "completed",
    usage: { input: 1, output: 2 },
    trail: [
      "try sim/first as chat with credential broker 3",
      "sim/first failed with 429: rate_limit_exceeded",
      "try sim/second as chat with credential broker 4",
    ],
    attempts: [
      {
        model: "sim/first",
        credentialId: 3,
        upstreamRequestId: "theirs-1",
        failure: { kind: "rate_limited", status: 429, reason: "slow down" },
      },
      { model: "sim/second", credentialId: 4, upstreamRequestId: "theirs-2" },
    ],
  });
  expect(record?.attempts[1]?.failure).toBeUndefined();
  expect(read((reader) => reader.find("nobody"))).toBeUndefined();
  expect(read((reader) => reader.list(9).map(({ requestId }) => requestId))).toEqual([
    "req_2",
    "req_1",
  ]);
});

test("the file is its owner's alone, and holds no key, no body, no secret put where a name belongs", () => {
  const access = open();
  access.record(
    settle("req_1", { asked: "sk-ant-canary-abcdefgh", clientId: "sk-canary-0123456789" }),
  );
  access.stop();
  for (const name of readdirSync(home)) {
    const path = join(home, name);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const bytes = readFileSync(path);
    for (const secret of ["canary", "the prompt"]) expect(bytes.includes(secret)).toBe(false);
  }
  expect(read((reader) => reader.list(1))).toHaveLength(1);
});

test("only so many requests are kept, the newest, and none beyond its time", () => {
  const first = open({ maxRequests: 150 });
  for (let index = 0; index < 400; index += 1) first.record(settle(`req_${index}`));
  first.stop();
  // Old ones are looked for when a log is opened and used.
  let nowMs = Date.now();
  const second = open({ maxRequests: 150, nowMs: () => nowMs });
  second.record(settle("req_new"));
  second.stop();
  const ids = read((reader) => reader.list(1_000).map(({ requestId }) => requestId));
  expect(ids[0]).toBe("req_new");
  expect(ids.length).toBeGreaterThanOrEqual(150);
  expect(ids.length).toBeLessThanOrEqual(250);
  nowMs += ACCESS_RETENTION_MS + 1;
  const third = open({ nowMs: () => nowMs });
  third.record(settle("req_last"));
  third.stop();
  expect(read((reader) => reader.list(9).map(({ requestId }) => requestId))).toEqual(["req_last"]);
});

test("a file that cannot be used costs the log, with a warning, and not the gateway", () => {
  writeFileSync(accessLogPath(env()), "this is no database", { mode: 0o600 });
  expect(openAccessLog({ path: accessLogPath(env()), log })).toBeUndefined();
  expect(logged.join("")).toContain("no access log is kept");
  rmSync(accessLogPath(env()));
  mkdirSync(accessLogPath(env()));
  expect(openAccessLog({ path: accessLogPath(env()), log })).toBeUndefined();
});

test("a home where no gateway ran has none, and looking makes none", () => {
  expect(readAccessLog(env())).toBeUndefined();
  expect(readdirSync(home)).toEqual([]);
});
