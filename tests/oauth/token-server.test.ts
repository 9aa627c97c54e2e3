// The token server keeps the promises that tests of the broker rest on.

import { expect, test } from "bun:test";
import { CLIENTS } from "./oauth-peer.ts";
import { postRefresh, postToken } from "./peer-client.ts";
import { startTokenServer } from "./token-server.ts";

async function refreshed(answered: Promise<Response>) {
  const answer = await answered;
  return { status: answer.status, body: (await answer.json()) as Record<string, string> };
}

test("a refresh rotates the token and says so in the ledger", async () => {
  await using peer = await startTokenServer({ accessTokenTtlS: 60, extra: { scope: "all" } });
  const grant = await peer.mintGrant();
  const { status, body } = await refreshed(postRefresh(peer, grant.refresh_token));
  expect(status).toBe(200);
  expect(body).toMatchObject({ expires_in: 60, token_type: "Bearer", scope: "all" });
  expect(body.refresh_token).not.toBe(grant.refresh_token);
  expect(body.access_token).not.toBe(grant.access_token);
  expect(await peer.ledger()).toMatchObject({ refreshes: 1, reuses: 0, liveFamilies: 1 });
  expect(await peer.family(grant.refresh_token)).toMatchObject({
    isAlive: true,
    liveRefreshTokens: [body.refresh_token],
  });
});

test("a used refresh token revokes its family, and no other", async () => {
  await using peer = await startTokenServer();
  const [grant, other] = [await peer.mintGrant(), await peer.mintGrant()];
  const { body: next } = await refreshed(postRefresh(peer, grant.refresh_token));
  const refused = { status: 400, body: { error: "invalid_grant" } };
  expect(await refreshed(postRefresh(peer, grant.refresh_token))).toMatchObject(refused);
  expect(await refreshed(postRefresh(peer, next.refresh_token ?? ""))).toMatchObject(refused);
  expect(await peer.family(next.refresh_token ?? "")).toMatchObject({ isAlive: false, reuses: 1 });
  expect((await postRefresh(peer, other.refresh_token)).status).toBe(200);
  expect(await peer.ledger()).toMatchObject({ reuses: 1, liveFamilies: 1, deadFamilies: 1 });
});

test("of many refreshes at once with one token exactly one is committed", async () => {
  await using peer = await startTokenServer();
  const { refresh_token } = await peer.mintGrant();
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => postRefresh(peer, refresh_token)),
  );
  expect(answers.filter(({ ok }) => ok)).toHaveLength(1);
  expect(await peer.family(refresh_token)).toMatchObject({ refreshes: 1, reuses: 19 });
});

test("within its grace a used token yields the same new tokens, after it the family dies", async () => {
  let nowMs = 0;
  await using peer = await startTokenServer({ rotation: { graceMs: 1000 }, now: () => nowMs });
  const { refresh_token } = await peer.mintGrant();
  const first = await refreshed(postRefresh(peer, refresh_token));
  nowMs = 999;
  expect(await refreshed(postRefresh(peer, refresh_token))).toEqual(first);
  expect(await peer.family(refresh_token)).toMatchObject({
    isAlive: true,
    refreshes: 1,
    forgiven: 1,
  });
  nowMs = 1000;
  expect((await postRefresh(peer, refresh_token)).status).toBe(400);
  expect(await peer.family(refresh_token)).toMatchObject({
    isAlive: false,
    reuses: 2,
    forgiven: 1,
  });
});

test("without rotation the token stays good, and may be absent from the answer", async () => {
  await using peer = await startTokenServer({ rotation: "never", omitsRefreshToken: true });
  const { refresh_token } = await peer.mintGrant();
  for (let round = 0; round < 2; round += 1) {
    const { status, body } = await refreshed(postRefresh(peer, refresh_token));
    expect(status).toBe(200);
    expect(body).not.toContainKey("refresh_token");
  }
  expect(await peer.family(refresh_token)).toMatchObject({ refreshes: 2, reuses: 0 });
  await expect(startTokenServer({ omitsRefreshToken: true })).rejects.toThrow("locks everyone out");
});

test("an expired refresh token is refused and its family stays", async () => {
  let nowMs = 0;
  await using peer = await startTokenServer({ refreshTokenTtlS: 10, now: () => nowMs });
  const { refresh_token } = await peer.mintGrant();
  nowMs = 10_000;
  const { body } = await refreshed(postRefresh(peer, refresh_token));
  expect(body).toEqual({ error: "invalid_grant", error_description: "refresh token is expired" });
  expect(await peer.family(refresh_token)).toMatchObject({ isAlive: true, refreshes: 0 });
});

test("each client authenticates in its own way and uses its own grants", async () => {
  await using peer = await startTokenServer();
  const { confidential, confidentialPost } = CLIENTS;
  const basic = `Basic ${Buffer.from(`${confidential.id}:${confidential.secret}`).toString("base64")}`;
  const form = async (client: "public" | "confidential" | "confidentialPost") => ({
    grant_type: "refresh_token",
    refresh_token: (await peer.mintGrant({ client })).refresh_token,
  });
  const byBasic = new URLSearchParams(await form("confidential"));
  const headers = { authorization: basic };
  expect((await postToken(peer, {}, { body: byBasic, headers })).status).toBe(200);
  const byPost = { client_id: confidentialPost.id, client_secret: confidentialPost.secret };
  expect((await postToken(peer, { ...(await form("confidentialPost")), ...byPost })).status).toBe(
    200,
  );

  const withoutSecret = { ...(await form("confidentialPost")), client_id: confidentialPost.id };
  expect((await postToken(peer, withoutSecret)).status).toBe(401);
  const otherwise = { ...(await form("confidential")), ...byPost };
  expect((await postToken(peer, otherwise)).status).toBe(400);
});

test("a body that is not as agreed is refused", async () => {
  await using peer = await startTokenServer();
  await using jsonPeer = await startTokenServer({ body: "json" });
  const { refresh_token } = await jsonPeer.mintGrant();
  const { id: client_id } = CLIENTS.public;
  const whole = JSON.stringify({ grant_type: "refresh_token", client_id, refresh_token });
  const headers = { "content-type": "application/json" };
  const asJson = (body: string) => ({ body, headers });
  expect((await postToken(peer, {}, asJson(whole))).status).toBe(400);
  expect(
    (await postToken(jsonPeer, {}, asJson(whole.replace('"refresh_token"', "1")))).status,
  ).toBe(400);
  expect((await postToken(jsonPeer, {}, asJson(whole))).status).toBe(200);
  expect((await postRefresh(jsonPeer, refresh_token)).status).toBe(400);
  const other = await peer.mintGrant();
  const once = { client_id, grant_type: "refresh_token", refresh_token: other.refresh_token };
  const twice = new URLSearchParams([...Object.entries(once), ["client_id", client_id]]);
  expect((await postToken(peer, {}, { body: twice })).status).toBe(400);
  expect((await postToken(peer, { grant_type: "password" })).status).toBe(400);
  expect((await fetch(peer.tokenEndpoint)).status).toBe(405);
});
