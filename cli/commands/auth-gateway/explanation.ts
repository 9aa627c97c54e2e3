// One record of the access log, in words for whoever wonders why their request went as it did. Adds nothing that the
// record does not say.

import type { AccessRecord } from "#gateway";

const DIALECTS: Readonly<Record<string, string>> = {
  chat: "OpenAI Chat Completions",
  responses: "OpenAI Responses",
  messages: "Anthropic Messages",
  generate: "Gemini generateContent",
  native: "the native stream",
};

const ENDS: Readonly<Record<AccessRecord["outcome"], string>> = {
  completed: "the answer came whole",
  failed: "the upstream failed in the middle of the answer, and the caller was told",
  cut: "the connection to the upstream broke in the middle of the answer, and the caller was told",
  client_gone: "the caller left before the end, and the upstream was stopped",
  refused: "no answer began",
};

const SOURCES: Readonly<Record<string, string>> = {
  config: "the key of the configuration",
  broker: "a credential of the broker",
  environment: "the key of the environment",
  caller: "the caller's own credential",
  none: "no credential",
};

/** The record, told; ends in a newline. */
export function explanation(record: AccessRecord): string {
  const lines = [
    ...asked(record),
    "",
    "What was decided, in order:",
    ...numbered(record.trail.length > 0 ? record.trail : ["nothing: it was refused before that"]),
    "",
    ...ways(record),
    ...ended(record),
  ];
  return `${lines.map(printable).join("\n")}\n`;
}

function asked({ requestId, clientRequestId, caller, ...record }: AccessRecord): readonly string[] {
  const when = new Date(record.startedAtMs).toISOString().replace("T", " ");
  const own = clientRequestId === undefined ? "" : ` (its caller's id: ${clientRequestId})`;
  const form = record.endpoint ?? (record.isStream ? "as a stream" : "as one answer");
  const model = record.asked === "" ? "no readable model" : record.asked;
  return [
    `Request ${requestId}${own}`,
    ...(record.traceId === undefined ? [] : [`Trace ${record.traceId}`]),
    `At ${when} the key "${caller.name}" asked for ${model} in ${dialect(record.format)}, ${form}.`,
  ];
}

function ways({ attempts }: AccessRecord): readonly string[] {
  if (attempts.length === 0) return ["No upstream was asked."];
  return ["Upstreams that were asked, in order:", ...numbered(attempts.map(way)), ""];
}

function way(attempt: AccessRecord["attempts"][number]): string {
  const { model, format, keySource, credentialId, beganMs, decidedMs, failure } = attempt;
  const source = SOURCES[keySource] ?? keySource;
  const key = credentialId === undefined ? source : `${source} (number ${credentialId})`;
  const took = decidedMs === undefined ? "" : ` after ${duration(decidedMs - beganMs)}`;
  const theirs =
    attempt.upstreamRequestId === undefined ? "" : `; its id there: ${attempt.upstreamRequestId}`;
  const end = failure
    ? failed(failure, took)
    : decidedMs === undefined
      ? "was given up"
      : `began to answer${took}`;
  return `${model} in ${dialect(format)}, with ${key}: ${end}${theirs}`;
}

type Failure = NonNullable<AccessRecord["attempts"][number]["failure"]>;

function failed({ kind, code, status, reason }: Failure, took: string): string {
  const answered = status === undefined ? "" : ` with HTTP ${status}`;
  const named = code === kind ? kind : `${kind}, ${code}`;
  const said = reason === undefined ? "" : `: "${reason}"`;
  return `failed${took}${answered} (${named})${said}`;
}

function ended({ outcome, status, code, usage, ...record }: AccessRecord): readonly string[] {
  const why = code === undefined ? "" : `, ${code}`;
  const first =
    record.firstByteMs === undefined ? "" : ` First byte after ${duration(record.firstByteMs)}.`;
  return [
    `End: ${ENDS[outcome]} (${outcome}${why}, HTTP ${status}).`,
    `Time: ${duration(record.elapsedMs)} in all.${first}`,
    `Tokens: ${usage ? tokens(usage) : "the upstream reported none"}.`,
  ];
}

function tokens(usage: NonNullable<AccessRecord["usage"]>): string {
  const { input, output, cacheRead, cacheWrite, reasoning, serviceTier, isEstimated } = usage;
  const thought = reasoning === undefined ? "" : ` (${reasoning} of them reasoning)`;
  const cached = `${cacheRead} read from and ${cacheWrite} written to a cache`;
  const tier = serviceTier === undefined ? "" : `; tier ${serviceTier}`;
  return `${input} in, ${output} out${thought}, ${cached}${tier}${isEstimated ? "; estimated" : ""}`;
}

function dialect(format: string): string {
  return DIALECTS[format] ?? format;
}

function numbered(lines: readonly string[]): readonly string[] {
  return lines.map((line, index) => `  ${index + 1}. ${line}`);
}

function duration(ms: number): string {
  return ms < 10_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
}

// Upstreams wrote some of it: nothing here may drive the terminal.
function printable(line: string): string {
  return line.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, "?");
}
