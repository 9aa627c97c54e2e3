// Claude Code: Messages only. It runs through its package's own launcher, because install scripts are not run.

import { join } from "node:path";
import type { Client } from "./client.ts";
import { CLIENT_VERSIONS } from "./versions.ts";

const PACKAGE = "@anthropic-ai/claude-code";

/** `claude -p`, with leave to use the three tools of the task and no other. */
export const claudeCode: Client = {
  id: "claude-code",
  name: "Claude Code",
  package: PACKAGE,
  version: CLIENT_VERSIONS[PACKAGE],
  manners: [{ dialect: "messages", model: "claude-sonnet-5" }],
  program: (modules) => ["node", join(modules, PACKAGE, "cli-wrapper.cjs")],
  settings: () => ({}),
  run: (prompt, { gatewayUrl, key, manner: { model } }) => ({
    argv: ["-p", prompt, "--allowedTools", "Write", "Read", "Bash"],
    env: {
      ANTHROPIC_BASE_URL: gatewayUrl,
      ANTHROPIC_AUTH_TOKEN: key,
      ANTHROPIC_MODEL: model,
      ANTHROPIC_DEFAULT_HAIKU_MODEL: model,
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
      DISABLE_TELEMETRY: "1",
      DISABLE_AUTOUPDATER: "1",
    },
  }),
};
