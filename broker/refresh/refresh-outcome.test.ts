// What an answer of a token endpoint means; faults over real sockets are in tests/oauth/refresh-faults.test.ts.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import type { OAuthCredential } from "#wire";
import type { ExchangeAnswer } from "./exchange-job.ts";
import { refreshOutcome } from "./refresh-outcome.ts";

type Answered = Extract<ExchangeAnswer, { kind: "answered" }>;

const previous: OAuthCredential = { type: "oauth", access: "a0", refresh: "r0", expires: 0 };
const context = { rules: undefined, previous, nowMs: 1_000_000, wallMs: 1_000_000 };

function answered(status: number, body: string, fields: Partial<Answered> = {}): Answered {
  return {
    kind: "answered",
    receivedAtMs: 1_000_000,
    status,
    contentType: "application/json",
    retryAfter: null,
    body: Buffer.from(body).toString("base64"),
    cut: null,
    ...fields,
  };
}

const kindOf = (answer: ExchangeAnswer | undefined) => refreshOutcome(answer, context).kind;

test.each([
  "invalid_grant",
  "invalid_token",
  "revoked",
  "refresh_token_expired",
  "refresh_token_reused",
  "refresh_token_invalidated",
  "app_session_terminated",
  "invalid_client",
  "unauthorized_client",
  "access_denied",
] as const)("%s is definitive with 400 and 401, plain or nested, and with nothing else", (code) => {
  const bodies = [{ error: code }, { error: { code, message: "x" } }].map((each) =>
    JSON.stringify(each),
  );
  for (const body of bodies) {
    for (const status of [400, 401]) {
      expect(refreshOutcome(answered(status, body), context)).toEqual({ kind: "rejected", code });
    }
    for (const status of [200, 302, 403, 404, 429, 500, 503]) {
      expect(kindOf(answered(status, body))).toBe("transient");
    }
    expect(kindOf(answered(400, body, { cut: "ECONNRESET" }))).toBe("transient");
    expect(kindOf(answered(400, body.slice(0, -1)))).toBe("transient");
  }
});

test("a code that is said twice, differently, is not believed", () => {
  const twice = '{"error":"temporarily_unavailable","error":"invalid_grant"}';
  expect(kindOf(answered(400, twice))).toBe("transient");
});

test("no other code, page or status ever ends a grant", () => {
  const statuses = fc.integer({ min: 100, max: 599 });
  const bodies = fc.oneof(
    fc.string(),
    fc
      .array(fc.tuple(fc.constantFrom("error", "code", "access_token"), fc.string()))
      .map((pairs) => {
        const members = pairs.map((pair) => pair.map((text) => JSON.stringify(text)).join(":"));
        return `{${members.join()}}`;
      }),
    fc.record({ error: fc.string() }).map((each) => JSON.stringify(each)),
  );
  fc.assert(
    fc.property(statuses, bodies, fc.boolean(), (status, body, isHtml) => {
      const answer = answered(status, body, isHtml ? { contentType: "text/html" } : {});
      expect(kindOf(answer)).not.toBe("rejected");
    }),
    { numRuns: 2000 },
  );
});

test("what was never sent is no lost answer; what may have been sent is one", () => {
  const failed = (code: string): ExchangeAnswer => ({ kind: "failed", receivedAtMs: 0, code });
  for (const code of ["ECONNREFUSED", "ENOTFOUND", "EPROTO", "DEPTH_ZERO_SELF_SIGNED_CERT"]) {
    expect(kindOf(failed(code))).toBe("transient");
  }
  for (const code of ["ECONNRESET", "timeout", "too_large", "TypeError"]) {
    expect(kindOf(failed(code))).toBe("lost");
  }
  expect(kindOf(undefined)).toBe("lost");
  expect(kindOf(answered(504, "gateway"))).toBe("lost");
});

test("an answer that lay in the spool is dated by how long it lay there, on whatever clock", () => {
  const body = '{"access_token":"a1","refresh_token":"r1","expires_in":100}';
  const outcome = (receivedAtMs: number) =>
    refreshOutcome(answered(200, body, { receivedAtMs }), { ...context, wallMs: 9_000_000 });
  expect(outcome(8_990_000)).toMatchObject({
    credential: { expires: 1_000_000 - 10_000 + 100_000 },
  });
  expect(outcome(9_500_000)).toMatchObject({ credential: { expires: 1_100_000 } });
});
