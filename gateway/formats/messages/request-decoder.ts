// A Messages request on its way to another dialect → canonical. What only Anthropic can do is refused
// with its path, what does no harm when absent is named as a loss, and nothing is filled in that the
// caller did not say.

import type {
  ConversationRequest,
  JsonObject,
  OutputFormat,
  Reasoning,
  TextPart,
  Tool,
  Turn,
} from "#wire";
import { isJsonObject } from "#wire";
import { z } from "zod";
import { InvalidRequest, UnsupportedParameter } from "../../errors.ts";
import type { DecodeContext } from "../format.ts";
import type { Losses } from "../losses.ts";
import { AnyObject, Ignored, parseAt } from "./body-fields.ts";
import { decodeTool, decodeToolChoice } from "./tool-decoder.ts";
import { decodeSystemText, decodeTurns } from "./turns-decoder.ts";

const JsonFormat = z.object({
  type: z.literal("json_schema").nullish(),
  schema: AnyObject,
  name: Ignored,
});
const Thinking = z.object({
  type: z.enum(["enabled", "disabled", "adaptive", "between_tools"]),
  budget_tokens: z.int().nonnegative().nullish(),
  display: z.enum(["summarized", "omitted"]).nullish(),
});

const OutputConfig = z.object({
  effort: z.string().nullish(),
  format: AnyObject.nullish(),
  task_budget: Ignored,
});
const Metadata = z.object({ user_id: z.string().nullish() });
const ContextManagement = z.object({ edits: z.array(AnyObject).nullish() });

const Body = z.object({
  model: z.string().min(1),
  messages: z.unknown(),
  max_tokens: z.int().nonnegative(),
  system: z.union([z.string(), z.array(AnyObject)]).nullish(),
  stream: z.boolean().nullish(),
  stop_sequences: z.array(z.string()).nullish(),
  temperature: z.number().min(0).max(1).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  top_k: z.int().nonnegative().nullish(),
  tools: z.array(AnyObject).nullish(),
  tool_choice: AnyObject.nullish(),
  thinking: AnyObject.nullish(),
  output_config: AnyObject.nullish(),
  output_format: AnyObject.nullish(),
  metadata: AnyObject.nullish(),
  service_tier: z.enum(["auto", "standard_only"]).nullish(),
  speed: z.enum(["standard", "fast"]).nullish(),
  context_management: AnyObject.nullish(),
  diagnostics: Ignored,
  cache_control: Ignored,
  user_profile_id: Ignored,
  workspace_id: Ignored,
  anthropic_version: Ignored,
});

type Body = z.infer<typeof Body>;
type OutputConfig = z.infer<typeof OutputConfig>;

/** Fields that only Anthropic can honour; null, false and empty lists ask for nothing. */
const ANTHROPIC_ONLY = [
  "betas",
  "anthropic_beta",
  "billing_policy",
  "compaction",
  "container",
  "fallback_credit_token",
  "fallbacks",
  "inference_geo",
  "mcp_servers",
  "thread",
] as const;

/** Context edits that only shorten history: leaving them out costs tokens, not meaning. */
const HARMLESS_EDITS: ReadonlySet<unknown> = new Set([
  "clear_tool_uses_20250919",
  "clear_thinking_20251015",
]);

/** First line of a system block by which Claude Code is billed; it changes with every request. */
const BILLING_HEADER = "x-anthropic-billing-header";

function asksForSomething(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  return value !== undefined && value !== null && value !== false;
}

/** Refuses unknown fields and those nobody else can honour. */
function checkFields(body: JsonObject): void {
  for (const key of Object.keys(body)) {
    if (Object.hasOwn(Body.shape, key) || key.startsWith("x-stainless-")) continue;
    if (!ANTHROPIC_ONLY.some((name) => name === key)) {
      throw new InvalidRequest(`${key}: this endpoint has no such field`, {
        code: "unknown_parameter",
        param: key,
      });
    }
    if (asksForSomething(body[key])) {
      throw new UnsupportedParameter(key, "only an Anthropic upstream can do this");
    }
  }
}

function decodeSystem(system: Body["system"], losses: Losses): TextPart[] {
  const parts: TextPart[] =
    typeof system === "string"
      ? [{ kind: "text", text: system, path: "system" }]
      : (system ?? []).map((block, index) =>
          decodeSystemText(block, { path: `system[${index}]`, losses }),
        );
  return parts.flatMap((part) => {
    if (!part.text.startsWith(BILLING_HEADER)) return [part];
    const lineEnd = part.text.indexOf("\n");
    const rest = lineEnd < 0 ? "" : part.text.slice(lineEnd + 1).trimStart();
    return rest === "" ? [] : [{ ...part, text: rest }];
  });
}

function decodeReasoning(
  thinking: JsonObject | null | undefined,
  effort: string | undefined,
  losses: Losses,
): Reasoning | undefined {
  if (!thinking) return effort === undefined ? undefined : { effort };
  const place = { path: "thinking", losses };
  const { type, budget_tokens, display } = parseAt(Thinking, thinking, place);
  if (type === "disabled") return { isDisabled: true };
  if (type === "enabled" && typeof budget_tokens !== "number") {
    throw new InvalidRequest("thinking.budget_tokens: Field required", {
      code: "missing_required_parameter",
      param: "thinking.budget_tokens",
    });
  }
  if (type === "between_tools") losses.add("thinking.type", "thinking is not limited to tool use");
  return {
    ...(effort !== undefined && { effort }),
    ...(type === "enabled" && typeof budget_tokens === "number" && { budgetTokens: budget_tokens }),
    wantsSummary: display !== "omitted",
  };
}

