// Plays a scenario as if it came over the network: bytes of a dialect, one read per event, with the faults
// of real connections. `x-parley-sim: NAME; delay=MS` chooses another scenario and a pace.

import { randomBytes } from "node:crypto";
import { OutboundError, readJson, type OutboundRequest, type OutboundResponse } from "#platform";
import {
  isJsonObject,
  type JsonObject,
  ReplyAssembler,
  type Failure,
  type FormatId,
  type Json,
  type ReplyEvent,
  type Usage,
} from "#wire";
import type { ReplyContext } from "../../formats/format.ts";
import { formats } from "../../formats/index.ts";
import { Losses } from "../../formats/losses.ts";
import { answerEndpoint } from "./endpoints.ts";
import { findLostSignature, geminiWriter, readGeminiRequest, type AnswerWriter } from "./gemini.ts";
import { findOrphanResult, readPrompt, type Prompt } from "./prompt.ts";
import { findScenario, scenarios, type Scenario } from "./scenarios.ts";

/** Request header that chooses a scenario, and its pace. */
export const SIM_HEADER = "x-parley-sim";

/** Longest pause between two events that `delay=` may ask for. */
export const MAX_DELAY_MS = 10_000;

const utf8 = new TextEncoder();
const newId = () => randomBytes(12).toString("hex");

/** Answers `request` in the dialect `format`. */
export async function answerAs(
  request: OutboundRequest,
  spoken: FormatId,
): Promise<OutboundResponse> {
  const codec: AnswerWriter = spoken === "generate" ? geminiWriter : formats[spoken];
  const bytes = typeof request.body === "string" ? utf8.encode(request.body) : request.body;
  let body: Json;
  try {
    body = readJson(bytes ?? utf8.encode("{}"));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return failed(codec, { kind: "bad_request", message, code: "json_malformed" });
  }
  const given = isJsonObject(body) ? body : {};
  const object = spoken === "generate" ? readGeminiRequest(request.url, given) : given;
  const model = typeof object["model"] === "string" ? object["model"] : "";
  const { name, delayMs } = readDirective(request.headers[SIM_HEADER], model);
  const scenario = findScenario(name);
  if (!scenario) {
    const message = `The simulator has no scenario "${name}"; it has ${Object.keys(scenarios).join(", ")}.`;
    return failed(codec, { kind: "unknown_model", message, param: "model" });
  }
  if (scenario.failure) {
    return failed(codec, scenario.failure.failure, scenario.failure.retryAfterSeconds);
  }
  const wrong = findWrong(spoken, given);
  if (wrong) return failed(codec, wrong);
  const other = answerEndpoint(request.url, object);
  if (other) {
    const json = { "content-type": "application/json" };
    return respond(200, [utf8.encode(JSON.stringify(other))], json);
  }
  const prompt = readPrompt(object, bytes?.length ?? 0);
  const events = complete(scenario, prompt, model);
  if (prompt.isStream) {
    const chunks = streamChunks(codec, events, replyContext(model, prompt), scenario);
    return play(chunks, { contentType: "text/event-stream", scenario, delayMs, request });
  }
  return whole(codec, events, replyContext(model, prompt), { scenario, delayMs, request });
}

/** What is wrong with a history in a way that the dialect's owner would not take. */
function findWrong(spoken: FormatId, body: JsonObject): Failure | undefined {
  if (spoken === "generate") return findLostSignature(body);
  const orphan = spoken === "responses" ? findOrphanResult(body) : undefined;
  if (orphan === undefined) return undefined;
  const message = `No tool call found for function call output with call_id ${orphan}.`;
  return { kind: "bad_request", message, param: "input" };
}

function readDirective(header: string | undefined, model: string) {
  const pieces = (header ?? "").split(";").map((piece) => piece.trim());
  const name = pieces.find((piece) => !piece.includes("="));
  const parameters = pieces.filter((piece) => piece.includes("="));
  const delay = parameters.find((parameter) => parameter.startsWith("delay="));
  const delayMs = Math.min(Number(delay?.slice("delay=".length)) || 0, MAX_DELAY_MS);
  return { name: name || model, delayMs };
}

function failed(
  codec: AnswerWriter,
  failure: Failure,
  retryAfterSeconds?: number,
): OutboundResponse {
  const { status, body } = codec.encodeError(failure, "req_simulated");
  return respond(status, [utf8.encode(JSON.stringify(body))], {
    "content-type": "application/json",
    ...(retryAfterSeconds !== undefined && { "retry-after": String(retryAfterSeconds) }),
  });
}

