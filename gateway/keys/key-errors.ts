// What can be wrong with a wish to make or change a key. No message holds a key or a part of one.

/** A name, rule or time for a key was refused; nothing was changed. */
export class GatewayKeyError extends Error {
  /** Stable machine word. */
  readonly code: string;
  /** What to do next. */
  readonly fix: string;

  constructor(code: string, message: string, { fix }: { fix: string }) {
    super(message);
    this.name = "GatewayKeyError";
    this.code = code;
    this.fix = fix;
  }
}
