// The list of `agent auth-broker` subcommands. To add one: a file beside these, and a line here. Its code is
// loaded only when it is named, so that `serve` starts fast.

import type { ListedSubcommand } from "../../command.ts";

/** Every subcommand, in the order of `agent auth-broker --help`. */
export const authBrokerSubcommands: readonly ListedSubcommand[] = [
  {
    name: "serve",
    summary: "run the broker until Ctrl-C",
    load: async () => (await import("./serve.ts")).serveSubcommand,
  },
  {
    name: "login",
    summary: "log in to a provider, or store its API key",
    load: async () => (await import("./login.ts")).loginSubcommand,
  },
  {
    name: "logout",
    summary: "remove every credential of a provider, and tell the provider",
    load: async () => (await import("./logout.ts")).logoutSubcommand,
  },
  {
    name: "token",
    summary: "print the owner's token; create, list and revoke those of clients",
    load: async () => (await import("./token.ts")).tokenSubcommand,
  },
  {
    name: "audit",
    summary: "show who read, changed or was refused what; --verify checks that nothing is missing",
    load: async () => (await import("./audit.ts")).auditSubcommand,
  },
  {
    name: "list",
    summary: "list providers, how to log in, and what the vault holds of each",
    load: async () => (await import("./list.ts")).listSubcommand,
  },
  {
    name: "import",
    summary: "bring in credential files of CLIProxyAPI, Codex, Claude Code and the Gemini CLI",
    load: async () => (await import("./import.ts")).importSubcommand,
  },
  {
    name: "migrate",
    summary: "move the credentials of this host to the configured broker",
    load: async () => (await import("./migrate.ts")).migrateSubcommand,
  },
  {
    name: "status",
    summary: "ask the configured broker, else this host's, whether it answers; exit code 4 if not",
    load: async () => (await import("./status.ts")).statusSubcommand,
  },
  {
    name: "rekey",
    summary: "seal the vault by a new master key, or keep that key elsewhere",
    load: async () => (await import("./rekey.ts")).rekeySubcommand,
  },
  {
    name: "backup",
    summary: "write the whole vault into one encrypted file",
    load: async () => (await import("./backup.ts")).backupSubcommand,
  },
  {
    name: "restore",
    summary: "bring a backup back, in quarantine",
    load: async () => (await import("./restore.ts")).restoreSubcommand,
  },
  {
    name: "unquarantine",
    summary: "let a restored vault refresh its credentials again",
    load: async () => (await import("./restore.ts")).unquarantineSubcommand,
  },
  {
    name: "doctor",
    summary: "check the broker of this host and say how to fix what is wrong",
    load: async () => (await import("./doctor.ts")).doctorSubcommand,
  },
];
