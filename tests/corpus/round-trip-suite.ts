// Requests there and back: decoded, written for an upstream of another dialect, read there, written for the
// first dialect again and read once more. What came back is the same, or a loss on the way names it.

import type {
  ConversationRequest,
  FormatId,
  JsonObject,
  Part,
  Tool,
  ToolCallPart,
  ToolChoice,
} from "#wire";
import { InvalidRequest } from "../../gateway/errors.ts";
import type { Format } from "../../gateway/formats/format.ts";
import { Losses } from "../../gateway/formats/losses.ts";
import type { Broken } from "./conservation.ts";
import type { RecordedRequest } from "./corpus.ts";
import { MAX_OUTPUT_TOKENS, upstreamBody } from "./upstream-body.ts";

/** How many came back the same, came back with named losses, or were refused. */
export interface RoundTrips {
  same: number;
  lossy: number;
  refused: number;
}

/** Losses that can be asked for. */
class NamedLosses extends Losses {
  readonly named: string[] = [];

  override add(field: string, reason: string): void {
    this.named.push(field);
    super.add(field, reason);
  }
}

/** Every difference between what left and what came back that no loss names. */
export function* checkRoundTrip(
  recorded: RecordedRequest,
  from: Format,
  over: Format,
  trips: RoundTrips,
): Iterable<Broken> {
  const losses = new NamedLosses();
  let there: ConversationRequest;
  let between: ConversationRequest;
  let back: ConversationRequest;
  try {
    there = from.decodeRequest(recorded.body, { losses });
    between = cross(there, over, losses);
    back = cross(between, from, losses);
  } catch (error) {
    if (!(error instanceof InvalidRequest)) throw error;
    trips.refused += 1;
    return;
  }
  const changes = differences(there, back, [from.id, over.id]);
  if (changes.length === 0) trips.same += 1;
  else trips.lossy += 1;
  for (const { field, detail } of changes) {
    const names = [there, between].flatMap((request) => namesOf(field, request));
    const isNamed = losses.named.some((loss) => names.some((name) => loss.startsWith(name)));
    if (!isNamed) yield { invariant: `round trip, ${field}`, detail };
  }
}

function cross(request: ConversationRequest, to: Format, losses: Losses): ConversationRequest {
  const body = upstreamBody(request, to, losses);
  return to.decodeRequest(JSON.parse(JSON.stringify(body)), { losses });
}

/** What a loss of the field may begin with: its path in that request, or the word of the codecs for it. */
function namesOf(field: string, { paths, tools }: ConversationRequest): string[] {
  switch (field) {
    case "said":
      return ["messages", "input", "instructions", "phase", "thinking", "reasoning"];
    case "tools":
      return ["tools", ...tools.map(({ path = "tools" }) => path)];
    case "effort":
    case "budgetTokens":
    case "wantsSummary":
      return [paths["reasoning"] ?? "reasoning"];
    default:
      return [paths[field] ?? field];
  }
}

interface Difference {
  readonly field: string;
  readonly detail: string;
}

function differences(
  there: ConversationRequest,
  back: ConversationRequest,
  hops: readonly FormatId[],
): Difference[] {
  const before = canonical(there, hops);
  const after = canonical(back, hops);
  const found = Object.keys({ ...before, ...after }).flatMap((field) => {
    const [left, right] = [before[field], after[field]].map((value) => JSON.stringify(value));
    return left === right ? [] : [{ field, detail: shorten(left, right) }];
  });
  const isUnseen = there.reasoning?.wantsSummary === true && !back.reasoning?.wantsSummary;
  // Chat has no word for it: its hosts show what they show.
  const isSpoken = hops.every((format) => format !== "chat");
  return isUnseen && isSpoken
    ? [...found, { field: "wantsSummary", detail: "true was lost" }]
    : found;
}

// The place where two long texts part says more than their beginnings.
function shorten(left = "absent", right = "absent"): string {
  let at = 0;
  while (at < left.length && left[at] === right[at]) at += 1;
  const start = Math.max(0, at - 60);
  return `${left.slice(start, start + 200)} became ${right.slice(start, start + 200)}`;
}

