// The subject: the gateway as a user starts it, `agent up` with its defaults (logging included), in an empty
// home, with one operator-defined upstream per wire format, each of them the mock.

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import { Child } from "./child.ts";
import { dialectIds, MODEL, type DialectId } from "./dialects.ts";
import { MANY_REQUESTS, type Target, type Workplace } from "./target.ts";

const Ready = z.object({ gateway: z.object({ url: z.url(), key: z.string() }) });

const mainPath = join(dirname(import.meta.dir), "cli", "main.ts");

/** One arrangement of the gateway. */
export interface GatewayOptions {
  /** Its name in the tables. */
  readonly id: string;
  /** Arguments of `agent up` besides those every arrangement has. */
  readonly args?: readonly string[];
  /** Receives a CPU profile at the end. */
  readonly profileFolder?: string | undefined;
}

/** Starts broker and gateway in front of `upstreamUrl`. */
export async function startGatewayTarget(
  upstreamUrl: string,
  place: Workplace,
  { id, args = [], profileFolder }: GatewayOptions,
): Promise<Target> {
  const home = join(place.folder, "home");
  mkdirSync(home, { mode: 0o700 });
  const configPath = join(place.folder, "config.yml");
  // JSON is YAML.
  writeFileSync(configPath, JSON.stringify({ providers: providersOf(upstreamUrl) }));
  const profiling =
    profileFolder === undefined ? [] : ["--cpu-prof", "--cpu-prof-dir", profileFolder];
  const anyPort = "127.0.0.1:0";
  const child = new Child(
    [process.execPath, ...profiling, mainPath, "up", "--json", "--config", configPath].concat(
      ["--gateway-bind", anyPort],
      ["--broker-bind", anyPort],
      args,
    ),
    {
      name: id,
      env: { ...place.env, HOME: home, PARLEY_HOME: home, ...MANY_REQUESTS },
      stderrPath: join(place.folder, "gateway.stderr"),
    },
  );
  const { gateway } = Ready.parse(await child.receive());
  return {
    id,
    url: gateway.url,
    key: gateway.key,
    process: child,
    modelOf: (upstream) => `${providerOf(upstream)}/${MODEL}`,
    serves: () => true,
    stop: () => child.stop(),
  };
}

function providerOf(upstream: DialectId): string {
  return `bench-${upstream}`;
}

function providersOf(upstreamUrl: string): object {
  const entries = dialectIds.map((id) => [
    providerOf(id),
    {
      api: id,
      baseUrl: id === "messages" ? upstreamUrl : `${upstreamUrl}/v1`,
      apiKey: "bench-key",
      models: [{ id: MODEL, maxOutputTokens: 8_192 }],
    },
  ]);
  return Object.fromEntries(entries);
}
