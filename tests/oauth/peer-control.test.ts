// A peer in a process of its own is the same peer.

import { expect, test } from "bun:test";
import { join } from "node:path";
import { CLIENTS } from "./oauth-peer.ts";
import { spawnPeer } from "./peer-control.ts";
import { postRefresh } from "./peer-client.ts";

test("a spawned token server mints, fails as told and keeps its books", async () => {
  await using peer = await spawnPeer("token-server", ["--rotation", "always"]);
  const { refresh_token } = await peer.mintGrant({ client: "public" });
  await peer.fault("status", { status: 503 });
  expect((await postRefresh(peer, refresh_token)).status).toBe(503);
  expect((await postRefresh(peer, refresh_token)).status).toBe(200);
  expect((await postRefresh(peer, refresh_token)).status).toBe(400);
  expect(await peer.ledger()).toMatchObject({ tokenRequests: 3, refreshes: 1, deadFamilies: 1 });
  expect(await peer.family(refresh_token)).toMatchObject({ isAlive: false });
  expect(await peer.family("never issued")).toBeUndefined();
});

test("faults of a spawned peer can be cleared, and unknown ones are refused", async () => {
  await using peer = await spawnPeer("token-server");
  await peer.fault("hang", { times: 100 });
  await peer.clearFaults();
  const { refresh_token } = await peer.mintGrant();
  expect((await postRefresh(peer, refresh_token)).status).toBe(200);
  const body = JSON.stringify({ kind: "flood" });
  const refused = await fetch(`${peer.announcement.control}/__fault`, { method: "POST", body });
  expect(refused.status).toBe(400);
});

test("a spawned OpenID server is announced with its URLs and refreshes what it mints", async () => {
  await using peer = await spawnPeer("oidc-server", ["--rotation", "60000"]);
  const { refresh_token } = await peer.mintGrant();
  await peer.fault("drop-after-commit");
  await expect(postRefresh(peer, refresh_token)).rejects.toThrow();
  expect((await postRefresh(peer, refresh_token)).status).toBe(200);
  expect(await peer.family(refresh_token)).toMatchObject({ isAlive: true, forgiven: 1 });
  expect(peer.announcement).toMatchObject({
    authorizationEndpoint: `${peer.issuer}/auth`,
    revocationEndpoint: `${peer.issuer}/token/revocation`,
    clients: CLIENTS,
  });
});

test("a spawned peer ends when nobody holds its input any more", async () => {
  const script = join(import.meta.dir, "token-server-process.ts");
  const child = Bun.spawn([process.execPath, script], { stdin: "pipe", stdout: "pipe" });
  await child.stdin.end();
  expect(await child.exited).toBe(0);
});
