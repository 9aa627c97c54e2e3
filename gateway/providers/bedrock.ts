// Amazon Bedrock with one of its API keys, in the dialects it serves itself: Anthropic's for Claude, OpenAI's for the
// rest. Refuses to sign requests and to read AWS's own event streams; see docs/decisions/0005.

import type { FormatId } from "#wire";
import { COMPATIBLE } from "./compatible.ts";
import { bearer, upstreamUrl, type Provider, type UpstreamCall } from "./provider.ts";

/** Claude under its own id, or with a profile before it: `anthropic.claude-…`, `eu.anthropic.claude-…`. */
const CLAUDE = /^(?:[a-z-]+\.)?anthropic\./;
const OPENAI = /^(?:[a-z-]+\.)?openai\./;

function formatsOf(model: string): readonly [FormatId, ...FormatId[]] {
  if (CLAUDE.test(model)) return ["messages"];
  return OPENAI.test(model) ? ["responses", "chat"] : ["chat"];
}

/**
 * `https://bedrock-mantle.REGION.api.aws`, or `https://bedrock-runtime.REGION.amazonaws.com`, whose OpenAI dialects lie
 * under another path. With `/anthropic`, as Anthropic's SDK has it, or with the path of the OpenAI dialects, too.
 */
function bedrockAddress(baseUrl: string, call: UpstreamCall): string {
  const url = new URL(baseUrl);
  const path = url.pathname.replace(/(?:\/anthropic(?:\/v1)?)?\/*$/, "");
  const [own] = /(?:\/openai)?\/v1$/.exec(path) ?? [];
  const root = url.origin + path.slice(0, path.length - (own ?? "").length);
  if (call.format === "messages") return upstreamUrl(`${root}/anthropic`, call);
  const isRuntime = url.hostname.startsWith("bedrock-runtime.");
  return upstreamUrl(root + (own ?? (isRuntime ? "/openai/v1" : "/v1")), call);
}

/** The betas of Messages that Bedrock takes, after BerriAI/litellm 030dd40; others it answers with 400. */
const BETAS: readonly string[] = [
  "claude-code-20250219",
  "compact-2026-01-12",
  "computer-use-2025-01-24",
  "computer-use-2025-11-24",
  "context-1m-2025-08-07",
  "context-management-2025-06-27",
  "dangerous-tool-use-2026-09-03",
  "effort-2025-11-24",
  "fine-grained-tool-streaming-2025-05-14",
  "interleaved-thinking-2025-05-14",
  "output-128k-2025-02-19",
  "per-turn-control-2026-07-01",
  "structured-outputs-2025-11-13",
  "thinking-binding-controls-2026-08-01",
  "thinking-display-updates-2026-08-18",
  "token-efficient-tools-2025-02-19",
  "tool-examples-2025-10-29",
  "tool-search-tool-2025-10-19",
  "web-search-2025-03-05",
];

/** A region of Bedrock with an API key. */
export const bedrock: Provider = {
  id: "bedrock",
  name: "Amazon Bedrock",
  formats: ["messages", "responses", "chat"],
  formatsOf,
  baseUrl: "https://bedrock-mantle.us-east-1.api.aws",
  baseUrlEnv: "ANTHROPIC_BEDROCK_MANTLE_BASE_URL",
  isServedWith: "address",
  address: bedrockAddress,
  keyCheckPath: "/v1/models",
  endpoints: ["count_tokens"],
  quirks: { ...COMPATIBLE, cachesWhatIsMarked: true },
  betas: {
    ...Object.fromEntries(BETAS.map((beta) => [beta, beta])),
    // Its own name for the part of it that it has.
    "advanced-tool-use-2025-11-20": "tool-search-tool-2025-10-19",
  },
  takesUnlistedModels: true,
  needsKey: true,
  authorize: bearer,
  models: [],
};
