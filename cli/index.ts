// The door of cli/ for tests and the documentation generator; nothing in production imports it.

export type { CliCommand, CommandContext } from "./command.ts";
export { commands } from "./commands/index.ts";
export { configKeys } from "./config-keys.ts";
export { type ProgramWorld, runProgram } from "./program.ts";
export { renderReference } from "./reference.ts";
