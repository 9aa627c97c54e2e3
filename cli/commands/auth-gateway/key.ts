// `agent auth-gateway key`: keys for people and programs, each with rules, limits and budgets of its own.

import { addSubcommands, type Subcommand } from "../../command.ts";
import { keySubcommands } from "./key/index.ts";

const EXAMPLES = `
Examples:
  create --name ci --models 'claude-*' --budget day=5,month=50 --expires 90d
  create --name anna --owner anna@example.org --rpm 60 --streams 4
  list
  rotate ci
  revoke ci
A running gateway of this host notices within a second.`;

/** `agent auth-gateway key`. */
export const keySubcommand: Subcommand = {
  async register(command, context) {
    await addSubcommands(command, keySubcommands, context);
    command.addHelpText("after", EXAMPLES);
  },
};
