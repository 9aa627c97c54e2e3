// The list of commands. To add one: a file beside these that exports a CliCommand, and a line here. A command
// is imported only when it is named, so that `agent --help` stays fast.

import type { CliCommand } from "../command.ts";

/** A command before its code is loaded. */
export interface ListedCommand {
  readonly name: string;
  /** One line for `agent --help`; a test compares it with the command's own. */
  readonly summary: string;
  readonly load: () => Promise<CliCommand>;
}

/** Every command, in the order of `agent --help`. */
export const commands: readonly ListedCommand[] = [
  {
    name: "up",
    summary: "run broker and gateway here, for one person",
    load: async () => (await import("./up.ts")).upCommand,
  },
  {
    name: "auth-broker",
    summary: "hold credentials for a team: serve, login, logout, token, list, status",
    load: async () => (await import("./auth-broker.ts")).authBrokerCommand,
  },
  {
    name: "auth-gateway",
    summary: "serve models from a broker's credentials: serve, key, check, explain",
    load: async () => (await import("./auth-gateway.ts")).authGatewayCommand,
  },
  {
    name: "usage",
    summary: "what is left of each account; --by key, model or day what was used; --open draws it",
    load: async () => (await import("./usage.ts")).usageCommand,
  },
  {
    name: "config",
    summary: "read and change the configuration: get, set, unset, list, path",
    load: async () => (await import("./config.ts")).configCommand,
  },
  {
    name: "doctor",
    summary: "check this installation and say how to fix what is wrong",
    load: async () => (await import("./doctor.ts")).doctorCommand,
  },
];
