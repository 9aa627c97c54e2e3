// The list of `agent auth-broker token` subcommands. To add one: a file beside these, and a line here.

import type { ListedSubcommand } from "../../../command.ts";

/** Every subcommand, in the order of `agent auth-broker token --help`. */
export const tokenSubcommands: readonly ListedSubcommand[] = [
  {
    name: "create",
    summary: "make a token for a client; it is shown once",
    load: async () => (await import("./create.ts")).createTokenSubcommand,
  },
  {
    name: "list",
    summary: "list the tokens of clients, and when each was used last",
    load: async () => (await import("./list.ts")).listTokensSubcommand,
  },
  {
    name: "revoke",
    summary: "end a client's token at once",
    load: async () => (await import("./revoke.ts")).revokeTokenSubcommand,
  },
];