function decodeOutput(
  config: OutputConfig,
  olderFormat: JsonObject | null | undefined,
  losses: Losses,
): OutputFormat | undefined {
  if (asksForSomething(config.task_budget)) {
    throw new UnsupportedParameter(
      "output_config.task_budget",
      "only an Anthropic upstream can do this",
    );
  }
  const path = config.format ? "output_config.format" : "output_format";
  const format = config.format ?? olderFormat;
  if (!format) return undefined;
  return { kind: "json_schema", schema: parseAt(JsonFormat, format, { path, losses }).schema };
}

function checkContextEdits(management: JsonObject, losses: Losses): void {
  const { edits } = parseAt(ContextManagement, management, { path: "context_management", losses });
  for (const [index, edit] of (edits ?? []).entries()) {
    const path = `context_management.edits[${index}]`;
    if (!HARMLESS_EDITS.has(edit.type)) {
      throw new UnsupportedParameter(path, "only an Anthropic upstream can edit the context so");
    }
    losses.add(path, "history is sent whole");
  }
}

/** Dialects have no partial answer to continue: their model would start a new turn. */
function checkPrefill(turns: readonly Turn[]): void {
  const last = turns.at(-1);
  if (last?.role !== "assistant") return;
  throw new UnsupportedParameter(
    last.path ?? "messages",
    "the upstream cannot continue an assistant message; end with a user message",
    { code: "prefill_not_supported" },
  );
}

/** The session inside `metadata.user_id` as Claude Code writes it; one cache per session. */
function sessionOf(userId: string): string | undefined {
  try {
    const value: unknown = JSON.parse(userId);
    if (isJsonObject(value) && typeof value.session_id === "string") return value.session_id;
  } catch {
    // Older releases join the ids with underscores.
  }
  return /_session_([0-9a-f-]{36})$/.exec(userId)?.[1];
}

function serviceTierOf({ service_tier, speed }: Body): string | undefined {
  if (speed === "fast") return "fast";
  return service_tier === "standard_only" ? "default" : (service_tier ?? undefined);
}

/** Where each canonical parameter stood, for the errors of the dialect that cannot express it. */
function pathsOf(body: Body): Record<string, string> {
  const names: Record<string, string> = {
    instructions: "system",
    maxOutputTokens: "max_tokens",
    temperature: "temperature",
    topP: "top_p",
    topK: "top_k",
    stop: "stop_sequences",
    tools: "tools",
    toolChoice: "tool_choice",
    reasoning: body.thinking ? "thinking" : "output_config.effort",
    output: body.output_config?.format ? "output_config.format" : "output_format",
    serviceTier: body.speed === "fast" ? "speed" : "service_tier",
    user: "metadata.user_id",
    promptCacheKey: "metadata.user_id",
    parallelToolCalls: "tool_choice.disable_parallel_tool_use",
  };
  return { model: "model", isStream: "stream", turns: "messages", ...names };
}

function parametersOf(body: Body, losses: Losses): Partial<ConversationRequest> {
  const { temperature, top_p, top_k, stop_sequences } = body;
  const metadata = parseAt(Metadata, body.metadata ?? {}, { path: "metadata", losses });
  const user = metadata.user_id ?? undefined;
  const promptCacheKey = user === undefined ? undefined : sessionOf(user);
  const serviceTier = serviceTierOf(body);
  return {
    maxOutputTokens: body.max_tokens,
    ...(typeof temperature === "number" && { temperature }),
    ...(typeof top_p === "number" && { topP: top_p }),
    ...(typeof top_k === "number" && { topK: top_k }),
    ...(stop_sequences && stop_sequences.length > 0 && { stop: stop_sequences }),
    ...(serviceTier !== undefined && { serviceTier }),
    ...(user !== undefined && { user }),
    ...(promptCacheKey !== undefined && { promptCacheKey }),
  };
}

function decodeChoice(body: Body, tools: readonly Tool[], losses: Losses) {
  if (!body.tool_choice) return {};
  const place = { path: "tool_choice", losses };
  const { toolChoice, isParallelDisabled } = decodeToolChoice(body.tool_choice, tools, place);
  return { toolChoice, ...(isParallelDisabled && { parallelToolCalls: false }) };
}

/** Untrusted body → canonical. Throws InvalidRequest with the JSON path. */
export function decodeRequest(json: JsonObject, { losses }: DecodeContext): ConversationRequest {
  checkFields(json);
  const body = parseAt(Body, json, { path: "", losses });
  const declared = (body.tools ?? []).map((tool, index) =>
    decodeTool(tool, { path: `tools[${index}]`, losses }),
  );
  const { turns, tools, effort } = decodeTurns(body.messages, declared, losses);
  checkPrefill(turns);
  checkContextEdits(body.context_management ?? {}, losses);
  const config = parseAt(OutputConfig, body.output_config ?? {}, { path: "output_config", losses });
  const reasoning = decodeReasoning(body.thinking, effort ?? config.effort ?? undefined, losses);
  const output = decodeOutput(config, body.output_format, losses);
  return {
    model: body.model,
    isStream: body.stream === true,
    instructions: decodeSystem(body.system, losses),
    turns,
    tools,
    ...decodeChoice(body, tools, losses),
    ...parametersOf(body, losses),
    ...(reasoning && { reasoning }),
    ...(output && { output }),
    // A thinking block has a signature, which can always hold foreign state.
    wantsEncryptedReasoning: true,
    paths: pathsOf(body),
  };
}
