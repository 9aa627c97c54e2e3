// The keys of this host's gateway, for the length of one command.

import { GatewayKeyError, type GatewayKeys, openGatewayKeys } from "#gateway";
import { CliError } from "../../../cli-error.ts";
import type { CommandContext } from "../../../command.ts";

/** Opens the keys, runs, closes them; a GatewayKeyError becomes a CliError with the fix as its hint. */
export async function withKeys(
  { env }: CommandContext,
  use: (keys: GatewayKeys) => void,
): Promise<void> {
  const keys = await openGatewayKeys(env);
  try {
    use(keys);
  } catch (error) {
    if (!(error instanceof GatewayKeyError)) throw error;
    throw new CliError(error.code, error.message, { hint: error.fix, cause: error });
  } finally {
    keys.close();
  }
}
