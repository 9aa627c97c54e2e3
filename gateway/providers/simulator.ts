// The built-in simulator: every behaviour an upstream can show, offline. `sim/…` answers in the caller's own
// dialect (same-format lane); `sim-chat/…`, `sim-responses/…`, `sim-messages/…`, `sim-generate/…` speak one dialect, so
// that translation can be tried too. It holds no secret and opens no connection.

import type { FormatId } from "#wire";
import type { Endpoint } from "./endpoint.ts";
import { google } from "./google.ts";
import type { Provider } from "./provider.ts";
import { scenarios } from "./simulator/scenarios.ts";
import { answerAs } from "./simulator/transport.ts";

function simulate(
  id: string,
  formats: readonly [FormatId, ...FormatId[]],
  isListed: boolean,
): Provider {
  return {
    id,
    name: "Simulator",
    formats,
    baseUrl: "http://simulator.invalid",
    quirks: formats[0] === "generate" ? google.quirks : {},
    endpoints: endpointsOf(formats),
    models: isListed
      ? Object.entries(scenarios).map(([name, scenario]) => ({
          id: name,
          name: scenario.summary,
          contextWindow: 200_000,
          maxOutputTokens: 32_000,
          input: ["text", "image", "document"] as const,
        }))
      : [],
    takesUnlistedModels: !isListed,
    needsKey: false,
    authorize: () => ({}),
    answer: answerAs,
  };
}

function endpointsOf(formats: readonly FormatId[]): readonly Endpoint[] {
  if (formats.includes("generate")) return [];
  return formats.includes("responses") ? ["embeddings", "compact"] : ["embeddings"];
}

/** `sim/…`: speaks every dialect of callers. */
export const simulator = simulate("sim", ["chat", "responses", "messages"], true);

/** `sim-chat/…` and its siblings: one dialect each, not listed by /v1/models. */
export const simulatorsOfOneFormat = [
  simulate("sim-chat", ["chat"], false),
  simulate("sim-responses", ["responses"], false),
  simulate("sim-messages", ["messages"], false),
  simulate("sim-generate", ["generate"], false),
] as const;
