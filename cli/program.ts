// The command line as a whole: names the commands, loads the one that is meant, turns what it throws into a
// message, a hint and an exit code. Never shows a stack trace for a mistake of the user.

import { Command, CommanderError } from "commander";
import { CliError, EXIT_CODES } from "./cli-error.ts";
import type { CommandContext } from "./command.ts";
import { commands } from "./commands/index.ts";

const HELP_FOOTER = `
Start here:
  agent up                       broker and gateway on this machine
  agent up --json                the same, with one line of JSON when ready
  agent doctor                   what is installed, configured and missing

Files live in $PARLEY_HOME (default ~/.parley); agent config path lists them.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 configuration invalid,
            4 not reachable or not ready, 130 interrupted.`;

/** What the program itself needs; the rest of the world is opened only for a command that runs. */
export interface ProgramWorld {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  readonly openContext: (args: readonly string[]) => Promise<CommandContext>;
  readonly version: string;
}

async function buildProgram(args: readonly string[], world: ProgramWorld): Promise<Command> {
  const output = { writeOut: world.stdout, writeErr: world.stderr };
  const program = new Command("agent")
    .description("Share LLM accounts and live coding sessions without handing either to strangers.")
    .version(world.version, "-V, --version", "print the version")
    .helpOption("-h, --help", "explain a command")
    .helpCommand("help [command]", "explain a command")
    .addHelpText("after", HELP_FOOTER)
    .exitOverride()
    .configureOutput(output);
  const named = args[0] === "help" ? args[1] : args.find((arg) => !arg.startsWith("-"));
  for (const listed of commands) {
    const command = program
      .command(listed.name)
      .summary(listed.summary)
      .description(listed.summary);
    if (listed.name !== named) continue;
    await (await listed.load()).register(command, await world.openContext(args));
  }
  return program;
}

/** Runs `args` (without node and script) and returns the exit code. */
export async function runProgram(args: readonly string[], world: ProgramWorld): Promise<number> {
  try {
    const program = await buildProgram(args, world);
    if (args.length === 0) program.outputHelp();
    else await program.parseAsync([...args], { from: "user" });
    return EXIT_CODES.ok;
  } catch (error) {
    return reportError(error, world);
  }
}

function reportError(error: unknown, { stderr }: ProgramWorld): number {
  if (error instanceof CommanderError) {
    // commander has written its message already; help and version come this way too.
    return error.exitCode === 0 ? EXIT_CODES.ok : EXIT_CODES.usage;
  }
  const { exitCode, lines } = explain(error);
  stderr(lines.map((line) => `${line}\n`).join(""));
  return exitCode;
}

/** Errors of the parts that mean: correct the configuration. */
const CONFIG_CODES: ReadonlySet<string> = new Set(["config_invalid", "provider_config_incomplete"]);

interface Explained {
  readonly exitCode: number;
  readonly lines: readonly string[];
}

function explain(error: unknown): Explained {
  if (error instanceof CliError) {
    return {
      exitCode: error.exitCode,
      lines: [`error: ${error.message}`, ...(error.hint ? [`  ${error.hint}`] : [])],
    };
  }
  if (!(error instanceof Error))
    return { exitCode: EXIT_CODES.failure, lines: [`error: ${error}`] };
  const { message } = error;
  const code = "code" in error ? error.code : undefined;
  const fix = "fix" in error && typeof error.fix === "string" ? [`  ${error.fix}`] : [];
  // Errors of ours carry a lower-case code and a message written for people; anything else is a bug of ours.
  if (typeof code === "string" && /^[a-z_]+$/.test(code)) {
    const exitCode = CONFIG_CODES.has(code) ? EXIT_CODES.config : EXIT_CODES.failure;
    return { exitCode, lines: [`error: ${message}`, ...fix] };
  }
  return {
    exitCode: EXIT_CODES.failure,
    lines: [`error: ${message}`, error.stack ?? "", "  This is a bug in Parley."],
  };
}
