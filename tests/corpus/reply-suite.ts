// Every recorded whole reply, and every recorded error body, through the codecs to every client format:
// required fields there, nothing lost, statuses sane, no key fragment in a message.

import type { Failure, Json, Reply } from "#wire";
import { isJsonObject, parseJson } from "#wire";
import { GatewayError } from "../../gateway/errors.ts";
import type { Format, UpstreamFormat } from "../../gateway/formats/format.ts";
import { fields, text } from "../grammar/findings.ts";
import { grammars, readers } from "../grammar/grammar.ts";
import { type Broken, brokenInvariants } from "./conservation.ts";
import { ALIAS, plainRequest, replyContext, upstreamContext } from "./contexts.ts";
import type { RecordedCase } from "./corpus.ts";

/** Everything that does not hold when the whole reply `recorded` is given to a client of `to`. */
export function* checkReply(
  recorded: RecordedCase,
  from: UpstreamFormat,
  to: Format,
): Iterable<Broken> {
  const source = readers[from.id].readBody(readBody(recorded));
  const crossing = { from: from.id, to: to.id, isStream: false };
  let body: unknown;
  try {
    const reply: Reply = from.decodeReply(readBody(recorded), upstreamContext(recorded.name));
    body = to.encodeReply(reply, replyContext(plainRequest()));
  } catch (error) {
    const mayFail = source.error !== undefined || source.stop === "pause";
    if (!(error instanceof GatewayError) || !mayFail) throw error;
    return;
  }
  for (const { rule, what } of grammars[to.id].checkBody(body, { model: ALIAS })) {
    yield { invariant: `body ${rule}`, detail: what };
  }
  yield* brokenInvariants(source, grammars[to.id].readBody(body), crossing);
}

/** Everything that does not hold when the error `recorded` is given to a client of `to`. */
export function* checkError(
  recorded: RecordedCase,
  from: UpstreamFormat,
  to: Format,
): Iterable<Broken> {
  const failure = from.decodeError(recorded.status, readBody(recorded));
  const { status, body } = to.encodeError(failure, "req_corpus");
  if (!isSaneStatus(recorded.status, status, failure)) {
    yield { invariant: "status", detail: `${recorded.status} (${failure.kind}) became ${status}` };
  }
  const error = fields(body["error"]);
  if (text(error["message"]) === "") yield { invariant: "envelope", detail: "no message" };
  if (text(error["type"]) === "") yield { invariant: "envelope", detail: "no type" };
  if (to.id === "messages") {
    const isWhole = body["type"] === "error" && body["request_id"] === "req_corpus";
    if (!isWhole) yield { invariant: "envelope", detail: JSON.stringify(body) };
  } else if (error["param"] === undefined || error["code"] === undefined) {
    yield { invariant: "envelope", detail: JSON.stringify(body) };
  }
  if (KEY_FRAGMENT.test(JSON.stringify(body))) {
    yield { invariant: "secrecy", detail: JSON.stringify(body) };
  }
}

// Providers echo the key they refused: "Incorrect API key provided: sk-ab***yz".
const KEY_FRAGMENT = /\b(sk|gsk|xai|AIza)[-_][\w*]{2,}|\*{3,}|Bearer \S/;

// A credential the provider refused is our trouble, not the caller's: 502. Everything else keeps its
// class; hosts that hide one cause behind another status (Gemini's 400 for a key) are the exceptions.
function isSaneStatus(recorded: number, status: number, { kind }: Failure): boolean {
  if (status < 400 || status > 599) return false;
  if (kind === "upstream_auth") return status === 502;
  if (recorded === 401) return false;
  if (recorded === 429) return status === 429 || status === 402;
  return Math.floor(recorded / 100) === Math.floor(status / 100);
}

function readBody(recorded: RecordedCase): Json {
  const body = new TextDecoder().decode(recorded.body);
  try {
    const value = parseJson(body);
    return isJsonObject(value) || Array.isArray(value) ? value : body;
  } catch {
    return body;
  }
}
