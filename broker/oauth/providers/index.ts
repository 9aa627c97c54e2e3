// The list of providers. To add one: a file beside these, and a line here; the contract test finds it there.
// Operators add theirs in config.yml, under `auth.providers`.

import { ProviderDescriptor, type ProviderDescriptorInput } from "../descriptor.ts";
import { anthropic } from "./anthropic.ts";
import { azure } from "./azure.ts";
import { bedrock } from "./bedrock.ts";
import { cerebras } from "./cerebras.ts";
import { cohere } from "./cohere.ts";
import { deepseek } from "./deepseek.ts";
import { fireworks } from "./fireworks.ts";
import { githubCopilot } from "./github-copilot.ts";
import { gitlabDuo } from "./gitlab-duo.ts";
import { google } from "./google.ts";
import { googleAntigravity } from "./google-antigravity.ts";
import { googleGeminiCli } from "./google-gemini-cli.ts";
import { groq } from "./groq.ts";
import { kimiCode } from "./kimi-code.ts";
import { mistral } from "./mistral.ts";
import { moonshot } from "./moonshot.ts";
import { openai } from "./openai.ts";
import { openaiCodex } from "./openai-codex.ts";
import { openrouter } from "./openrouter.ts";
import { qwen } from "./qwen.ts";
import { together } from "./together.ts";
import { vertex } from "./vertex.ts";
import { xai } from "./xai.ts";
import { zai } from "./zai.ts";

/** The same as they are written, defaults left out. */
export const builtInDescriptions: readonly ProviderDescriptorInput[] = [
  openai,
  openrouter,
  anthropic,
  google,
  groq,
  mistral,
  xai,
  deepseek,
  zai,
  moonshot,
  qwen,
  together,
  fireworks,
  cerebras,
  cohere,
  azure,
  bedrock,
  vertex,
  githubCopilot,
  gitlabDuo,
  kimiCode,
  openaiCodex,
  googleGeminiCli,
  googleAntigravity,
];

const parsed = new Map<string, ProviderDescriptor>();

/** One provider that ships with Parley; parsed on first use, because a broker needs few of them. */
export function builtInProvider(id: string): ProviderDescriptor | undefined {
  const known = parsed.get(id);
  if (known) return known;
  const description = builtInDescriptions.find((each) => each.id === id);
  if (description === undefined) return undefined;
  const descriptor = ProviderDescriptor.parse(description);
  parsed.set(id, descriptor);
  return descriptor;
}

/** Every provider that ships with Parley, in the order of the login picker. */
export function builtInProviders(): readonly ProviderDescriptor[] {
  return builtInDescriptions.flatMap(({ id }) => builtInProvider(id) ?? []);
}
