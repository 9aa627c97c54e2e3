// `agent auth-gateway`: everything about the gateway of this host; each subcommand is a file in auth-gateway/.
// Refuses to hold a provider's credential: without a configured broker it uses this host's.

import { addSubcommands, type CliCommand } from "../command.ts";
import { authGatewaySubcommands } from "./auth-gateway/index.ts";

/** `agent auth-gateway`. */
export const authGatewayCommand: CliCommand = {
  name: "auth-gateway",
  summary: "serve models from a broker's credentials: serve, key, check, explain",
  register: (command, context) => addSubcommands(command, authGatewaySubcommands, context),
};
