// Whatever a body holds, the answer is one of ours: never a 500, never a secret that the caller did not send.

import { afterAll, beforeAll, expect, test } from "bun:test";
import * as fc from "fast-check";
import { type BrokerUnderTest, brokerUnderTest } from "./app-under-test.ts";

/** Cases over all routes together. */
const RUNS = 10_000;
const STORED = "canary-stored-0123456789";
const SENT = "canary-sent-0123456789";

let broker: BrokerUnderTest;
let id: number;
let writer: string;

beforeAll(() => {
  // The audit log has tests of its own; ten thousand durable records would be a test of the disk.
  broker = brokerUnderTest({ audit: { record: () => Promise.resolve() } });
  ({ id } = broker.vault.upsert("openai", { type: "api_key", key: STORED }));
  writer = broker.issue({ permissions: ["write", "refresh", "usage"] });
});

afterAll(() => broker.close());

// Everything below makes JSON text and no objects: names such as `__proto__` could not be keys of one.
const json = (value: unknown) => JSON.stringify(value) ?? "null";
const object = (pairs: readonly (readonly [string, string])[]) =>
  `{${pairs.map(([name, value]) => `${json(name)}:${value}`).join(",")}}`;

// No secret among them: names and ids are repeated to the caller, so that a mistake can be found.
const COMMON = ["openai", "api_key", "oauth", "login", "__remote__", "", " ", "\n"];
const text = fc.oneof(fc.constantFrom(...COMMON), fc.string({ unit: "binary", maxLength: 40 }));
const number = fc.oneof(fc.double(), fc.maxSafeInteger(), fc.constantFrom(-1, 1e308, 1.5));
const scalar = fc.oneof(text, number, fc.boolean(), fc.constant(null)).map(json);
const NAMES = ["provider", "credential", "type", "key", "access", "refresh", "expires", "email"];
const INHERITED = ["constructor", "__proto__", "toString"];
const name = fc.oneof(fc.constantFrom(...NAMES, ...INHERITED), text);
const loose: fc.Arbitrary<string> = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    scalar,
    fc.array(tie("value"), { maxLength: 3 }).map((items) => `[${items.join(",")}]`),
    fc.array(fc.tuple(name, tie("value")), { maxLength: 4 }).map(object),
  ),
})).value;

/** An object with these members, each sometimes left out and sometimes something else, and perhaps one more. */
function like(members: Readonly<Record<string, fc.Arbitrary<string>>>): fc.Arbitrary<string> {
  const pairs = Object.entries(members).map(([member, value]) =>
    fc.tuple(
      fc.constant(member),
      fc.oneof({ weight: 9, arbitrary: value }, { weight: 1, arbitrary: loose }),
    ),
  );
  const extra = fc.oneof(
    { weight: 4, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.tuple(name, loose).map((pair) => [pair]) },
  );
  const kept = fc.oneof(
    { weight: 5, arbitrary: fc.constant(-1) },
    { weight: 1, arbitrary: fc.nat(3) },
  );
  return fc
    .tuple(fc.tuple(...pairs), extra, kept)
    .map(([all, more, without]) => object([...all.filter((_, n) => n !== without), ...more]));
}

const SECRET = fc.constantFrom(SENT, `${SENT}-2`, `${SENT}-3`).map(json);
const credential = fc.oneof(
  like({ type: fc.constant('"api_key"'), key: SECRET }),
  like({
    type: fc.constant('"oauth"'),
    refresh: SECRET,
    access: SECRET,
    expires: number.map(json),
  }),
);
const COUNTS = Object.fromEntries(
  ["requests", "inputTokens", "outputTokens", "cacheReadTokens", "cacheWriteTokens", "costUsd"].map(
    (count) => [count, fc.oneof(fc.constant("1"), number.map(json))],
  ),
);
const BODIES: Readonly<Record<string, fc.Arbitrary<string>>> = {
  "POST /v1/credential": like({ provider: fc.constantFrom('"openai"', '"mcp:x"'), credential }),
  "POST /v1/credential/:id/disable": like({ cause: scalar }),
  "POST /v1/credential/:id/block": like({
    providerKey: text.map(json),
    blockScope: text.map(json),
    blockedUntilMs: number.map(json),
  }),
  "POST /v1/credential/:id/limits": like({
    headers: fc.array(fc.tuple(name, scalar), { maxLength: 4 }).map(object),
  }),
  "POST /v1/usage/observed": like({
    installId: fc.oneof(fc.constant('"client"'), scalar),
    hostname: scalar,
    entries: fc
      .array(like({ at: number.map(json), provider: scalar, model: scalar, ...COUNTS }), {
        maxLength: 3,
      })
      .map((entries) => `[${entries.join(",")}]`),
  }),
  "DELETE /v1/credential/:id/blocks": fc.oneof(fc.constant("{}"), loose),
};

const request = fc.constantFrom(...Object.keys(BODIES)).chain((route) => {
  const whole = fc.oneof(
    { weight: 6, arbitrary: BODIES[route] ?? loose },
    { weight: 1, arbitrary: loose },
  );
  const utf8 = (body: string) => new TextEncoder().encode(body);
  const body = fc.oneof(
    { weight: 8, arbitrary: whole.map(utf8) },
    { weight: 1, arbitrary: whole.map((body) => utf8(body.slice(0, -1))) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 60 }) },
  );
  // Disabling the one credential would leave nothing to try the rest on.
  const ids = route.endsWith("disable") ? ["123456", "x", "%00"] : [String(id), "123456"];
  return fc.record({ route: fc.constant(route), id: fc.constantFrom(...ids), body });
});

test("ten thousand bodies: an answer of ours each time, and no secret in answers or logs", async () => {
  const statuses = new Set<number>();
  await fc.assert(
    fc.asyncProperty(request, async ({ route, id, body }) => {
      const [method = "", path = ""] = route.split(" ");
      const answer = await broker.ask(path.replace(":id", id), { method, token: writer, body });
      const text = await answer.text();
      statuses.add(answer.status);
      expect([200, 400, 404, 409]).toContain(answer.status);
      expect(text).not.toContain("canary-");
      if (answer.status !== 200)
        expect(JSON.parse(text)).toMatchObject({ error: expect.any(String) });
    }),
    { numRuns: RUNS },
  );
  expect([...statuses]).toEqual(expect.arrayContaining([200, 400, 404]));
  expect(broker.logged.join("")).not.toContain("canary-");
}, 120_000);
