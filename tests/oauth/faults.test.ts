// Every fault, as a plain client meets it: what it sees, and what the server committed meanwhile.

import { describe, expect, test } from "bun:test";
import { once } from "node:events";
import { connect } from "node:net";
import { commitsUnder, FAULT_KINDS, type FaultKind, HUGE_ANSWER_BYTES } from "./faults.ts";
import type { OAuthPeer } from "./oauth-peer.ts";
import { startOidcServer } from "./oidc-server.ts";
import { postRefresh } from "./peer-client.ts";
import { startTokenServer } from "./token-server.ts";

type Sight = (answered: Promise<Response>, peer: OAuthPeer) => Promise<unknown>;

const isCut: Sight = async (answered) => {
  await expect(answered.then((answer) => answer.text())).rejects.toThrow();
};

/** Nothing comes until the faults are cleared, and then the connection is cut. */
const hangs: Sight = async (answered, peer) => {
  const outcome = answered.then(
    () => "answered",
    () => "cut",
  );
  while ((await peer.ledger()).tokenRequests === 0) await Bun.sleep(1);
  expect(await Promise.race([outcome, Bun.sleep(20).then(() => "waiting")])).toBe("waiting");
  await peer.clearFaults();
  expect(await outcome).toBe("cut");
};

function answers(status: number, contentType: string, body: RegExp): Sight {
  return async (answered) => {
    const answer = await answered;
    expect(answer.status).toBe(status);
    expect(answer.headers.get("content-type")).toStartWith(contentType);
    expect(await answer.text()).toMatch(body);
  };
}

