// The list of built-in upstreams. To add one: a file beside these that exports a Provider, and a line here.

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
import { groq } from "./groq.ts";
import { kimiCode } from "./kimi-code.ts";
import { llamaCpp } from "./llama-cpp.ts";
import { lmStudio } from "./lm-studio.ts";
import { mistral } from "./mistral.ts";
import { moonshot } from "./moonshot.ts";
import { ollama } from "./ollama.ts";
import { openai } from "./openai.ts";
import { openrouter } from "./openrouter.ts";
import { qwen } from "./qwen.ts";
import type { Provider } from "./provider.ts";
import { simulator } from "./simulator.ts";
import { together } from "./together.ts";
import { vertex } from "./vertex.ts";
import { vllm } from "./vllm.ts";
import { xai } from "./xai.ts";
import { zai } from "./zai.ts";

/** Every upstream that works without being described in the configuration. */
export const builtInProviders = [
  anthropic,
  azure,
  bedrock,
  cerebras,
  cohere,
  deepseek,
  fireworks,
  githubCopilot,
  gitlabDuo,
  google,
  groq,
  kimiCode,
  llamaCpp,
  lmStudio,
  mistral,
  moonshot,
  ollama,
  openai,
  openrouter,
  qwen,
  together,
  vertex,
  vllm,
  xai,
  zai,
  simulator,
] as const satisfies readonly Provider[];
