// A gateway of several processes keeps the promises of one: every request here comes on a connection of its own, so that
// the system shares them out among the workers.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { KeyRules, openGatewayKeys, readAccessLog, readUsageSums } from "#gateway";
import { type GatewayUnderTest, startGatewayUnderTest } from "./gateway-under-test.ts";
import { sendAlone, until, workerPids } from "./worker-processes.ts";

const WORKERS = 3;
const MAX_IN_FLIGHT = 40;
const PRICE = { input: 1, output: 2, cacheRead: 0.1, cacheWrite5m: 1.25 };
const config = {
  gateway: {
    workers: WORKERS,
    maxInFlight: MAX_IN_FLIGHT,
    adminBind: "127.0.0.1:0",
    responseStore: true,
    prices: Object.fromEntries(["echo", "hang"].map((model) => [`sim/${model}`, PRICE])),
  },
};

// Several workers need Linux.
const onLinux = describe.skipIf(process.platform !== "linux");

let gateway: GatewayUnderTest;
beforeAll(async () => {
  if (process.platform === "linux") gateway = await startGatewayUnderTest({ config });
});
afterAll(() => gateway?.stop());

const hundred = <T>(make: () => T): T[] => Array.from({ length: 100 }, make);

type Sent = Parameters<typeof sendAlone>[2];

const send = (path: string, secret: string, init?: Sent) =>
  sendAlone(gateway.url + path, secret, init);

function chat(secret: string, model: string, more: object = {}, init: Sent = {}) {
  const body = { model, max_tokens: 50, messages: [{ role: "user", content: "hello" }], ...more };
  return send("/v1/chat/completions", secret, { ...init, body });
}

const slowly = (delayMs: number) => ({ headers: { "x-parley-sim": `delay=${delayMs}` } });

async function statuses(answers: readonly Promise<Response>[]): Promise<Record<number, number>> {
  const counts: Record<number, number> = {};
  for (const answer of await Promise.all(answers)) {
    await answer.text();
    counts[answer.status] = (counts[answer.status] ?? 0) + 1;
  }
  return counts;
}

let made = 0;

async function newKey(rules: unknown): Promise<{ secret: string; name: string; id: string }> {
  made += 1;
  const keys = await openGatewayKeys(gateway.env);
  const { secret, key } = keys.create({
    name: `key-${made}`,
    owner: "",
    rules: KeyRules.parse(rules),
    validFromMs: null,
    validUntilMs: null,
  });
  keys.close();
  return { secret, name: key.name, id: key.id };
}

interface Usage {
  readonly models: readonly { requests: number }[];
  readonly budgets: readonly { window: string; spent: number; reserved: number }[];
}

async function usageOf(secret: string): Promise<Usage> {
  const answer = await send("/v1/usage", secret);
  expect(answer.status).toBe(200);
  return (await answer.json()) as Usage;
}

async function total(secret: string) {
  const { budgets } = await usageOf(secret);
  const found = budgets.find(({ window }) => window === "total");
  if (!found) throw new Error("every key has its total");
  return found;
}

async function metric(line: string): Promise<number> {
  const text = await (await send("/metrics", gateway.token)).text();
  const found = text.split("\n").find((each) => each.startsWith(`${line} `));
  return Number(found?.slice(line.length) ?? 0);
}

