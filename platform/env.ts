// The one place that touches process.env: everything else receives an Environment, so that what a
// part may see is visible in its signature and a test can hand it three variables. Refuses to
// interpret any of them.

/** Environment variables by name; an absent one reads as undefined. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A frozen copy of the process environment as it is now. */
export function environment(): Environment {
  return Object.freeze({ ...process.env });
}

/**
 * Deletes variables from this process once they are read, so that no child inherits them. The
 * kernel's copy in /proc/PID/environ stays: only a file or stdin hides a secret from the same user.
 */
export function forgetEnvironment(names: readonly string[]): void {
  for (const name of names) delete process.env[name];
}