const answersWhole = answers(200, "application/json", /^\{"access_token":"[^"]{20,}",.*\}$/);

const sights: Record<FaultKind, Sight> = {
  "drop-before": isCut,
  hang: hangs,
  status: answers(500, "text/plain", /not available/),
  waf403: answers(403, "text/html", /Blocked/),
  html200: answers(200, "text/html", /Sign in to the network/),
  error200: answers(200, "application/json", /"error":"invalid_grant"/),
  garbage: async (answered) => {
    const answer = await answered;
    expect(answer.headers.get("content-type")).toBe("application/json");
    await expect(answer.json()).rejects.toThrow();
  },
  hugejson: async (answered) => {
    const bytes = await (await answered).bytes();
    expect(bytes.length).toBeGreaterThan(HUGE_ANSWER_BYTES);
    expect(JSON.parse(new TextDecoder().decode(bytes)).access_token).toBe("huge");
  },
  redirect: async (answered, peer) => {
    const answer = await answered;
    const location = answer.headers.get("location") ?? "";
    expect(answer.status).toBe(307);
    expect(new URL(location).origin).not.toBe(peer.issuer);
    await fetch(location, { method: "POST" });
    expect(await peer.ledger()).toMatchObject({ redirected: 1 });
  },
  "invalid-grant-400": answers(400, "application/json", /"error":"invalid_grant"/),
  "slow-down-400": answers(400, "application/json", /"error":"slow_down"/),
  "invalid-client-401": answers(401, "application/json", /"error":"invalid_client"/),
  slow: answersWhole,
  "drop-after-commit": isCut,
  "hang-after-commit": hangs,
  "slow-after-commit": answersWhole,
  "dup-json": async (answered) => {
    const text = await (await answered).text();
    expect(text.match(/"refresh_token":/g)).toHaveLength(2);
    expect(JSON.parse(text).refresh_token).not.toBe("nor-this");
  },
  truncate: isCut,
  onebyte: async (answered) => {
    const body = (await answered).body ?? [];
    const reads = await Array.fromAsync(body);
    // A busy reader merges some.
    expect(reads.length).toBeGreaterThan(1);
    expect(JSON.parse(Buffer.concat(reads).toString())).toContainKey("access_token");
  },
};

const servers = { "token server": startTokenServer, "OpenID server": startOidcServer };

describe.each(FAULT_KINDS)("%s", (kind) => {
  test.each(Object.entries(servers))("of the %s: seen once, and booked", async (_name, start) => {
    await using peer = await start();
    const { refresh_token } = await peer.mintGrant();
    await peer.fault(kind);
    await sights[kind](postRefresh(peer, refresh_token), peer);
    const refreshes = commitsUnder(kind) ? 1 : 0;
    expect(await peer.family(refresh_token)).toMatchObject({ isAlive: true, refreshes });
    const [live = ""] = (await peer.family(refresh_token))?.liveRefreshTokens ?? [];
    expect(live === refresh_token).toBe(!commitsUnder(kind));
    expect((await postRefresh(peer, live)).status).toBe(200);
  });
});

test("faults queue up, each for as many requests as it says", async () => {
  await using peer = await startTokenServer();
  const { refresh_token } = await peer.mintGrant();
  await peer.fault("status", { times: 2, status: 429, retryAfterS: 7 });
  await peer.fault("waf403");
  const seen: (readonly [number, string | null])[] = [];
  for (let round = 0; round < 4; round += 1) {
    const { status, headers } = await postRefresh(peer, refresh_token);
    seen.push([status, headers.get("retry-after")]);
  }
  expect(seen).toEqual([
    [429, "7"],
    [429, "7"],
    [403, null],
    [200, null],
  ]);
});

test("a slow answer takes its time on the side of the commit that its name says", async () => {
  await using peer = await startTokenServer();
  for (const kind of ["slow", "slow-after-commit"] as const) {
    const { refresh_token } = await peer.mintGrant();
    await peer.fault(kind, { delayMs: 60_000 });
    const before = (await peer.ledger()).tokenRequests;
    const abort = new AbortController();
    const outcome = postRefresh(peer, refresh_token, { signal: abort.signal }).catch(() => "gone");
    while ((await peer.ledger()).tokenRequests === before) await Bun.sleep(1);
    await Bun.sleep(20);
    const refreshes = kind === "slow" ? 0 : 1;
    expect(await peer.family(refresh_token)).toMatchObject({ refreshes });
    abort.abort();
    expect(await outcome).toBe("gone");
  }
});

test("a redirect leads where the test says", async () => {
  await using peer = await startTokenServer();
  await peer.fault("redirect", { location: "http://127.0.0.2:9/elsewhere" });
  const { headers } = await postRefresh(peer, "any");
  expect(headers.get("location")).toBe("http://127.0.0.2:9/elsewhere");
});

test("a caller who leaves before a slow request is passed on is not served", async () => {
  await using peer = await startTokenServer();
  const { refresh_token } = await peer.mintGrant();
  await peer.fault("slow", { delayMs: 30 });
  const signal = AbortSignal.timeout(5);
  await expect(postRefresh(peer, refresh_token, { signal })).rejects.toThrow();
  await peer.fault("slow", { delayMs: 60 });
  expect((await postRefresh(peer, refresh_token)).status).toBe(200);
  expect(await peer.family(refresh_token)).toMatchObject({ refreshes: 1, reuses: 0 });
});

test.each(Object.entries(servers))(
  "a client of the %s that dies in its request harms nobody",
  async (_name, start) => {
    await using peer = await start();
    const { refresh_token } = await peer.mintGrant();
    const socket = connect(Number(new URL(peer.issuer).port), "127.0.0.1");
    const head = "POST /token HTTP/1.1\r\nhost: x\r\ncontent-length: 500\r\n";
    socket.write(`${head}content-type: application/x-www-form-urlencoded\r\n\r\ngrant_type=`);
    while ((await peer.ledger()).tokenRequests === 0) await Bun.sleep(1);
    socket.destroy();
    await once(socket, "close");
    expect((await postRefresh(peer, refresh_token)).status).toBe(200);
    expect(await peer.ledger()).toMatchObject({ refreshes: 1 });
  },
);
