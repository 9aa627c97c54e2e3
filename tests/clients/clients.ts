// The list of real clients. To add one: a file beside these that exports a Client, its version in versions.ts, a line here.

import { claudeCode } from "./claude-code.ts";
import type { Client } from "./client.ts";
import { codex } from "./codex.ts";
import { opencode } from "./opencode.ts";
import { pi } from "./pi.ts";

/** Every client that the task is given to. */
export const clients = [claudeCode, codex, opencode, pi] as const satisfies readonly Client[];