onLinux("limits and budgets hold over all workers", () => {
  test("a hundred parallel calls at the edge of a budget overshoot by nothing", async () => {
    // One call may cost its bytes and 1,000 tokens in, 50 out: a bit over 0.0012 dollars.
    const limit = 12_500_000;
    const { secret } = await newKey({ budgets: { total: limit } });
    const counts = await statuses(hundred(() => chat(secret, "sim/echo", {}, slowly(300))));
    expect(counts[200]).toBeGreaterThan(5);
    expect((counts[429] ?? 0) + (counts[503] ?? 0)).toBe(100 - (counts[200] ?? 0));
    for (let round = 0; round < 40; round += 1) {
      const more = await statuses(Array.from({ length: 30 }, () => chat(secret, "sim/echo")));
      expect((await total(secret)).spent).toBeLessThanOrEqual(limit);
      if (more[200] === undefined) break;
    }
    const { spent, reserved } = await total(secret);
    expect(reserved).toBe(0);
    expect(spent).toBeWithin(limit / 2, limit + 1);
  });

  test("of a hundred parallel calls exactly as many pass as a minute allows", async () => {
    const { secret } = await newKey({ requestsPerMinute: 7 });
    const counts: Record<number, number> = {};
    // Fewer at once than there are places: what is refused is refused by the key's limit.
    for (let round = 0; round < 4; round += 1) {
      const more = await statuses(Array.from({ length: 25 }, () => chat(secret, "sim/echo")));
      for (const [status, n] of Object.entries(more)) {
        counts[Number(status)] = (counts[Number(status)] ?? 0) + n;
      }
    }
    expect(counts).toEqual({ 200: 7, 429: 93 });
  });

  test("no more streams are open at once than the key allows, and places come back", async () => {
    const { secret } = await newKey({ concurrentStreams: 3 });
    const open = () => chat(secret, "sim/echo", { stream: true }, slowly(200));
    const most = Array.from({ length: 30 }, open);
    expect(await statuses(most)).toEqual({ 200: 3, 429: 27 });
    for (let round = 0; round < 5; round += 1) {
      const fast = () => chat(secret, "sim/echo", { stream: true });
      expect(await statuses([fast(), fast(), fast()])).toEqual({ 200: 3 });
    }
  });

  test("a caller that may have one stream gets its next one as soon as the last has ended", async () => {
    const { secret } = await newKey({ concurrentStreams: 1 });
    for (let round = 0; round < 50; round += 1) {
      expect(await statuses([chat(secret, "sim/echo", { stream: true })])).toEqual({ 200: 1 });
    }
  });

  test("requests in flight are counted over all workers, and every place is used", async () => {
    const slow = () => chat(gateway.token, "sim/echo", {}, slowly(1_500));
    for (let round = 0; round < 2; round += 1) {
      expect(await statuses(hundred(slow))).toEqual({
        200: MAX_IN_FLIGHT,
        503: 100 - MAX_IN_FLIGHT,
      });
    }
    expect(await metric("gateway_in_flight")).toBe(0);
  });

  test("what an unlimited key spent is booked as well", async () => {
    const { secret } = await newKey({});
    expect(await statuses(Array.from({ length: 12 }, () => chat(secret, "sim/echo")))).toEqual({
      200: 12,
    });
    const { spent } = await total(secret);
    expect(spent).toBeGreaterThan(0);
    expect((await usageOf(secret)).models.map(({ requests }) => requests)).toEqual([12]);
  });
});

onLinux("what one worker knows all know", () => {
  test("a key is good everywhere once it is made, and nowhere once it is revoked", async () => {
    const admin = /"url":"(http:[^"]+)".*administered|administered.*"url":"(http:[^"]+)"/.exec(
      gateway.logged(),
    );
    const url = `${admin?.[1] ?? admin?.[2]}/admin/keys`;
    const headers = { authorization: `Bearer ${gateway.token}` };
    const body = JSON.stringify({ name: "short" });
    const answer = await fetch(url, { method: "POST", headers, body });
    const { secret } = (await answer.json()) as { secret: string };
    const ask = () => Array.from({ length: 30 }, () => send("/v1/models", secret));
    expect(await statuses(ask())).toEqual({ 200: 30 });
    expect((await fetch(`${url}/short`, { method: "DELETE", headers })).status).toBe(200);
    expect(await statuses(ask())).toEqual({ 401: 30 });
  });

  test("metrics are the sum, whichever worker is asked", async () => {
    const line =
      'gateway_requests_total{format="chat",endpoint="answer",provider="sim",status="2xx"}';
    const before = await metric(line);
    await statuses(Array.from({ length: 30 }, () => chat(gateway.token, "sim/echo")));
    const shown = await Promise.all(Array.from({ length: 10 }, () => metric(line)));
    expect(new Set(shown)).toEqual(new Set([before + 30]));
    const log = gateway.logged();
    const served = new Set([...log.matchAll(/"worker":(\d).*"request settled"/g)].map((m) => m[1]));
    expect(served.size).toBe(WORKERS);
  });

  test("a response that is kept can be gone on from, read and deleted anywhere", async () => {
    const ask = async (input: string, previous?: string) => {
      const body = {
        model: "sim/echo",
        input,
        ...(previous && { previous_response_id: previous }),
      };
      const answer = await send("/v1/responses", gateway.token, { body });
      expect(answer.status).toBe(200);
      return ((await answer.json()) as { id: string }).id;
    };
    let last = await ask("first");
    for (let turn = 0; turn < 10; turn += 1) last = await ask(`turn ${turn}`, last);
    const read = () => send(`/v1/responses/${last}`, gateway.token);
    expect(await statuses(Array.from({ length: 10 }, read))).toEqual({ 200: 10 });
    await send(`/v1/responses/${last}`, gateway.token, { method: "DELETE" });
    expect(await statuses(Array.from({ length: 10 }, read))).toEqual({ 404: 10 });
  });

  test("every request is on record, with the way it took", async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => chat(gateway.token, "sim/echo")),
    );
    const ids = answers.map(({ headers }) => headers.get("x-request-id") ?? "");
    await until(async () => {
      const log = await readAccessLog(gateway.env);
      const found = ids.flatMap((id) => log?.find(id) ?? []);
      log?.close();
      return found.length === 20 ? found : undefined;
    });
  });
});

