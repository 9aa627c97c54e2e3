// The error of the bench: something it needs is missing or broke, so there is no figure to print. A slow
// gateway or a missed target is never an error.

/** Why no measurement was possible. */
export class BenchError extends Error {
  readonly code: BenchErrorCode;

  constructor(code: BenchErrorCode, message: string, { cause }: { cause?: unknown } = {}) {
    super(message, { cause });
    this.name = "BenchError";
    this.code = code;
  }
}

/** Stable words for the reasons. */
export type BenchErrorCode =
  | "bad_option"
  | "interrupted"
  | "no_proc"
  | "not_here"
  | "child_ended"
  | "child_silent"
  | "bad_answer";
