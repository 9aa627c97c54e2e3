// The list of built-in upstreams. To add one: a file beside these that exports a Provider, and a line here.

import { anthropic } from "./anthropic.ts";
import { google } from "./google.ts";
import { openai } from "./openai.ts";
import { openrouter } from "./openrouter.ts";
import type { Provider } from "./provider.ts";
import { simulator } from "./simulator.ts";

/** Every upstream that works without being described in the configuration. */
export const builtInProviders = [
  anthropic,
  google,
  openai,
  openrouter,
  simulator,
] as const satisfies readonly Provider[];
