// The list of `agent auth-gateway key` subcommands. To add one: a file beside these, and a line here.

import type { ListedSubcommand } from "../../../command.ts";

/** Every subcommand, in the order of `agent auth-gateway key --help`. */
export const keySubcommands: readonly ListedSubcommand[] = [
  {
    name: "create",
    summary: "make a key; it is shown once",
    load: async () => (await import("./create.ts")).createKeySubcommand,
  },
  {
    name: "list",
    summary: "list the keys, without their secrets",
    load: async () => (await import("./list.ts")).listKeysSubcommand,
  },
  {
    name: "show",
    summary: "show the rules of one key",
    load: async () => (await import("./show.ts")).showKeySubcommand,
  },
  {
    name: "rotate",
    summary: "give a key a new secret, shown once; the old one ends at once",
    load: async () => (await import("./rotate.ts")).rotateKeySubcommand,
  },
  {
    name: "revoke",
    summary: "end a key",
    load: async () => (await import("./revoke.ts")).revokeKeySubcommand,
  },
];
