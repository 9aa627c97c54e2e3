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

/** A command failed in a way its user can act on. */
export class CliError extends Error {
  /** Stable machine word, e.g. `unknown_key`. */
  readonly code: string;
  /** One of EXIT_CODES, or that of a program which ran in our place. */
  readonly exitCode: number;
  /** What to do next, on a line of its own. */
  readonly hint?: string;

  constructor(
    code: string,
    message: string,
    {
      exitCode = EXIT_CODES.failure,
      hint,
      cause,
    }: { exitCode?: number; hint?: string | undefined; cause?: unknown } = {},
  ) {
    super(message, { cause });
    this.name = "CliError";
    this.code = code;
    this.exitCode = exitCode;
    if (hint !== undefined) this.hint = hint;
  }
}
