// Whoever sees one provider cannot tell whether there is another: two brokers get the same history, one of them with
// the life of a second provider in between, and a scoped token must not be able to tell them apart.

import { expect, test } from "bun:test";
import type { HttpServer } from "#platform";
import * as fc from "fast-check";
import { type BrokerUnderTest, brokerUnderTest } from "./app-under-test.ts";
import { StreamReader } from "./stream-reader.ts";

const OURS = "openai";
const THEIRS = "anthropic";

const step = fc.record({
  provider: fc.constantFrom(OURS, THEIRS),
  do: fc.constantFrom("upsert", "upsert", "disable", "block", "unblock"),
  account: fc.nat(2),
  value: fc.nat(9),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** One broker and all that its scoped token has seen of it. */
class World {
  readonly seen: unknown[] = [];
  readonly #broker: BrokerUnderTest = brokerUnderTest({
    logLevel: "silent",
    nowMs: () => 1_000,
    // Durable records would only make this slow.
    audit: { record: () => Promise.resolve() },
  });
  readonly #token = this.#broker.issue({ providers: [OURS] });
  readonly #names = new Map<number, string>();
  #server: HttpServer | undefined;
  #stream: StreamReader | undefined;
  #tag = "";

  async open(): Promise<void> {
    this.#server = this.#broker.listen();
    this.#stream = await StreamReader.open(this.#server.url, { token: this.#token });
    await this.#stream.next();
  }

  live({ provider, do: what, account, value }: Step): void {
    const { vault } = this.#broker;
    if (what === "upsert") {
      const grant = { refresh: `r-${provider}-${account}`, access: `a-${value}`, expires: 9e12 };
      const email = `u${account}@a.test`;
      const { id } = vault.upsert(provider, { type: "oauth", ...grant, email });
      if (!this.#names.has(id)) this.#names.set(id, `${provider} ${this.#names.size}`);
      return;
    }
    const of = vault.read((name) => name === provider).credentials;
    const id = of.find(({ identityKey }) => identityKey === `email:u${account}@a.test`)?.id ?? 0;
    if (what === "disable") vault.disable(id, `cause ${value}`);
    if (what === "unblock") vault.clearBlocks(id);
    if (what !== "block") return;
    vault.block(id, { providerKey: "k", blockScope: "s", blockedUntilMs: 9e12 + value });
  }

  /** Everything a token can ask. */
  async look({ theirId = 0 }: { theirId?: number | undefined } = {}): Promise<void> {
    const ask = (path: string, method = "GET", headers = {}) =>
      this.#broker.ask(path, { token: this.#token, method, headers });
    const snapshot = await ask("/v1/snapshot?wait=1", "GET", { "if-none-match": this.#tag });
    this.#tag = snapshot.headers.get("etag") ?? "";
    const answers = [
      snapshot,
      await ask("/v1/credentials/disabled"),
      await ask(`/v1/credentials/disabled?provider=${THEIRS}`),
      await ask("/v1/usage/history"),
      await ask("/v1/usage/clients"),
    ];
    for (const verb of ["refresh", "lease", "disable", "block", "unknown"]) {
      answers.push(await ask(`/v1/credential/${theirId || 123_456}/${verb}`, "POST"));
    }
    for (const { status, headers, text } of await Promise.all(answers.map(shown))) {
      // A path is the caller's own text, and only in the other world there was an id to name.
      const answer = this.#withoutIds(text.replace(`/${theirId}/`, "/123456/"));
      this.seen.push([status, headers, answer]);
    }
  }

  /** Reads the stream up to where the scope is now. */
  async listen(): Promise<void> {
    const generation = this.#broker.vault.generationSeenBy((provider) => provider === OURS);
    if (generation > 1) await this.#stream?.until(generation);
    const frames = this.#stream?.frames.map(({ id, event }) => [id, event]);
    this.seen.push(this.#withoutIds(JSON.stringify(frames)));
  }

  get theirId(): number | undefined {
    return [...this.#names].find(([, name]) => name.startsWith(THEIRS))?.[0];
  }

  async close(): Promise<void> {
    this.#stream?.leave();
    this.#broker.app.close();
    await this.#server?.stop({ graceMs: 0 });
    this.#broker.close();
  }

  // Ids are random; which is which is told by the order in which they came.
  #withoutIds(text: string): string {
    const ours = [...this.#names].filter(([, name]) => name.startsWith(OURS));
    return ours.reduce((shown, [id], n) => shown.replaceAll(String(id), `#${n}`), text);
  }
}

async function shown(response: Response) {
  return {
    status: response.status,
    headers: [...response.headers],
    text: await response.text(),
  };
}

test("two brokers that differ in another provider only are the same to a scoped token", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 12 }), async (steps) => {
      const [crowded, alone] = [new World(), new World()];
      try {
        await Promise.all([crowded.open(), alone.open()]);
        for (const each of steps) {
          crowded.live(each);
          if (each.provider === OURS) alone.live(each);
          await crowded.look({ theirId: crowded.theirId });
          await alone.look();
        }
        await crowded.listen();
        await alone.listen();
        expect(crowded.seen).toEqual(alone.seen);
        expect(JSON.stringify(crowded.seen)).not.toContain(THEIRS);
      } finally {
        await crowded.close();
        await alone.close();
      }
    }),
    { numRuns: 15 },
  );
}, 120_000);

test("a change at another provider does not end the wait of a scoped token", async () => {
  const broker = brokerUnderTest({ logLevel: "silent" });
  const token = broker.issue({ providers: [OURS] });
  const ask = (tag: string) =>
    broker.ask("/v1/snapshot?wait=30000", { token, headers: { "if-none-match": tag } });
  const everything = broker.ask("/v1/snapshot?wait=30000", { headers: { "if-none-match": '"1"' } });
  let isAnswered = false;
  const held = ask('"1"');
  void held.then(() => (isAnswered = true));
  broker.vault.upsert(THEIRS, { type: "api_key", key: "k-1" });
  expect((await everything).status).toBe(200);
  expect(isAnswered).toBe(false);
  // One that begins now, when the two count differently, is held as well.
  let isLaterAnswered = false;
  void ask('"1"').then(() => (isLaterAnswered = true));
  await broker.ask("/v1/healthz");
  expect(isLaterAnswered).toBe(false);
  broker.vault.upsert(OURS, { type: "api_key", key: "k-2" });
  expect((await held).headers.get("etag")).toBe('"2"');
  broker.close();
});

test("a wait whose token is revoked meanwhile is a 401, not a snapshot", async () => {
  const broker = brokerUnderTest({ logLevel: "silent" });
  const token = broker.issue({ name: "doomed" });
  const headers = { "if-none-match": '"1"' };
  const held = broker.ask("/v1/snapshot?wait=30000", { token, headers });
  await broker.ask("/v1/healthz");
  broker.tokens.revoke("doomed");
  expect((await held).status).toBe(401);
  broker.close();
});
