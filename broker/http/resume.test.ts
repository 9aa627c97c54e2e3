// However a client comes and goes, it ends up with what the vault holds, and is sent no change twice.

import { afterAll, beforeAll, expect, test } from "bun:test";
import type { HttpServer } from "#platform";
import type { SnapshotEntry, SnapshotStreamEvent } from "#wire";
import * as fc from "fast-check";
import { type BrokerUnderTest, brokerUnderTest } from "./app-under-test.ts";
import { StreamReader } from "./stream-reader.ts";

let broker: BrokerUnderTest;
let server: HttpServer;

beforeAll(() => {
  broker = brokerUnderTest({ logLevel: "silent" });
  server = broker.listen();
});

afterAll(async () => {
  broker.app.close();
  await server.stop({ graceMs: 0 });
  broker.close();
});

type Held = ReadonlyMap<number, SnapshotEntry>;

/** A client that folds events, remembers every state it had, and can go back to one. */
class Client {
  readonly #token: string;
  readonly #past: { id: string; generation: number; held: Held }[] = [];
  #stream: StreamReader | undefined;

  constructor(token: string) {
    this.#token = token;
  }

  get held(): Held {
    return this.#past.at(-1)?.held ?? new Map();
  }

  /** Comes back with the last id it had, an older one, or one that cannot be continued. */
  async connect(pick: number): Promise<void> {
    this.#stream?.leave();
    if (pick < 0) this.#past.length = 0;
    else this.#past.length = Math.max(1, this.#past.length - pick);
    const lastEventId = pick < 0 ? "999999999" : this.#past.at(-1)?.id;
    this.#stream = await StreamReader.open(server.url, { token: this.#token, lastEventId });
  }

  async catchUp(generation: number): Promise<void> {
    while ((this.#past.at(-1)?.generation ?? -1) < generation) {
      const frame = await this.#stream?.next();
      if (!frame) throw new Error("the stream ended");
      this.#take(frame.event, frame.id ?? "");
    }
  }

  leave(): void {
    this.#stream?.leave();
  }

  #take(event: SnapshotStreamEvent, id: string): void {
    const last = this.#past.at(-1);
    expect(id).toBe(String(event.generation));
    // Sent twice, or out of order, a frame would not be newer than what is held.
    if (last) expect(event.generation).toBeGreaterThan(last.generation);
    else expect(event.kind).toBe("snapshot");
    const held = event.kind === "snapshot" ? [] : this.held;
    this.#past.push({ id, generation: event.generation, held: folded(new Map(held), event) });
  }
}

function folded(held: Map<number, SnapshotEntry>, event: SnapshotStreamEvent): Held {
  if (event.kind === "removed") held.delete(event.id);
  if (event.kind === "entry") held.set(event.entry.id, event.entry);
  if (event.kind === "snapshot") for (const entry of event.credentials) held.set(entry.id, entry);
  return held;
}

const PROVIDERS = ["openai", "anthropic"];
const step = fc.oneof(
  fc.record({
    do: fc.constant("upsert" as const),
    provider: fc.constantFrom(...PROVIDERS),
    account: fc.nat(3),
    value: fc.nat(99),
  }),
  fc.record({ do: fc.constant("disable" as const), which: fc.nat(9) }),
  fc.record({ do: fc.constant("block" as const), which: fc.nat(9), scope: fc.nat(2) }),
  fc.record({ do: fc.constant("reconnect" as const), pick: fc.integer({ min: -1, max: 3 }) }),
  fc.record({ do: fc.constant("read" as const) }),
);

function change(made: Step): void {
  const { vault } = broker;
  if (made.do === "upsert") {
    const { provider, account, value } = made;
    const grant = { refresh: `r-${provider}-${account}`, access: `a-${value}`, expires: 9e12 };
    vault.upsert(provider, { type: "oauth", ...grant, email: `u${account}@a.test` });
  }
  if (made.do !== "disable" && made.do !== "block") return;
  const { credentials } = vault.read();
  const id = credentials[made.which % Math.max(1, credentials.length)]?.id ?? 0;
  if (made.do === "disable") vault.disable(id, "test");
  else vault.block(id, { providerKey: "k", blockScope: `s-${made.scope}`, blockedUntilMs: 9e12 });
}

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

test.each([["openai"], ["*"]])(
  "a client that sees %s holds what the vault holds, after any history",
  async (providers) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 15 }), async (steps) => {
        const sees = (provider: string) => providers === "*" || provider === providers;
        const client = new Client(broker.issue({ providers: [providers] }));
        const catchUp = () => client.catchUp(broker.vault.generationSeenBy(sees));
        try {
          await client.connect(0);
          for (const made of steps) {
            if (made.do === "reconnect") await client.connect(made.pick);
            else if (made.do === "read") await catchUp();
            else change(made);
          }
          await catchUp();
          const expected = broker.vault.read(sees).credentials;
          const held = [...client.held.values()];
          expect(held.map(({ id }) => id).toSorted()).toEqual(
            expected.map(({ id }) => id).toSorted(),
          );
          for (const { id, credential, blocks } of expected) {
            const entry = client.held.get(id);
            expect(entry?.credential).toMatchObject({
              access: "access" in credential ? credential.access : "",
            });
            expect(entry?.blocks ?? []).toEqual([...blocks]);
          }
        } finally {
          client.leave();
        }
      }),
      { numRuns: 100 },
    );
  },
  120_000,
);
