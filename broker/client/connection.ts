// Finds the broker a client should use: URL and token from the configuration, the token also from the
// file that a broker on this host keeps. Refuses a URL without a token instead of asking without one.

import { lstatSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import {
  type Config,
  type Environment,
  formatBindAddress,
  homeDirectory,
  parseBindAddress,
  readPrivateFile,
  registerSecret,
  Secret,
} from "#platform";
import {
  authBrokerSnapshotCache,
  authBrokerSnapshotTtl,
  authBrokerToken,
  authBrokerUrl,
  brokerBind,
  brokerSocket,
  brokerTlsCert,
} from "../config.ts";
import { resolveConfigText, resolveConfigValue, type RunCommand } from "../config-value.ts";
import { BrokerError } from "../errors.ts";
import { SnapshotCache, snapshotCachePath, type SnapshotCacheOptions } from "./snapshot-cache.ts";

/** Where a broker is and what it wants to hear. */
export interface BrokerConnection {
  /** `http(s)://host:port`, or `unix:/path` of a socket on this host. */
  readonly url: string;
  readonly token: Secret;
}

/** The token file that a broker keeps in its home directory. */
export function brokerTokenPath(home: string): string {
  return join(home, "auth-broker.token");
}

/** The socket on which a broker listens for clients of its own host and user, unless it is told another. */
export function brokerSocketPath(home: string): string {
  return join(home, "auth-broker.sock");
}

/**
 * Where this host's own broker is: its socket if there is one, because beside a bind of 127.0.0.1 any user
 * can take [::1] and wait for our token there; else broker.bind. Throws BrokerError `broker_port_unknown`
 * when that has port 0.
 */
export function localBrokerUrl(config: Config, env: Environment): string {
  const socket = configuredSocket(config, env);
  if (socket !== undefined && isOwnSocket(socket)) return `unix:${socket}`;
  const { hostname, port } = parseBindAddress(config.get(brokerBind));
  if (port === 0) {
    throw new BrokerError(
      "broker_port_unknown",
      "broker.bind has port 0, so its port is not known",
      {
        fix: "Set auth.broker.url to the URL that the broker printed when it started.",
      },
    );
  }
  const scheme = config.get(brokerTlsCert) === "" ? "http" : "https";
  const address = formatBindAddress({ hostname: LOOPBACK_OF.get(hostname) ?? hostname, port });
  return `${scheme}://${address}`;
}

function configuredSocket(config: Config, env: Environment): string | undefined {
  const wanted = config.get(brokerSocket);
  if (wanted === "none") return undefined;
  return wanted === "auto" ? brokerSocketPath(homeDirectory(env)) : resolve(wanted);
}

// A wildcard is an address to listen on, not one to connect to.
const LOOPBACK_OF: ReadonlyMap<string, string> = new Map([
  ["0.0.0.0", "127.0.0.1"],
  ["::", "::1"],
]);

function isOwnSocket(path: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found?.isSocket() === true && found.uid === (process.geteuid?.() ?? found.uid);
}

/** Opens the snapshot cache that the configuration describes. */
export function openSnapshotCache(
  config: Config,
  env: Environment,
  options: Omit<SnapshotCacheOptions, "path" | "ttlMs">,
): SnapshotCache {
  const chosen = config.get(authBrokerSnapshotCache).trim();
  const home = homeDirectory(env);
  // A shell leaves a quoted tilde alone, and a file of settings has none.
  const path = chosen.replace(/^~(?=\/)/, () => env["HOME"] || homedir());
  return new SnapshotCache({
    ...options,
    path: path === "" ? snapshotCachePath(home) : resolve(home, path),
    ttlMs: config.get(authBrokerSnapshotTtl),
  });
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
