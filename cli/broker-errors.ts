// Turns the broker's own errors into those that the program prints with a hint. Lets everything else pass.

import { BrokerError } from "#broker";
import { CliError } from "./cli-error.ts";

/** Runs a command's action; a BrokerError becomes a CliError with the same code and the fix as its hint. */
export async function withBrokerErrors(run: () => void | Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error;
    throw new CliError(error.code, error.message, { hint: error.fix, cause: error });
  }
}