/** What a request means, in one spelling. What is left out here is what docs/translation.md calls meaningless. */
function canonical(
  request: ConversationRequest,
  hops: readonly FormatId[],
): Record<string, unknown> {
  const { turns, tools, reasoning, output } = request;
  const said = new Said();
  return {
    instructions: request.instructions.map(({ text }) => text).filter((text) => text !== ""),
    said: turns.flatMap((turn) => turn.parts.flatMap((part) => said.part(turn.role, part))),
    tools: tools.map(plainTool),
    toolChoice: choice(request),
    parallelToolCalls: request.parallelToolCalls === false ? false : undefined,
    maxOutputTokens:
      request.maxOutputTokens === MAX_OUTPUT_TOKENS ? undefined : request.maxOutputTokens,
    temperature: request.temperature,
    topP: request.topP,
    topK: request.topK,
    stop: request.stop?.length ? request.stop : undefined,
    seed: request.seed,
    frequencyPenalty: request.frequencyPenalty || undefined,
    presencePenalty: request.presencePenalty || undefined,
    logitBias: request.logitBias,
    logprobs: request.logprobs || undefined,
    topLogprobs: request.topLogprobs || undefined,
    candidates: request.candidates === 1 ? undefined : request.candidates,
    effort: reasoning?.effort ?? (reasoning?.isDisabled ? "none" : undefined),
    budgetTokens: reasoning?.budgetTokens,
    output:
      output?.kind === "json_schema"
        ? [output.schema, schemaName(output.name, hops)]
        : output?.kind,
    verbosity: request.verbosity,
    serviceTier: request.serviceTier,
    user: request.user,
    metadata: request.metadata,
    store: request.store || undefined,
  };
}

// Messages has no names for schemas, and the two others need one.
function schemaName(name = "response", hops: readonly FormatId[]): string | undefined {
  return hops.includes("messages") ? undefined : name;
}

// "auto" is what no word means; to allow every tool is to allow tools.
function choice({ toolChoice, tools }: ConversationRequest): ToolChoice | undefined {
  if (toolChoice?.mode === "auto") return undefined;
  if (toolChoice?.mode !== "allowed") return toolChoice;
  const isEvery = tools.every(
    (tool) => tool.kind !== "hosted" && toolChoice.names.includes(tool.name),
  );
  if (!isEvery) return toolChoice;
  return toolChoice.isRequired ? { mode: "required" } : undefined;
}

/** What was said, each call numbered: ids that a dialect refuses get others, call and result alike. */
class Said {
  readonly #ids: string[] = [];

  part(role: string, part: Part): unknown[] {
    if (part.kind === "text" && part.text.trim() === "") return [];
    const plain = withoutPaths(part);
    switch (part.kind) {
      case "toolCall":
        return [[role, { ...plain, ...this.#call(part) }]];
      case "toolResult":
        return [[role, { ...plain, isFreeform: undefined, id: this.#number(part.id) }]];
      case "image":
        return [[role, { ...plain, detail: part.detail === "auto" ? undefined : part.detail }]];
      default:
        return [[role, plain]];
    }
  }

  #number(id: string): number {
    if (!this.#ids.includes(id)) this.#ids.push(id);
    return this.#ids.indexOf(id);
  }

  #call({ id, name, namespace, arguments: written, isFreeform }: ToolCallPart) {
    const value = parsed(written);
    return {
      id: this.#number(id),
      name: flat(name, namespace),
      namespace: undefined,
      isFreeform: undefined,
      arguments: isFreeform ? { input: written } : value,
    };
  }
}

function withoutPaths(part: Part): JsonObject {
  return JSON.parse(JSON.stringify(part, (key, value) => (key === "path" ? undefined : value)));
}

function flat(name: string, namespace: string | undefined): string {
  return namespace === undefined ? name : `${namespace}__${name}`;
}

function plainTool(tool: Tool): unknown {
  if (tool.kind === "hosted") return tool.raw;
  const name = flat(tool.name, tool.namespace);
  // Where there are no freeform tools it is a function of one string.
  const isFreeform =
    tool.kind === "freeform" || Object.keys(tool.schema["properties"] ?? {}).join() === "input";
  if (isFreeform) return { name, isFreeform };
  return { name, description: tool.description || undefined, schema: tool.schema };
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return json;
  }
}
