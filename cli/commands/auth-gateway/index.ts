// The list of `agent auth-gateway` subcommands. To add one: a file beside these, and a line here. Its code is
// loaded only when it is named, so that `serve` starts fast.

import type { ListedSubcommand } from "../../command.ts";

/** Every subcommand, in the order of `agent auth-gateway --help`. */
export const authGatewaySubcommands: readonly ListedSubcommand[] = [
  {
    name: "serve",
    summary: "run the gateway until Ctrl-C",
    load: async () => (await import("./serve.ts")).serveSubcommand,
  },
  {
    name: "token",
    summary: "print the key that the gateway's clients send",
    load: async () => (await import("./token.ts")).tokenSubcommand,
  },
  {
    name: "key",
    summary: "create, list, show, rotate and revoke keys that may do less than the gateway's own",
    load: async () => (await import("./key.ts")).keySubcommand,
  },
  {
    name: "status",
    summary: "ask the gateway whether it answers; exit code 4 when it does not",
    load: async () => (await import("./status.ts")).statusSubcommand,
  },
  {
    name: "check",
    summary: "ask whether each credential is accepted; exit code 1 when one is not",
    load: async () => (await import("./check.ts")).checkSubcommand,
  },
  {
    name: "explain",
    summary: "why a request went as it did, in words",
    load: async () => (await import("./explain.ts")).explainSubcommand,
  },
];
