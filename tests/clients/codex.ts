// Codex: Responses only, with three sets of tools. The model's name chooses: one it does not know gets a shell, gpt-5.5 a
// freeform editor too, gpt-6 one tool that takes scripts.

import { join } from "node:path";
import { KEY_VARIABLE, type Client } from "./client.ts";
import { CLIENT_VERSIONS } from "./versions.ts";

const PACKAGE = "@openai/codex";

/** `codex exec`, without its sandbox, which not every machine can give; it runs the simulator's commands only. */
export const codex: Client = {
  id: "codex",
  name: "Codex",
  package: PACKAGE,
  version: CLIENT_VERSIONS[PACKAGE],
  manners: [
    { dialect: "responses", model: "task" },
    { dialect: "responses", model: "gpt-5.5" },
    { dialect: "responses", model: "gpt-6-sol" },
    { dialect: "responses", model: "gpt-6-sol", hasSocket: true },
  ],
  program: (modules) => ["node", join(modules, PACKAGE, "bin/codex.js")],
  settings: ({ home, gatewayUrl, manner: { hasSocket = false } }) => ({
    [join(home, ".codex/config.toml")]: [
      'model_provider = "parley"',
      "[model_providers.parley]",
      'name = "Parley"',
      `base_url = "${gatewayUrl}/v1"`,
      `env_key = "${KEY_VARIABLE}"`,
      'wire_api = "responses"',
      `supports_websockets = ${hasSocket}`,
      // A request that failed must show, not be tried again.
      "request_max_retries = 0",
      "stream_max_retries = 0",
    ].join("\n"),
  }),
  run: (prompt, { manner: { model } }) => ({
    argv: ["exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"].concat(
      ["--model", model],
      [prompt],
    ),
  }),
};
