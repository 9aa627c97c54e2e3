// What is wrong with a configuration, all of it at once: nobody should fix ten lines in ten runs.
// Refuses to carry the value of a secret.

/**
 * One thing wrong: where it is written (`path:line`, a variable, a flag) and what to do about it.
 */
export interface ConfigProblem {
  readonly where: string;
  readonly message: string;
}

/** The configuration cannot be used; every problem found is in `problems` and in the message. */
export class ConfigError extends Error {
  readonly code = "config_invalid";
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[], { cause }: { cause?: unknown } = {}) {
    super(problems.map(({ where, message }) => `${where}: ${message}`).join("\n"), { cause });
    this.name = "ConfigError";
    this.problems = problems;
  }
}
