// The invariants of a translation: what a client of one format understands is what a client of the
// other would have. Compares two independent readings; refuses to know any codec.

import type { CallerFormatId, FormatId } from "#wire";
import { isSameJson, parse } from "../grammar/findings.ts";
import type { Outcome, ToolCall } from "../grammar/outcome.ts";

/** One invariant that does not hold. */
export interface Broken {
  /** `text`, `tools`, `stop`, … */
  readonly invariant: string;
  readonly detail: string;
}

/** Which way the answer travelled. */
export interface Crossing {
  readonly from: FormatId;
  readonly to: CallerFormatId;
  readonly isStream: boolean;
}

const LEGAL_ID = /^[A-Za-z0-9_-]+$/;
const MAX_ID_CHARS = { chat: 40, responses: 64, messages: 64 } as const;

/** Every invariant that the answer `got` breaks against its `source`. */
export function brokenInvariants(source: Outcome, got: Outcome, crossing: Crossing): Broken[] {
  const broken: Broken[] = [];
  const check = (invariant: string, expected: unknown, actual: unknown) => {
    if (isSameJson(expected, actual)) return;
    broken.push({ invariant, detail: `${brief(expected)} became ${brief(actual)}` });
  };
  const isFailure = source.error !== undefined || isUncontinuedPause(source, crossing);
  if (isFailure) check("failure", true, got.error !== undefined);
  else check("failure", undefined, got.error);
  check("text", ...said(source, got, crossing));
  check("thinking", source.thinking, got.thinking);
  broken.push(...brokenCalls(source.toolCalls, got.toolCalls, crossing, isFailure));
  if (isFailure || got.error) return broken;
  if (crossing.from !== "chat") check("opaque", source.opaque, got.opaque);
  else check("opaque", [], lostFromDetails(source.opaque, got.opaque));
  check("stop", source.stop, got.stop);
  if (source.usage) check("usage", source.usage, got.usage);
  return broken;
}

// Chat state crosses as the whole `reasoning_details` array, in one carrier.
function lostFromDetails(source: readonly string[], got: readonly string[]): string[] {
  return source.filter((data) => !got.some((carried) => carried.includes(data)));
}

// Only Messages can say "call me again"; elsewhere an uncontinued pause must not look like an answer.
function isUncontinuedPause({ stop }: Outcome, { to }: Crossing): boolean {
  return stop === "pause" && to !== "messages";
}

// Messages has no refusal blocks: a refusal crosses it as text, or as the explanation of the stop.
function said(source: Outcome, got: Outcome, { from, to }: Crossing): [unknown, unknown] {
  if (from !== "messages" && to !== "messages") {
    return [
      { text: source.text, refusal: source.refusal },
      { text: got.text, refusal: got.refusal },
    ];
  }
  const all = source.text + source.refusal;
  const isShown = got.text === all;
  return [all, isShown ? all : got.text + got.refusal];
}

function brokenCalls(
  source: readonly ToolCall[],
  got: readonly ToolCall[],
  { to, isStream }: Crossing,
  isFailure: boolean,
): Broken[] {
  // A stream that fails in a call may have shown the client less of it, never more.
  const expected = isFailure ? source.slice(0, got.length) : source;
  if (expected.length !== got.length) {
    return [{ invariant: "tools", detail: `${brief(source)} became ${brief(got)}` }];
  }
  return expected.flatMap((call, index) => {
    const other = got[index];
    if (!other) return [];
    const isSameId = LEGAL_ID.test(call.id) && call.id.length <= MAX_ID_CHARS[to];
    const isId = isSameId ? other.id === call.id : other.id !== "";
    const hasArguments = isFailure
      ? call.arguments.startsWith(other.arguments) || other.arguments === "{}"
      : isSameArguments(call, other, to === "messages" && !isStream);
    if (isId && isSameName(call, other, to) && hasArguments) return [];
    return [{ invariant: "tools", detail: `${brief(call)} became ${brief(other)}` }];
  });
}

// Only Responses has namespaces; elsewhere the name stands alone, or behind its namespace and `__`.
function isSameName(call: ToolCall, other: ToolCall, to: CallerFormatId): boolean {
  if (to === "responses") return other.name === call.name && other.namespace === call.namespace;
  return other.name === call.name || other.name === `${call.namespace}__${call.name}`;
}

// A whole Messages reply holds an object, so its text is printed anew; everywhere else the exact string
// must survive. Freeform input becomes `{"input": …}` where the client's format has no freeform calls.
function isSameArguments(call: ToolCall, other: ToolCall, isObject: boolean): boolean {
  if (call.arguments === other.arguments) return true;
  if (call.isFreeform && !other.isFreeform) {
    return isSameJson(parse(other.arguments), { input: call.arguments });
  }
  const value = parse(call.arguments);
  if (!isObject) return false;
  return isSameJson(parse(other.arguments), value ?? { __raw: call.arguments });
}

function brief(value: unknown): string {
  const json = JSON.stringify(value) ?? "nothing";
  return json.length <= 240 ? json : `${json.slice(0, 120)} … ${json.slice(-110)}`;
}
