// The way of a request: admit → route → lease → shape → dispatch → relay → settle. One place, used by the
// HTTP server and, later, by an agent in the same process. No step reaches back; nothing of a prompt is
// written anywhere.

import { JsonScanError, readJson, scanJson, type JsonScan } from "#platform";
import {
  isJsonObject,
  parseJson,
  type ConversationRequest,
  type FailureKind,
  type Json,
  type JsonObject,
  type ReplyPart,
  type Usage,
} from "#wire";
import type { ReasoningMemory } from "../continuation/reasoning-memory.ts";
import { GatewayError, InvalidRequest, UpstreamFailed } from "../errors.ts";
import type { CallerFormat, Format, ReplyContext, UpstreamFormat } from "../formats/format.ts";
import { formats, upstreamFormats } from "../formats/index.ts";
import { Losses, LOSSY_HEADER } from "../formats/losses.ts";
import type { Policy } from "../keys/policy.ts";
import type { CatalogModel } from "../models/catalog.ts";
import type { Provider } from "../providers/provider.ts";
import type { Admission, Ticket } from "./admission.ts";
import { concealed, concealerOf } from "./concealed-address.ts";
import { dispatch, type DispatchParts } from "./dispatch.ts";
import type { Exchange, Outcome } from "./exchange.ts";
import { OwnCredentialTranslated } from "./own-credential.ts";
import type { Attempt, Route, Router, RouteRequest } from "./route.ts";
import { Settling } from "./settling.ts";
import type { ObserveSettlement } from "./settlement.ts";
import type { StreamParts } from "./stream-response.ts";
import { addLostBetas } from "./taken-betas.ts";
import { relayReply, relayStream, sameFormatBody, type OnEnd } from "./same-format.ts";
import {
  LossRefused,
  translateReply,
  translateRequest,
  translateStream,
  type Translation,
} from "./translate.ts";

/** What the pipeline is built from. */
export interface PipelineParts extends DispatchParts, StreamParts {
  readonly router: Router;
  readonly admission: Admission;
  readonly policy: Pick<Policy, "apply">;
  readonly hostedTools: "drop" | "reject";
  /** Reasoning that clients will not hand back; absent where none is remembered. */
  readonly reasoning?: ReasoningMemory;
  readonly newId: () => string;
  readonly nowMs: () => number;
  /** Told of each request once, when it is over. */
  readonly observers: readonly ObserveSettlement[];
}

/** Longest model id; it is echoed in a header. */
export const MAX_MODEL_CHARS = 256;
const MODEL_ID = new RegExp(`^[\\x21-\\x7e]{1,${MAX_MODEL_CHARS}}$`);

/** Header that names the model the upstream was asked for. */
export const MODEL_HEADER = "x-parley-model";

/** A request on its way: what every way of it is tried with. */
export type Underway = Pick<
  Context,
  "bytes" | "asked" | "isStrict" | "exchange" | "parts" | "settling"
>;

/** Tries one way, up to the moment its answer has begun; UpstreamFailed lets the next one be tried. */
export type TryWay = (attempt: Attempt, underway: Underway) => Promise<Response>;

/** Answers one model request. Throws GatewayError, never anything a caller should not read. */
export async function answer(
  given: Uint8Array,
  exchange: Exchange,
  parts: PipelineParts,
  tryWay: TryWay = answerByModel,
): Promise<Response> {
  const settling = new Settling(exchange, parts);
  let route: Route | undefined;
  try {
    const head = readHead(given, exchange.format);
    settling.asks(head);
    const { model, bytes, isStrict } = parts.policy.apply({
      model: head.model,
      bytes: given,
      exchange,
    });
    const asked = bytes === given ? head : readHead(bytes, exchange.format);
    const allows = allowed(exchange, parts.admission);
    route = parts.router.begin({ model, exchange, bytes, ...allows });
    let attempt = await route.next();
    if (!attempt) throw new Error("a route has a first way, or throws");
    const admitted = admit(attempt, { asked, bytes, exchange, parts });
    const ticket = admitted instanceof Promise ? await admitted : admitted;
    settling.admitted(ticket);
    for (;;) {
      try {
        const response = await tryWay(attempt, {
          asked,
          bytes,
          isStrict,
          exchange,
          parts,
          settling,
        });
        // What was answered without an upstream says nothing of it.
        if (settling.hasTried) route.served(attempt);
        return response;
      } catch (thrown) {
        const error = thrown instanceof UpstreamFailed ? concealed(thrown, attempt) : thrown;
        const isOver = !(error instanceof UpstreamFailed) || exchange.signal.aborted;
        if (isOver) throw route.refusal(error);
        settling.fails(error);
        route.failed(attempt, error);
        const next = await route.next();
        if (!next) throw route.refusal(error);
        if (next.target !== attempt.target) await ticket.moves?.(next.target);
        attempt = next;
      }
    }
  } catch (error) {
    settling.refuse(error instanceof GatewayError ? error : undefined);
    throw error;
  } finally {
    route?.ended();
  }
}

