// A broker-less gateway on a free port with upstreams of the test's choosing, in a home of its own.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { configKeys } from "#cli";
import { startGateway, type Gateway, type StartGatewayOptions } from "#gateway";
import { createLogger, loadConfig, type Environment } from "#platform";

/** A gateway for tests, and everything it logged. */
export interface GatewayUnderTest extends Gateway {
  readonly logged: () => string;
  /** The environment with its home. */
  readonly env: Environment;
  /** Sends a JSON body with the gateway's key. */
  post(path: string, body: unknown, init?: RequestInit): Promise<Response>;
}

/** Starts one; `config` is merged into its configuration file, JSON being YAML. */
export async function startGatewayUnderTest({
  config = {},
  env = {},
  environmentKeys = {},
  bind = "127.0.0.1:0",
  file,
  home: kept,
  credentials = { entries: () => [], fresh: () => Promise.reject(new Error("there is none")) },
  observe = () => {},
  observeLimits = () => {},
}: Partial<Pick<StartGatewayOptions, "credentials" | "observe" | "observeLimits">> & {
  config?: Record<string, unknown>;
  env?: Environment;
  bind?: string;
  /** A configuration file read over the home's. */
  file?: string;
  /** A home that is used as it is and stays afterwards. */
  home?: string;
  environmentKeys?: Readonly<Record<string, string>>;
} = {}): Promise<GatewayUnderTest> {
  const home = kept ?? mkdtempSync(join(tmpdir(), "parley-e2e-"));
  const world = { ...env, PARLEY_HOME: home };
  writeFileSync(join(home, "config.yml"), JSON.stringify(config));
  const leave = () => {
    if (kept === undefined) rmSync(home, { recursive: true, force: true });
  };
  const lines: string[] = [];
  const gateway = await startGateway({
    config: loadConfig({
      keys: configKeys,
      env: world,
      cwd: home,
      flags: { "--gateway-bind": bind },
      file,
    }),
    env: world,
    log: createLogger({ level: "debug", write: (line) => lines.push(line) }),
    workerLog: { level: "debug", isPretty: false, write: (text) => lines.push(text) },
    credentials,
    observe,
    observeLimits,
    environmentKeys: new Map(Object.entries(environmentKeys)),
  }).catch((error: unknown) => {
    leave();
    throw error;
  });
  const stop = async () => {
    await gateway.stop();
    leave();
  };
  const post = (path: string, body: unknown, init: RequestInit = {}) =>
    fetch(gateway.url + path, {
      method: "POST",
      body: typeof body === "string" ? body : JSON.stringify(body),
      ...init,
      headers: {
        "content-type": "application/json",
        authorization: `Bearer ${gateway.token}`,
        ...(init.headers as Record<string, string> | undefined),
      },
    });
  return { ...gateway, stop, post, env: world, logged: () => lines.join("") };
}
