// pi: each dialect, as its list of models says.

import { join } from "node:path";
import { KEY_VARIABLE, type Client, type Manner } from "./client.ts";
import { CLIENT_VERSIONS } from "./versions.ts";

const PACKAGE = "@mariozechner/pi-coding-agent";

/** pi's names of the dialects. */
const APIS = {
  chat: "openai-completions",
  responses: "openai-responses",
  messages: "anthropic-messages",
} as const;

function manner(dialect: Manner["dialect"]): Manner {
  return { dialect, model: "task" };
}

/** `pi -p`, thinking, so that reasoning goes to and fro. */
export const pi: Client = {
  id: "pi",
  name: "pi",
  package: PACKAGE,
  version: CLIENT_VERSIONS[PACKAGE],
  manners: [manner("chat"), manner("responses"), manner("messages")],
  program: (modules) => ["node", join(modules, PACKAGE, "dist/cli.js")],
  settings: ({ home, gatewayUrl, manner: { dialect, model } }) => ({
    [join(home, ".pi/agent/models.json")]: JSON.stringify({
      providers: {
        parley: {
          baseUrl: dialect === "messages" ? gatewayUrl : `${gatewayUrl}/v1`,
          api: APIS[dialect],
          apiKey: KEY_VARIABLE,
          models: [
            {
              id: model,
              name: model,
              reasoning: true,
              input: ["text"],
              cost: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 },
              contextWindow: 200_000,
              maxTokens: 32_000,
            },
          ],
        },
      },
    }),
  }),
  run: (prompt, { manner: { model } }) => ({
    argv: ["-p", "--model", `parley/${model}`, "--thinking", "high", prompt],
    env: { PI_OFFLINE: "1" },
  }),
};
