// Every recorded request, and those of real coding agents, through the codecs to the other formats:
// taken, or refused with an InvalidRequest that says what and where; never anything else.

import type { ConversationRequest, JsonObject, ToolCallPart } from "#wire";
import { InvalidRequest } from "../../gateway/errors.ts";
import type { Format, UpstreamFormat } from "../../gateway/formats/format.ts";
import { formats } from "../../gateway/formats/index.ts";
import { Losses } from "../../gateway/formats/losses.ts";
import type { Provider } from "../../gateway/providers/provider.ts";
import { checkGenerateRequest, readGenerateRequest } from "../grammar/generate-request.ts";
import type { Broken } from "./conservation.ts";
import type { RecordedRequest } from "./corpus.ts";
import { upstreamBody } from "./upstream-body.ts";

/** How requests fared: "taken", or the code of the refusal. */
export type Tally = Map<string, number>;

/** The host a request is written for, and what its body must hold besides. */
export interface Host {
  readonly host: Pick<Provider, "id" | "quirks">;
  readonly obey: (body: JsonObject) => Iterable<Broken>;
}

const ANY_HOST: Host = { host: { id: "recorded", quirks: {} }, obey: () => [] };

/** Everything that does not hold when `recorded` goes to an upstream of `to`. */
export function* checkRequest(
  recorded: RecordedRequest,
  from: Format,
  to: UpstreamFormat,
  tally: Tally,
  { host, obey }: Host = ANY_HOST,
): Iterable<Broken> {
  const count = (key: string) => tally.set(key, (tally.get(key) ?? 0) + 1);
  const losses = new Losses();
  let request: ConversationRequest;
  let body: JsonObject;
  try {
    request = from.decodeRequest(recorded.body, { losses });
    body = upstreamBody(request, to, losses, host);
  } catch (error) {
    if (!(error instanceof InvalidRequest)) throw error;
    count(error.code);
    const { message, param, kind } = error.failure;
    if (message === "") yield { invariant: "refusal", detail: "no message" };
    if (param === undefined) yield { invariant: "refusal", detail: `no param: ${message}` };
    if (kind !== "bad_request") yield { invariant: "refusal", detail: `kind ${kind}` };
    // A coding agent cannot change its requests: to refuse them is to refuse the agent.
    if (recorded.isAgent) yield { invariant: "agent", detail: `refused, ${message}` };
    return;
  }
  count("taken");
  yield* obey(body);
  if (to.id === "generate") {
    yield* compareGenerate(request, body, losses);
    return;
  }
  try {
    yield* compare(request, formats[to.id].decodeRequest(body, { losses: new Losses() }), losses);
  } catch (error) {
    if (!(error instanceof InvalidRequest)) throw error;
    yield { invariant: "reread", detail: error.message };
  }
}

// What was written must be readable as the same conversation. Text may be added (a note in the place of a
// provider's own tool), but only where a loss is named; none may be taken away.
function* compare(
  sent: ConversationRequest,
  arrived: ConversationRequest,
  losses: Losses,
): Iterable<Broken> {
  const before = digest(sent);
  const after = digest(arrived);
  const differ = (invariant: string, expected: string, actual: string) => ({
    invariant,
    detail: `${expected.slice(0, 200)} became ${actual.slice(0, 200)}`,
  });
  // An image that a dialect's results cannot hold stands behind them, and a note in its place.
  const isMoved = losses.toString().includes("image moved out of the tool result");
  const results = isMoved ? before.results.replaceAll('"image"', '"text"') : before.results;
  if (results !== after.results) yield differ("results", results, after.results);
  for (const key of ["calls", "images"] as const) {
    if (before[key] !== after[key]) yield differ(key, before[key], after[key]);
  }
  const whole = after.texts.join("");
  let at = 0;
  for (const text of before.texts) {
    const found = whole.indexOf(text, at);
    if (found === -1) yield differ("text", text, whole.slice(at));
    else at = found + text.length;
  }
  const isAdded = whole !== before.texts.join("");
  if (isAdded && losses.isEmpty) yield differ("text", before.texts.join(""), whole);
}

// Nobody sends this dialect to us, so it is read by the grammar's own reader.
function* compareGenerate(
  sent: ConversationRequest,
  body: JsonObject,
  losses: Losses,
): Iterable<Broken> {
  for (const { index, rule, what } of checkGenerateRequest(body)) {
    yield { invariant: `grammar ${rule}`, detail: `content ${index}: ${what}` };
  }
  const { texts, calls } = digest(sent);
  const arrived = readGenerateRequest(body);
  const told = JSON.stringify(arrived.calls);
  if (told !== calls) yield { invariant: "calls", detail: `${calls} became ${told}` };
  const results = sent.turns.flatMap(({ parts }) => parts).filter(isResult);
  if (results.length !== arrived.resultCount) {
    yield { invariant: "results", detail: `${results.length} became ${arrived.resultCount}` };
  }
  let at = 0;
  for (const text of texts) {
    const found = arrived.text.indexOf(text, at);
    if (found === -1) yield { invariant: "text", detail: `${text.slice(0, 200)} is missing` };
    else at = found + text.length;
  }
  if (arrived.text !== texts.join("") && losses.isEmpty && !/^\s*$/.test(arrived.text)) {
    yield { invariant: "text", detail: `added: ${arrived.text.slice(0, 200)}` };
  }
}

function isResult({ kind }: { readonly kind: string }): boolean {
  return kind === "toolResult";
}

function digest(request: ConversationRequest) {
  const parts = request.turns.flatMap((turn) => turn.parts);
  const calls = parts.filter((part) => part.kind === "toolCall");
  const results = parts.filter((part) => part.kind === "toolResult");
  const texts = [...request.instructions, ...parts].filter((part) => part.kind === "text");
  const shown = [...parts, ...results.flatMap((result) => result.parts)];
  return {
    images: String(shown.filter(({ kind }) => kind === "image").length),
    calls: JSON.stringify(calls.map((call) => [flatName(call), normal(call.arguments)])),
    results: JSON.stringify(results.map(({ parts: each }) => each.map(({ kind }) => kind))),
    // Messages refuses blank text, so its encoder leaves it out.
    texts: texts.map(({ text }) => text).filter((text) => text.trim() !== ""),
  };
}

function flatName({ name, namespace }: ToolCallPart): string {
  return namespace === undefined ? name : `${namespace}__${name}`;
}

// Arguments that crossed an object dialect come back printed anew.
function normal(json: string): string {
  try {
    return JSON.stringify(JSON.parse(json));
  } catch {
    return json;
  }
}