interface Context {
  readonly bytes: Uint8Array;
  readonly asked: Head;
  /** Whether the caller is refused what would lose anything of the request. */
  readonly isStrict: boolean;
  readonly isUnsealed: boolean | undefined;
  readonly exchange: Exchange;
  readonly parts: PipelineParts;
  readonly settling: Settling;
  readonly target: CatalogModel;
  readonly lease: Attempt["lease"];
  readonly maxCalls: number;
  readonly to: UpstreamFormat;
}

function admit(
  { target, lease: { credentialId, own } }: Attempt,
  { asked, bytes, exchange, parts }: Pick<Context, "asked" | "bytes" | "exchange" | "parts">,
): Ticket | Promise<Ticket> {
  return parts.admission.admit({
    exchange,
    target,
    bytes,
    isStream: asked.isStream,
    ...(credentialId !== undefined && { credentialId }),
    ...(own && { isOwn: true }),
  });
}

function allowed(exchange: Exchange, { mayUse }: Admission): Pick<RouteRequest, "allows"> {
  return mayUse ? { allows: (offer) => mayUse(exchange, offer) } : {};
}

/** The way of a model's answer. */
async function answerByModel(
  { target, lease, maxCalls, isUnsealed }: Attempt,
  given: Underway,
): Promise<Response> {
  const own = ownFormat(given.exchange.format, target);
  if (lease.own && !own) throw new OwnCredentialTranslated(target.provider.name, spokenBy(target));
  const to = own ?? upstreamFormats[spokenBy(target)[0]];
  const context: Context = { ...given, target, lease, maxCalls, isUnsealed, to };
  given.settling.tries({ target, lease, to: to.id });
  const response = await (own ? sameFormat(context, own) : translated(context));
  given.settling.begins(response);
  response.headers.set(MODEL_HEADER, `${target.provider.id}/${target.model.id}`);
  return response;
}

interface Head {
  readonly model: string;
  readonly isStream: boolean;
  readonly scan: JsonScan;
}

/** Reads what routing needs, without parsing the rest. Throws InvalidRequest. */
function readHead(bytes: Uint8Array, { isAlwaysStream }: CallerFormat): Head {
  let scan: JsonScan;
  try {
    scan = scanJson(bytes, { fields: ["model", "stream", "n"] });
  } catch (error) {
    throw invalidJson(error);
  }
  if (firstByte(bytes) !== OPENING_BRACE)
    throw new InvalidRequest("The body must be a JSON object.");
  const model = valueAt(bytes, scan, "model");
  if (typeof model !== "string" || model === "") {
    const message = "model: required, the id of a model such as those of GET /v1/models";
    throw new InvalidRequest(message, { code: "missing_required_parameter", param: "model" });
  }
  if (!MODEL_ID.test(model)) {
    const message = `model: expected at most ${MAX_MODEL_CHARS} characters of printable ASCII`;
    throw new InvalidRequest(message, { param: "model" });
  }
  const stream = valueAt(bytes, scan, "stream");
  if (stream !== undefined && stream !== null && typeof stream !== "boolean") {
    throw new InvalidRequest("stream: expected true or false", { param: "stream" });
  }
  return { model, isStream: stream === true || isAlwaysStream === true, scan };
}

const OPENING_BRACE = 0x7b;
const utf8 = new TextDecoder("utf-8", { fatal: true });

function firstByte(bytes: Uint8Array): number | undefined {
  return bytes.find((byte) => byte > 0x20);
}

function valueAt(bytes: Uint8Array, scan: JsonScan, name: string): Json | undefined {
  const range = scan.fields.get(name);
  if (!range) return undefined;
  try {
    return parseJson(utf8.decode(bytes.subarray(range.start, range.end)));
  } catch (cause) {
    throw new InvalidRequest(`${name}: not valid JSON`, {
      code: "invalid_json",
      param: name,
      cause,
    });
  }
}

function invalidJson(error: unknown): unknown {
  if (!(error instanceof JsonScanError)) return error;
  return new InvalidRequest(`The body is not acceptable JSON: ${error.message}`, {
    code: error.code,
    cause: error,
  });
}

/** The dialects that a model's upstream speaks; others are translated to the first. */
export function spokenBy({ provider, model }: CatalogModel): Provider["formats"] {
  return provider.formatsOf?.(model.id) ?? provider.formats;
}

/** The caller's own dialect, where the upstream speaks it. */
function ownFormat({ id }: CallerFormat, target: CatalogModel): Format | undefined {
  return id !== "native" && spokenBy(target).includes(id) ? formats[id] : undefined;
}

