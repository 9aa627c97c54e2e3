// Revocation as a provider meets it: what is sent, and what becomes of its answers.

import { afterEach, expect, test } from "bun:test";
import { createOutbound } from "#platform";
import type { OAuthCredential } from "#wire";
import { OAuthRules } from "./descriptor.ts";
import { revokeGrant } from "./revoke.ts";

const servers: Bun.Server<undefined>[] = [];
const grant: OAuthCredential = { type: "oauth", access: "a-1", refresh: "r-1", expires: 0 };

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop(true)));
});

function revoke(answer: (body: string) => Response, credential = grant) {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: async (request) => answer(await request.text()),
  });
  servers.push(server);
  const base = `http://127.0.0.1:${server.port}`;
  const rules = OAuthRules.parse({
    policy: { status: "sanctioned", reason: "Open.", link: "https://idp.example/rules" },
    source: "a test",
    asksFor: "nothing",
    flow: { kind: "device", clientId: "client-1", deviceUrl: `${base}/d`, tokenUrl: `${base}/t` },
    revoke: { url: `${base}/revoke`, params: { token: "{refresh}", client_id: "{clientId}" } },
  });
  const call = { outbound: createOutbound(), signal: new AbortController().signal };
  return { rules, call, outcome: revokeGrant(rules, credential, call) };
}

test("the provider is sent the refresh token and the client it was issued to", async () => {
  let sent = "";
  const { outcome } = revoke((body) => ((sent = body), new Response()), {
    ...grant,
    clientId: "own",
  });
  expect(await outcome).toBe("revoked");
  expect(sent).toBe("token=r-1&client_id=own");
});

test("a refusal and a provider that is gone are failures, never errors", async () => {
  const { outcome, rules, call } = revoke(() => Response.json({ error: "x" }, { status: 400 }));
  expect(await outcome).toBe("failed");
  await servers[0]?.stop(true);
  expect(await revokeGrant(rules, grant, call)).toBe("failed");
});

test("a provider that offers no way is not asked", async () => {
  const { rules, call } = revoke(() => new Response());
  expect(await revokeGrant({ ...rules, revoke: undefined }, grant, call)).toBe("not_offered");
  expect(await revokeGrant(undefined, grant, call)).toBe("not_offered");
});
