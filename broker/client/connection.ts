// Finds the broker a client should use: URL and token from the configuration, the token also from the
// file that a broker on this host keeps. Refuses a URL without a token instead of asking without one.

import { join } from "node:path";
import {
  type Config,
  type Environment,
  homeDirectory,
  readPrivateFile,
  registerSecret,
  Secret,
} from "#platform";
import { authBrokerToken, authBrokerUrl } from "../config.ts";
import { resolveConfigText, resolveConfigValue, type RunCommand } from "../config-value.ts";
import { BrokerError } from "../errors.ts";

/** Where a broker is and what it wants to hear. */
export interface BrokerConnection {
  readonly url: string;
  readonly token: Secret;
}

/** The token file that a broker keeps in its home directory. */
export function brokerTokenPath(home: string): string {
  return join(home, "auth-broker.token");
}

/**
 * The configured remote broker; undefined when auth.broker.url is empty. Throws ConfigValueError for a
 * value that cannot be resolved, and BrokerError `broker_token_missing` for a URL without a token.
 */
export async function resolveBrokerConnection(
  config: Config,
  env: Environment,
  options: { run?: RunCommand } = {},
): Promise<BrokerConnection | undefined> {
  const text = config.get(authBrokerUrl);
  const url = isVerbatim(config, authBrokerUrl)
    ? text.trim()
    : await resolveConfigText(text, env, options);
  if (!url) return undefined;
  const token = await resolveBrokerToken(config, env, options);
  if (token) return { url, token };
  throw new BrokerError("broker_token_missing", "auth.broker.url is set, but no token for it is", {
    fix: `Set auth.broker.token, or put the token into ${brokerTokenPath(homeDirectory(env))}.`,
  });
}

/** The bearer for a broker: configured, else the one in this host's token file, else undefined. */
export async function resolveBrokerToken(
  config: Config,
  env: Environment,
  options: { run?: RunCommand } = {},
): Promise<Secret | undefined> {
  const text = config.get(authBrokerToken);
  const configured = isVerbatim(config, authBrokerToken)
    ? verbatimSecret(text)
    : await resolveConfigValue(text, env, options);
  return configured ?? tokenFromFile(brokerTokenPath(homeDirectory(env)));
}

// A variable that was set holds the value itself; only files may name other variables or commands.
function isVerbatim(config: Config, key: typeof authBrokerUrl): boolean {
  const { layer } = config.source(key);
  return layer === "env" || layer === "flag";
}

function tokenFromFile(path: string): Secret | undefined {
  const bytes = readPrivateFile(path);
  return bytes && verbatimSecret(Buffer.from(bytes).toString("utf8"));
}

function verbatimSecret(text: string): Secret | undefined {
  const value = text.trim();
  if (value === "") return undefined;
  registerSecret(value);
  return new Secret(value);
}
