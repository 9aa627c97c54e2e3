// `/dash` over HTTP: who is let in by what, what a browser is told to allow, and the command that makes the link.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { KeyRules, makeDashLink, openGatewayKeys } from "#gateway";
import { environment } from "#platform";
import { startGatewayUnderTest, type GatewayUnderTest } from "./gateway-under-test.ts";

let gateway: GatewayUnderTest;
beforeAll(async () => {
  gateway = await startGatewayUnderTest();
  const body = { model: "sim/echo", max_tokens: 5, messages: [{ role: "user", content: "hi" }] };
  await (await gateway.post("/v1/chat/completions", body)).text();
  await until(async () => (await data(gateway.token)).totals.requests === 1);
});
afterAll(() => gateway.stop());

interface Data {
  readonly totals: { readonly requests: number };
  readonly groups: readonly { readonly group: string }[];
  readonly buckets: readonly number[];
}

const ask = (path: string, bearer?: string, init: RequestInit = {}) =>
  fetch(gateway.url + path, {
    redirect: "error",
    ...init,
    headers: {
      ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
      ...(init.headers as object),
    },
  });
const redeem = (link: string) => ask("/dash/session", link, { method: "POST" });

async function data(bearer: string, query = ""): Promise<Data> {
  const answer = await ask(`/dash/data${query}`, bearer);
  expect(answer.status).toBe(200);
  return (await answer.json()) as Data;
}

async function newSession(): Promise<string> {
  const { secret } = await makeDashLink(gateway.env);
  const answer = await redeem(secret);
  expect(answer.status).toBe(201);
  return ((await answer.json()) as { session: string }).session;
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 5_000;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error("it does not hold in time");
    await Bun.sleep(10);
  }
}

describe("the page", () => {
  test("is anybody's, and allows a browser nothing but its own files", async () => {
    const page = await ask("/dash");
    expect(page.status).toBe(200);
    const html = await page.text();
    const policy = page.headers.get("content-security-policy") ?? "";
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toMatch(/unsafe|https?:|\*/);
    expect(page.headers.get("referrer-policy")).toBe("no-referrer");
    expect(page.headers.get("set-cookie")).toBeNull();
    expect(html).not.toMatch(/<style|style=|<script>|onclick|https?:\/\//);
    const files = [...html.matchAll(/(?:src|href)="(\/dash\/[^"]+)"/g)].map(([, path]) => path);
    expect(files.length).toBeGreaterThanOrEqual(3);
    for (const path of files) expect((await ask(path ?? "")).status).toBe(200);
  });

  test("is whole: every module that a module imports is served as JavaScript without types", async () => {
    const seen = new Set<string>();
    const waiting = ["/dash/page.ts"];
    for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
      if (seen.has(path)) continue;
      seen.add(path);
      const file = await ask(path);
      expect([path, file.status]).toEqual([path, 200]);
      expect(file.headers.get("content-type")).toContain("text/javascript");
      const text = await file.text();
      expect(text).not.toMatch(/\binterface\b|import type/);
      const imports = new Bun.Transpiler({ loader: "js" }).scanImports(text);
      waiting.push(...imports.map((found) => new URL(found.path, `http://x${path}`).pathname));
    }
    expect(seen.size).toBeGreaterThan(4);
  });

  test.each(["/dash/../gateway.db", "/dash/%2e%2e/gateway.db", "/dash/index.html", "/dash/x"])(
    "%s is no file of it",
    async (path) => {
      expect((await ask(path)).status).toBe(401);
      expect((await ask(path, gateway.token)).status).toBe(404);
    },
  );

  test("may be opened from a link on another site, its data and its door may not", async () => {
    const headers = {
      "sec-fetch-site": "cross-site",
      "sec-fetch-mode": "navigate",
      "sec-fetch-dest": "document",
    };
    expect((await ask("/dash", undefined, { headers })).status).toBe(200);
    expect((await ask("/dash/data", gateway.token, { headers })).status).toBe(403);
    expect((await ask("/dash/session", "x", { headers, method: "POST" })).status).toBe(403);
    const framed = { ...headers, "sec-fetch-dest": "iframe" };
    expect((await ask("/dash", undefined, { headers: framed })).status).toBe(403);
  });
});