/** Reads until there is no more; rejects when that is not the end. */
async function readOn(reader: { read(): Promise<{ done: boolean }> } | undefined): Promise<void> {
  for (let isOver = reader === undefined; !isOver;) isOver = (await reader?.read())?.done ?? true;
}

onLinux("a worker that is killed", () => {
  test("takes its streams with it, pays for them, frees their places, and is replaced", async () => {
    const OPEN = 12;
    const { secret, id } = await newKey({
      budgets: { total: 1_000_000_000 },
      concurrentStreams: OPEN,
    });
    const counted =
      'gateway_requests_total{format="chat",endpoint="answer",provider="sim",status="2xx"}';
    const before = await metric(counted);
    // Metrics of a killed worker are as old as the last look at them, which this was.
    const streams = await Promise.all(
      Array.from({ length: OPEN }, () => chat(secret, "sim/hang", { stream: true })),
    );
    const readers = streams.map(({ body }) => body?.getReader());
    await Promise.all(readers.map((reader) => reader?.read()));
    const { reserved, spent } = await total(secret);
    expect(spent).toBe(0);
    let cut = 0;
    for (const reader of readers) readOn(reader).catch(() => (cut += 1));
    const [victim = 0] = workerPids();
    process.kill(victim, "SIGKILL");
    await until(async () =>
      (await metric("gateway_worker_exits_total")) === 1 ? true : undefined,
    );
    await until(() => (workerPids().length === WORKERS ? true : undefined));
    const lost = [
      ...gateway.logged().matchAll(/"requestId":"(req_\w+)"[^\n]*ended with its worker/g),
    ].map(([, requestId = ""]) => requestId);
    await until(() => (cut === lost.length ? true : undefined));
    const after = await total(secret);
    expect(after.spent).toBe((reserved / OPEN) * lost.length);
    expect(after.reserved).toBe(reserved - after.spent);
    // The places of the lost ones are free, and no other.
    const open = () => chat(secret, "sim/echo", { stream: true }, slowly(300));
    const counts = await statuses(Array.from({ length: OPEN }, open));
    expect(counts[200] ?? 0).toBe(lost.length);
    expect(await metric(counted)).toBeGreaterThanOrEqual(before);
    const sums = await readUsageSums(gateway.env, { by: "key", sinceMs: 0 });
    expect(sums.find(({ group }) => group.includes(id))?.requests).toBeGreaterThanOrEqual(
      lost.length,
    );
    for (const requestId of lost) {
      const found = await until(async () => {
        const log = await readAccessLog(gateway.env);
        const record = log?.find(requestId);
        log?.close();
        return record;
      });
      expect(found).toMatchObject({ outcome: "cut", code: "worker_lost", caller: { id } });
    }
    await Promise.all(readers.map((reader) => reader?.cancel().catch(() => {})));
    await until(async () => ((await total(secret)).reserved === 0 ? true : undefined));
  });

  test("in the middle of a crowd lets no budget go over, and no reservation stay", async () => {
    const limit = 40_000_000;
    const { secret } = await newKey({ budgets: { total: limit } });
    const exits = await metric("gateway_worker_exits_total");
    const asked = Array.from({ length: 35 }, () =>
      chat(secret, "sim/echo", {}, slowly(200))
        .then(async (answer) => ((await answer.text()) ? answer.status : 0))
        .catch(() => 0),
    );
    await until(async () => ((await total(secret)).reserved > 0 ? true : undefined));
    for (const pid of workerPids().slice(0, 2)) process.kill(pid, "SIGKILL");
    const statuses = await Promise.all(asked);
    expect(statuses).toContain(0);
    await until(async () =>
      (await metric("gateway_worker_exits_total")) === exits + 2 ? true : undefined,
    );
    await until(() => (workerPids().length === WORKERS ? true : undefined));
    await until(async () => ((await total(secret)).reserved === 0 ? true : undefined));
    const { spent } = await total(secret);
    expect(spent).toBeGreaterThan(0);
    expect(spent).toBeLessThanOrEqual(limit);
    expect((await chat(secret, "sim/echo")).status).toBeOneOf([200, 429]);
  });
});
