// The error a command throws on purpose: its message is for the person, its exit code for the
// script. Refuses stack traces: main prints the message and the hint, nothing else.

/** What each exit code promises to scripts. */
export const EXIT_CODES = {
  ok: 0,
  failure: 1,
  usage: 2,
  config: 3,
  unreachable: 4,
  interrupted: 130,
} as const;

/** One of the documented exit codes. */
export type ExitCode = (typeof EXIT_CODES)[keyof typeof EXIT_CODES];

/** A command failed in a way its user can act on. */
export class CliError extends Error {
  /** Stable machine word, e.g. `unknown_key`. */
  readonly code: string;
  readonly exitCode: ExitCode;
  /** What to do next, on a line of its own. */
  readonly hint?: string;

  constructor(
    code: string,
    message: string,
    {
      exitCode = EXIT_CODES.failure,
      hint,
      cause,
    }: { exitCode?: ExitCode; hint?: string | undefined; cause?: unknown } = {},
  ) {
    super(message, { cause });
    this.name = "CliError";
    this.code = code;
    this.exitCode = exitCode;
    if (hint !== undefined) this.hint = hint;
  }
}