describe("the data", () => {
  test("want a session, or the owner's token; a key that was given out is not enough", async () => {
    const keys = await openGatewayKeys(gateway.env);
    const { secret } = keys.create({
      name: "ci",
      owner: "",
      rules: KeyRules.parse({}),
      validFromMs: null,
      validUntilMs: null,
    });
    keys.close();
    for (const bearer of [
      undefined,
      "",
      "nonsense",
      secret,
      (await makeDashLink(gateway.env)).secret,
    ]) {
      const refused = await ask("/dash/data", bearer);
      expect(refused.status).toBe(401);
      expect(await refused.json()).toMatchObject({ error: { code: "dash_pass_required" } });
    }
    expect((await data(gateway.token)).groups).toMatchObject([{ group: "sim/echo" }]);
    expect((await data(await newSession(), "?by=key&range=7d")).groups).toMatchObject([
      { group: "owner" },
    ]);
  });

  test("of a range or group that there is not are 400, and say which", async () => {
    for (const [query, named] of [
      ["?range=2h", "range"],
      ["?by=prompt", "by"],
      ["?by=", "by"],
    ] as const) {
      const refused = await ask(`/dash/data${query}`, gateway.token);
      expect(refused.status).toBe(400);
      expect(await refused.text()).toContain(named);
    }
  });

  test("are kept by no cache", async () => {
    const answer = await ask("/dash/data", gateway.token);
    expect(answer.headers.get("cache-control")).toBe("no-store");
  });
});

describe("a link", () => {
  test("works once, and its session reads sums and nothing else", async () => {
    const { secret } = await makeDashLink(gateway.env);
    const [first, second] = await Promise.all([redeem(secret), redeem(secret)]);
    expect([first.status, second.status].toSorted()).toEqual([201, 401]);
    const session = await newSession();
    for (const path of ["/v1/models", "/v1/usage", "/metrics", "/v1/credentials/check"]) {
      expect((await ask(path, session)).status).toBe(401);
    }
    expect((await ask("/dash/session", session, { method: "DELETE" })).status).toBe(204);
    expect((await ask("/dash/data", session)).status).toBe(401);
  });

  test("and its session are in no log and in no file of the home", async () => {
    const { secret } = await makeDashLink(gateway.env);
    const { session } = (await (await redeem(secret)).json()) as { session: string };
    await data(session);
    const home = gateway.env["PARLEY_HOME"] ?? "";
    // By another process: who closes a database's file here lets go of the gateway's locks.
    const names = readdirSync(home).map((name) => join(home, name));
    const files = Buffer.from(Bun.spawnSync(["cat", ...names]).stdout).toString("latin1");
    expect(files).toContain("dash_passes");
    for (const text of [gateway.logged(), files]) {
      for (const part of [secret, session]) expect(text).not.toContain(part.slice(4));
    }
  });
});

/** `agent usage --open` in this gateway's home, without a screen. */
async function runOpen(args: readonly string[], bind = new URL(gateway.url).host) {
  const launcher = join(import.meta.dir, "../../bin/agent.mjs");
  const { PATH = "" } = environment();
  const home = gateway.env["PARLEY_HOME"] ?? "";
  const env = { PATH, PARLEY_HOME: home, PARLEY_GATEWAY_BIND: bind };
  const child = Bun.spawn(["node", launcher, "usage", "--open", ...args], {
    env,
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { out, err, code: await child.exited, home };
}

// A process starts in it, which takes a busy machine its time.
const PROCESS_TIMEOUT_MS = 60_000;
describe("a link", () => {
  const scenario = (title: string, run: () => Promise<void>) =>
    test(title, run, PROCESS_TIMEOUT_MS);

  scenario("of the command opens the page of the gateway that runs", async () => {
    const { out, code, home } = await runOpen([]);
    expect(code).toBe(0);
    const [url = "", link = ""] = /http:\/\/\S+#(pdl_\S+)/.exec(out) ?? [];
    expect(url.startsWith(`${gateway.url}/dash#`)).toBe(true);
    const file = join(home, "dash.html");
    expect(readFileSync(file, "utf8")).toContain(`url=${url}"`);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect((await redeem(link)).status).toBe(201);
  });

  scenario("of the command is JSON when it is asked for, and says when it ends", async () => {
    const { out } = await runOpen(["--json"]);
    const { url, expiresAtMs } = JSON.parse(out) as { url: string; expiresAtMs: number };
    expect(expiresAtMs).toBeWithin(Date.now(), Date.now() + 121_000);
    expect((await redeem(new URL(url).hash.slice(1))).status).toBe(201);
  });

  scenario("is not made where no gateway answers", async () => {
    const { out, err, code } = await runOpen([], "127.0.0.1:1");
    expect([out, code]).toEqual(["", 4]);
    expect(err).toContain("agent auth-gateway serve");
  });
});

test("where the gateway asks nobody for a key, the page asks nobody either", async () => {
  const open = await startGatewayUnderTest({ config: { gateway: { noAuth: true } } });
  try {
    expect((await fetch(`${open.url}/dash/data`)).status).toBe(200);
  } finally {
    await open.stop();
  }
});
