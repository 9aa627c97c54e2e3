// The list of importers. To add one: a file beside these, and a line here; the contract test finds it there.

import { claudeCode } from "./claude-code.ts";
import { cliProxyApi } from "./cli-proxy-api.ts";
import { codexCli } from "./codex-cli.ts";
import { geminiCli } from "./gemini-cli.ts";
import type { Importer } from "./importer.ts";

/** Every format that `agent auth-broker import` reads. */
export const importers: readonly Importer[] = [cliProxyApi, codexCli, claudeCode, geminiCli];
