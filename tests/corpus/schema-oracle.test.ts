// Every recorded request, translated for each other dialect, before the vendors' own descriptions of their APIs:
// none of what would be sent may be against them. Without the corpus, or the oracle, it says so and skips.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { type CallerFormatId, isJsonObject, type Json, type JsonObject } from "#wire";
import { InvalidRequest } from "../../gateway/errors.ts";
import type { Format } from "../../gateway/formats/format.ts";
import { formats } from "../../gateway/formats/index.ts";
import { Losses } from "../../gateway/formats/losses.ts";
import { type Corpus, openCorpus, type RecordedRequest, recordedRequests } from "./corpus.ts";
import { oracleProgram, type SchemaOracle, startSchemaOracle } from "./schema-oracle.ts";
import { upstreamBody } from "./upstream-body.ts";

const TIMEOUT_MS = 60_000;
/** Requests asked at once: the oracle is a process of its own. */
const AT_ONCE = 4;

const PATHS: Readonly<Record<CallerFormatId, string>> = {
  chat: "/chat/completions",
  responses: "/responses",
  messages: "/v1/messages",
};

// Making up an answer of Messages takes the oracle a third of a second; one more, known problem spares it that.
const UNANSWERED = { temperature: "wrong on purpose" };
const DELIBERATE = "body.temperature: ";

const corpus = openCorpus();
const program = oracleProgram();
if (corpus && program) judge(corpus, program);
else test.skip("no corpus, or no oracle: translated requests are not judged", () => undefined);

function judge(corpus: Corpus, program: string): void {
  const oracles = new Map<CallerFormatId, SchemaOracle>();
  let judged = 0;
  let refused = 0;

  beforeAll(async () => {
    const schemas = join(corpus.root, "fixtures/schemas");
    const openai = await startSchemaOracle(program, join(schemas, "openai.subset.json"));
    const anthropic = await startSchemaOracle(program, join(schemas, "anthropic.subset.json"));
    oracles.set("chat", openai).set("responses", openai).set("messages", anthropic);
  }, TIMEOUT_MS);

  afterAll(async () => {
    for (const oracle of new Set(oracles.values())) await oracle[Symbol.asyncDispose]();
    process.stdout.write(`schema oracle: ${judged} requests judged, ${refused} refused before\n`);
  });

  const problems = async (to: CallerFormatId, body: JsonObject) => {
    const oracle = oracles.get(to);
    if (!oracle) throw new Error(`no oracle for ${to}`);
    const asked = to === "responses" ? readable(body) : body;
    if (to !== "messages") return oracle.problems(PATHS[to], asked);
    const found = await oracle.problems(PATHS[to], { ...asked, ...UNANSWERED });
    const others = found.filter((problem) => !problem.startsWith(DELIBERATE));
    return others.length < found.length
      ? others
      : [...found, "the deliberate problem was not found"];
  };

  const check = async ({ name, body }: RecordedRequest, from: Format, to: Format) => {
    let sent: JsonObject;
    try {
      const losses = new Losses();
      sent = upstreamBody(from.decodeRequest(body, { losses }), to, losses);
    } catch (error) {
      if (!(error instanceof InvalidRequest)) throw error;
      refused += 1;
      return [];
    }
    judged += 1;
    return (await problems(to.id, sent)).map((problem) => `${name}: ${problem}`);
  };

  describe("what would be sent is what the vendor describes", () => {
    const list: readonly Format[] = Object.values(formats);
    const pairs = list.flatMap((from) => list.map((to) => ({ from, to })));
    const crossings = pairs.filter(({ from, to }) => from !== to && PATHS[to.id] && PATHS[from.id]);
    test.each(crossings.map((pair) => ({ ...pair, title: `${pair.from.id} → ${pair.to.id}` })))(
      "$title",
      async ({ from, to }) => {
        const mine = recordedRequests(corpus).filter(({ format }) => format === from.id);
        const found: string[] = [];
        for (let at = 0; at < mine.length; at += AT_ONCE) {
          const some = mine.slice(at, at + AT_ONCE);
          found.push(...(await Promise.all(some.map((each) => check(each, from, to)))).flat());
        }
        expect(found).toEqual([]);
        expect(mine.length).toBeGreaterThan(50);
      },
      TIMEOUT_MS,
    );
  });

  // An oracle that accepts everything proves nothing.
  test.each([
    ["chat", { model: "m", messages: [{ role: "user", content: 7 }] }],
    ["chat", { model: "m", messages: [{ role: "user", content: "x" }], temperature: "hot" }],
    ["responses", { model: "m", input: [message({ type: "input_image", image_url: 7 })] }],
    ["responses", { model: "m", input: [{ type: "function_call", name: 7 }] }],
    ["messages", { model: "m", messages: [{ role: "user", content: "x" }] }],
    ["messages", { model: "m", max_tokens: 9, messages: [{ role: "user", content: [{}] }] }],
  ] as const)(
    "a wrong request for %s is found wrong",
    async (to, body) => {
      expect(await problems(to, body as unknown as JsonObject)).not.toEqual([]);
    },
    TIMEOUT_MS,
  );
}

function message(...content: readonly JsonObject[]): JsonObject {
  return { type: "message", role: "user", content: [...content] };
}

/**
 * The oracle finds every message wrong whose content is a list, the vendor's own examples too. It reads the same
 * parts well as variables of a prompt; so they are judged there, and the message with a text in their place.
 * What an assistant said must have an id there, which the vendor itself does not ask for, and is not judged.
 */
function readable(body: JsonObject): JsonObject {
  const variables: Record<string, Json> = {};
  const input = Array.isArray(body["input"]) ? body["input"] : [];
  const items = input.map((item) => {
    if (!isJsonObject(item) || !Array.isArray(item["content"]) || item["type"] !== "message")
      return item;
    const parts = item["role"] === "assistant" ? [] : item["content"];
    for (const part of parts) variables[`part_${Object.keys(variables).length}`] = part;
    return { ...item, content: "judged as variables" };
  });
  return { ...body, input: items, prompt: { id: "parts", variables } };
}