function replyContext(
  { asked, exchange, parts }: Context,
  translation?: Translation,
): ReplyContext {
  return {
    model: asked.model,
    id: parts.newId(),
    createdSeconds: Math.floor(exchange.startedAtMs / 1_000),
    nowSeconds: () => Math.floor(parts.nowMs() / 1_000),
    newId: parts.newId,
    // Not what was said: an answer may take minutes, and the history is what weighs.
    request: translation ? { ...translation.request, instructions: [], turns: [] } : null,
    losses: new Losses(),
  };
}

async function sameFormat(context: Context, format: Format): Promise<Response> {
  const { bytes, asked, isStrict, isUnsealed, target, lease, maxCalls, exchange, parts } = context;
  const model = asked.scan.fields.get("model");
  if (!model) throw new Error("readHead guarantees the field");
  const alias = { asked: asked.model, sent: target.model.id };
  const losses = new Losses();
  const standIn = target.provider.modelStandIn?.[format.id];
  const body = sameFormatBody(bytes, model, { ...alias, standIn, format, losses, isUnsealed });
  addLostBetas(losses, { headers: exchange.headers, provider: target.provider, format: format.id });
  if (isStrict && !losses.isEmpty) throw new LossRefused(losses);
  const call = {
    provider: target.provider,
    format: format.id,
    model: target.model.id,
    body,
    isStream: asked.isStream,
    lease,
    maxCalls,
  };
  const response = await dispatch(call, exchange, parts);
  const relay = { response, exchange, format, alias, secret: lease.key };
  const answer = await (asked.isStream
    ? relayStream({ ...relay, ...streamParts(context) }, onEnd(context), parts)
    : relayReply(relay, onEnd(context)));
  if (!losses.isEmpty) answer.headers.set(LOSSY_HEADER, losses.toString());
  return answer;
}

/** What only a stream needs. */
function streamParts(context: Context) {
  const n = valueAt(context.bytes, context.asked.scan, "n");
  return {
    choices: typeof n === "number" ? n : 1,
    conceal: concealerOf(context.target.provider),
    reply: replyContext(context),
  };
}

async function translated(context: Context): Promise<Response> {
  const { bytes, asked, isStrict, isUnsealed, target, to, lease, maxCalls, exchange, parts } =
    context;
  const { restore, onParts, isForgetful } = remembering(context);
  const translation = await translateRequest(readBody(bytes), exchange.format, to, {
    target,
    hostedTools: parts.hostedTools,
    isStrict,
    isUnsealed,
    restore,
  });
  const lost = translation.losses.toString();
  if (lost !== "") exchange.log.debug("lossy translation", { requestId: exchange.id, lost });
  const call = {
    provider: target.provider,
    format: to.id,
    model: target.model.id,
    body: translation.body,
    isStream: asked.isStream,
    lease,
    maxCalls,
  };
  const response = await dispatch(call, exchange, parts);
  const answered = {
    response,
    exchange,
    from: to,
    provider: target.provider.id,
    quirks: target.provider.quirks,
    translation,
    reply: replyContext(context, translation),
    secret: lease.key,
    conceal: concealerOf(target.provider),
    onParts: isForgetful?.(translation.request) ? onParts : undefined,
  };
  return asked.isStream
    ? translateStream(answered, onEnd(context), parts)
    : translateReply(answered, onEnd(context));
}

/** What goes between two turns of a caller who may not hand sealed reasoning back. */
function remembering({ exchange, target, parts: { reasoning } }: Context) {
  const format = exchange.format.id;
  if (!reasoning || (format !== "chat" && format !== "responses")) return {};
  const callerId = exchange.caller.id;
  const whose = { callerId, providerId: target.provider.id };
  // Chat has no place for it that all clients know; a client of Responses that asks for it hands it back.
  const isForgetful = ({ wantsEncryptedReasoning }: ConversationRequest) =>
    format === "chat" || !wantsEncryptedReasoning;
  return {
    isForgetful,
    restore: (request: ConversationRequest) =>
      isForgetful(request) ? reasoning.restore(request, whose) : request,
    onParts: (parts: readonly ReplyPart[]) => reasoning.keep(callerId, parts, { format }),
  };
}

/** The body as JSON. Throws InvalidRequest for what is no object. */
export function readBody(bytes: Uint8Array): JsonObject {
  let body: Json;
  try {
    body = readJson(bytes);
  } catch (error) {
    throw invalidJson(error);
  }
  if (!isJsonObject(body)) throw new InvalidRequest("The body must be a JSON object.");
  return body;
}

function onEnd({ settling }: Context): OnEnd {
  return (outcome: Outcome, usage: Usage | undefined, failure?: FailureKind) =>
    settling.ends(outcome, usage, failure);
}