function complete(scenario: Scenario, prompt: Prompt, model: string): ReplyEvent[] {
  const events = scenario.events?.(prompt) ?? [];
  const outputChars = events.reduce(
    (total, event) => total + (event.type === "delta" ? event.text.length : 0),
    0,
  );
  const usage: Usage = {
    input: Math.ceil(prompt.bodyChars / 4),
    cacheRead: 0,
    cacheWrite: 0,
    output: Math.ceil(outputChars / 4),
    ...scenario.usage,
  };
  return [
    { type: "start", model, usage: { ...usage, output: 0 } },
    ...events.map((event) => {
      if (event.type === "finish") return { ...event, usage };
      // The same id twice in one conversation would be two calls of one name.
      const isCall = event.type === "open" && event.kind === "toolCall";
      return isCall ? { ...event, id: `call_${newId()}` } : event;
    }),
  ];
}

function replyContext(model: string, prompt: Prompt): ReplyContext {
  return {
    model,
    id: newId(),
    createdSeconds: Math.floor(Date.now() / 1_000),
    nowSeconds: () => Math.floor(Date.now() / 1_000),
    newId,
    request: {
      model,
      isStream: prompt.isStream,
      includeUsage: prompt.includeUsage,
      instructions: [],
      turns: [],
      tools: [],
      paths: {},
    },
    losses: new Losses(),
  };
}

function streamChunks(
  codec: AnswerWriter,
  events: readonly ReplyEvent[],
  context: ReplyContext,
  { fault }: Scenario,
): Uint8Array[] {
  const encoder = codec.createStreamEncoder(context);
  const texts = events.map((event) => encoder.encode(event)).filter((chunk) => chunk !== "");
  const shown = fault ? texts.slice(0, Math.ceil(texts.length / 2)) : texts;
  if (fault === "malformed") shown.push('data: {"type": "broken\n\n');
  return shown.map((chunk) => utf8.encode(chunk));
}

interface Playback {
  readonly scenario: Scenario;
  readonly delayMs: number;
  readonly request: OutboundRequest;
}

function whole(
  codec: AnswerWriter,
  events: readonly ReplyEvent[],
  context: ReplyContext,
  playback: Playback,
): OutboundResponse {
  const assembler = new ReplyAssembler();
  for (const event of events) assembler.push(event);
  if (assembler.failure) return failed(codec, assembler.failure);
  if (!assembler.reply) throw new Error("a scenario ends in finish or error");
  const json = JSON.stringify(codec.encodeReply(assembler.reply, context));
  const { fault } = playback.scenario;
  const shown = fault ? json.slice(0, json.length / 2) : json;
  return play([utf8.encode(shown)], { contentType: "application/json", ...playback });
}

function play(
  chunks: readonly Uint8Array[],
  { contentType, scenario, delayMs, request }: Playback & { contentType: string },
): OutboundResponse {
  const { signal } = request;
  return respond(
    200,
    chunks,
    { "content-type": contentType },
    {
      before: () => (delayMs > 0 ? pause(delayMs, signal) : signal.throwIfAborted()),
      atEnd: () => {
        if (scenario.fault === "hang") return pause(undefined, signal);
        if (scenario.fault === "reset") {
          throw new OutboundError(
            "connection_reset",
            "",
            "closed the connection before the answer was complete",
          );
        }
        return undefined;
      },
    },
  );
}

function respond(
  status: number,
  chunks: readonly Uint8Array[],
  headers: Record<string, string>,
  {
    before,
    atEnd,
  }: { before?: () => Promise<void> | void; atEnd?: () => Promise<void> | undefined } = {},
): OutboundResponse {
  let next = 0;
  const read = async (): Promise<Uint8Array | undefined> => {
    await before?.();
    const chunk = chunks[next];
    next += 1;
    if (chunk === undefined) await atEnd?.();
    return chunk;
  };
  return {
    status,
    headers: new Headers(headers),
    read,
    bytes: async () => {
      const parts: Uint8Array[] = [];
      for (let chunk = await read(); chunk; chunk = await read()) parts.push(chunk);
      return Buffer.concat(parts);
    },
    cancel: () => {
      next = chunks.length;
    },
  };
}

function pause(delayMs: number | undefined, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = delayMs === undefined ? undefined : setTimeout(done, delayMs);
    function done() {
      signal.removeEventListener("abort", stop);
      resolve();
    }
    function stop() {
      clearTimeout(timer);
      reject(new OutboundError("aborted", "", "the caller gave up"));
    }
    if (signal.aborted) return stop();
    signal.addEventListener("abort", stop, { once: true });
  });
}
