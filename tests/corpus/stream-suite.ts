// Every recorded stream through the gateway's translation to every client format, in reads of one byte,
// 37 bytes and whole: clean grammar, nothing lost, the same bytes out whatever the reads, and the
// streamed answer equal to the whole one.

import { ReplyAssembler } from "#wire";
import { GatewayError } from "../../gateway/errors.ts";
import type { Format, UpstreamFormat } from "../../gateway/formats/format.ts";
import { createStreamTranslation } from "../../gateway/pipeline/stream-translation.ts";
import { ESTIMATED, USAGE_HEADER, withUsage } from "../../gateway/pipeline/usage-estimate.ts";
import type { Expectation } from "../grammar/findings.ts";
import { grammars, readers } from "../grammar/grammar.ts";
import type { Outcome } from "../grammar/outcome.ts";
import { readFrames } from "../grammar/sse.ts";
import { type Broken, brokenInvariants } from "./conservation.ts";
import { ALIAS, plainRequest, replyContext, upstreamContext } from "./contexts.ts";
import type { RecordedCase } from "./corpus.ts";
import { inReads, MAX_SINGLE_BYTE_BODY } from "../scripted-upstream.ts";

/** Everything that does not hold when `recorded` is streamed to a client of `to`. */
export function* checkStream(
  recorded: RecordedCase,
  from: UpstreamFormat,
  to: Format,
): Iterable<Broken> {
  const source = readers[from.id].readStream(new TextDecoder().decode(recorded.body));
  const output = translate(recorded, { from, to });
  yield* violations(output, to, { includeUsage: true });
  const isMarked = output.includes(`: ${USAGE_HEADER}: ${ESTIMATED}`);
  const isFinished = !grammars[to.id].readStream(output).error;
  if (isFinished && isMarked === (source.usage !== undefined)) {
    yield {
      invariant: "usage",
      detail: isMarked ? "reported, yet marked as estimated" : "an unmarked guess",
    };
  }
  if (to.id === "chat") {
    const silent = { includeUsage: false };
    yield* violations(translate(recorded, { from, to, ...silent }), to, silent);
  }
  for (const readBytes of [1, 37]) {
    if (readBytes === 1 && recorded.body.length > MAX_SINGLE_BYTE_BODY) continue;
    if (translate(recorded, { from, to, readBytes }) !== output) {
      yield { invariant: "reads", detail: `reads of ${readBytes} bytes give another answer` };
    }
  }
  const got = grammars[to.id].readStream(output);
  yield* brokenInvariants(source, got, { from: from.id, to: to.id, isStream: true });
  yield* unlikeWhole(recorded, from, to, got);
}

function* violations(output: string, to: Format, expectation: Expectation = {}): Iterable<Broken> {
  const found = grammars[to.id].checkStream(output, { model: ALIAS, ...expectation });
  for (const { index, rule, what } of found) {
    yield { invariant: `grammar ${rule}`, detail: `frame ${index}: ${what}` };
  }
}

interface Lane {
  readonly from: UpstreamFormat;
  readonly to: Format;
  readonly readBytes?: number;
  readonly includeUsage?: boolean;
}

function translate(
  { name, body }: RecordedCase,
  { from, to, readBytes = body.length, includeUsage = true }: Lane,
): string {
  const reply = replyContext(plainRequest({ includeUsage }));
  const translation = createStreamTranslation({ from, to, upstream: upstreamContext(name), reply });
  const pieces = inReads(body, readBytes).map((bytes) => translation.push(bytes));
  return pieces.join("") + translation.end();
}

// The same events gathered into a whole reply must tell the client the same.
function* unlikeWhole(
  recorded: RecordedCase,
  from: UpstreamFormat,
  to: Format,
  streamed: Outcome,
): Iterable<Broken> {
  const assembler = gather(recorded, from);
  if (!assembler.reply) {
    const isHonest = assembler.failure !== undefined && streamed.error !== undefined;
    if (!isHonest) yield { invariant: "ending", detail: "neither a reply nor a failure" };
    return;
  }
  let body: unknown;
  try {
    body = to.encodeReply(withUsage(assembler.reply, 0), replyContext(plainRequest()));
  } catch (error) {
    if (!(error instanceof GatewayError) || !streamed.error) throw error;
    return;
  }
  for (const { rule, what } of grammars[to.id].checkBody(body, { model: ALIAS })) {
    yield { invariant: `body ${rule}`, detail: what };
  }
  const whole = grammars[to.id].readBody(body);
  const crossing = { from: to.id, to: to.id, isStream: to.id !== "messages" };
  for (const { invariant, detail } of brokenInvariants(streamed, whole, crossing)) {
    yield { invariant: `streamed ≡ whole, ${invariant}`, detail };
  }
}

function gather(recorded: RecordedCase, from: UpstreamFormat): ReplyAssembler {
  const assembler = new ReplyAssembler();
  const decoder = from.createStreamDecoder(
    (event) => assembler.push(event),
    upstreamContext(recorded.name),
  );
  for (const frame of readFrames(new TextDecoder().decode(recorded.body))) {
    if (frame.unknownField !== undefined) decoder.line?.(frame.unknownField, frame.data);
    else decoder.event(frame.event, frame.data);
  }
  decoder.end();
  return assembler;
}
