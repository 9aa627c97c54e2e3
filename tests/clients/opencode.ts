// opencode: each dialect, by the AI SDK's package that its settings name. Its binary is run from the platform's package,
// because the one in its own is put there by an install script.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { KEY_VARIABLE, type Client, type Manner } from "./client.ts";
import { CLIENT_VERSIONS } from "./versions.ts";

const PACKAGE = "opencode-ai";

/** The AI SDK's package for each dialect. */
const SDK_PACKAGES = {
  chat: "@ai-sdk/openai-compatible",
  responses: "@ai-sdk/openai",
  messages: "@ai-sdk/anthropic",
} as const;

function manner(dialect: Manner["dialect"]): Manner {
  return { dialect, model: "task" };
}

/** `opencode run`, with leave to use every tool. */
export const opencode: Client = {
  id: "opencode",
  name: "opencode",
  package: PACKAGE,
  version: CLIENT_VERSIONS[PACKAGE],
  manners: [manner("chat"), manner("responses"), manner("messages")],
  program: (modules) => {
    const os = process.platform === "win32" ? "windows" : process.platform;
    const plain = `opencode-${os}-${process.arch}`;
    // The baseline runs on every processor of its kind; where there is none, the plain one does.
    const found = [`${plain}-baseline`, plain, `${plain}-baseline-musl`, `${plain}-musl`]
      .map((name) => join(modules, name, "bin/opencode"))
      .find((path) => existsSync(path));
    return [found ?? join(modules, plain, "bin/opencode")];
  },
  settings: ({ work, gatewayUrl, manner: { dialect, model } }) => ({
    [join(work, "opencode.json")]: JSON.stringify({
      permission: "allow",
      autoupdate: false,
      share: "disabled",
      provider: {
        parley: {
          npm: SDK_PACKAGES[dialect],
          name: "Parley",
          options: { baseURL: `${gatewayUrl}/v1`, apiKey: `{env:${KEY_VARIABLE}}` },
          models: { [model]: {} },
        },
      },
    }),
  }),
  run: (prompt, { manner: { model } }) => ({
    argv: ["run", "--model", `parley/${model}`, prompt],
    env: { OPENCODE_DISABLE_MODELS_FETCH: "1" },
  }),
};
