// `agent auth-broker`: everything about the broker of this host; each subcommand is a file in auth-broker/.
// Refuses to print a stored credential: tokens of our own clients are the only secrets it ever shows.

import { addSubcommands, type CliCommand } from "../command.ts";
import { authBrokerSubcommands } from "./auth-broker/index.ts";

/** `agent auth-broker`. */
export const authBrokerCommand: CliCommand = {
  name: "auth-broker",
  summary: "hold credentials for a team: serve, login, logout, token, list, status",
  async register(command, context) {
    await addSubcommands(command, authBrokerSubcommands, context);
    command.addHelpText("after", EXAMPLES);
  },
};

const EXAMPLES = `
Examples:
  serve                       run the broker until Ctrl-C
  login openai                log in, or pick a provider when none is named
  login openai --via me@host  the same on the broker's host, with the browser of this one
  logout openai               remove what is stored of a provider
  token                       print the owner's bearer, which may do everything
  token create --name ci --allow snapshot,refresh --providers openai --expires 30d
                              one for a client that may do only this
  list                        every provider, and what the vault holds of it, without secrets
  import FILE                 bring in another program's credential files
  migrate --from-local        move the credentials of this host to the configured broker
  status                      ask the configured broker whether it answers
  audit --verify              who read, refreshed, changed what; whether the log is whole
  backup FILE --passphrase    the whole vault in one encrypted file
  doctor                      what is wrong, and how to fix it`;
