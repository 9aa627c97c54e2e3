// claude-code-router on Node: Messages in, Chat out, which is what it is for.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { MODEL } from "../dialects.ts";
import { freePort } from "../listening.ts";
import type { Starter } from "../target.ts";
import { installedPeer } from "./install.ts";
import { peerPackages } from "./packages.ts";
import { homeOf, nodeOf, startPeerProcess } from "./peer-process.ts";

/** Starts claude-code-router from `peersFolder`, without its logs. */
export function claudeCodeRouterStarter(peersFolder: string): Starter {
  return {
    id: "ccr",
    isPeer: true,
    start: async (upstreamUrl, place) => {
      const node = nodeOf(place);
      const folder = await installedPeer("ccr", peerPackages.ccr, peersFolder);
      const port = await freePort();
      const settings = join(homeOf(place), ".claude-code-router");
      mkdirSync(settings);
      const config = JSON.stringify(configOf(port, upstreamUrl));
      writeFileSync(join(settings, "config.json"), config);
      const child = await startPeerProcess(
        {
          name: "claude-code-router",
          command: [node, join(folder, "dist", "cli.js"), "start"],
          port,
          env: { SERVICE_PORT: String(port) },
        },
        place,
      );
      return {
        id: "ccr",
        url: `http://127.0.0.1:${port}`,
        process: child,
        modelOf: () => `bench,${MODEL}`,
        serves: ({ client, upstream }) => client === "messages" && upstream === "chat",
        stop: () => child.stop(),
      };
    },
  };
}

function configOf(port: number, upstreamUrl: string): object {
  return {
    LOG: false,
    HOST: "127.0.0.1",
    PORT: port,
    NON_INTERACTIVE_MODE: true,
    API_TIMEOUT_MS: 600_000,
    Providers: [
      {
        name: "bench",
        api_base_url: `${upstreamUrl}/v1/chat/completions`,
        api_key: "bench-key",
        models: [MODEL],
      },
    ],
    Router: { default: `bench,${MODEL}` },
  };
}
