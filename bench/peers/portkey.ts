// Portkey's gateway on Node. The upstream is named by headers of each request; it has no key of its own.

import { join } from "node:path";
import { MODEL, type DialectId } from "../dialects.ts";
import { freePort } from "../listening.ts";
import { isSameFormat, type Pair } from "../pair.ts";
import type { Starter } from "../target.ts";
import { installedPeer } from "./install.ts";
import { peerPackages } from "./packages.ts";
import { nodeOf, startPeerProcess } from "./peer-process.ts";

const PROVIDERS: Readonly<Record<DialectId, string>> = {
  chat: "openai",
  responses: "openai",
  messages: "anthropic",
};

/** Starts Portkey from `peersFolder`. */
export function portkeyStarter(peersFolder: string): Starter {
  return {
    id: "portkey",
    isPeer: true,
    start: async (upstreamUrl, place) => {
      const node = nodeOf(place);
      const folder = await installedPeer("portkey", peerPackages.portkey, peersFolder);
      const port = await freePort();
      const script = join(folder, "build", "start-server.js");
      const child = await startPeerProcess(
        {
          name: "portkey",
          command: [node, script, `--port=${port}`, "--headless"],
          port,
          env: { NODE_ENV: "production" },
        },
        place,
      );
      return {
        id: "portkey",
        url: `http://127.0.0.1:${port}`,
        process: child,
        key: "bench-key",
        headersOf: (upstream) => ({
          "x-portkey-provider": PROVIDERS[upstream],
          "x-portkey-custom-host": `${upstreamUrl}/v1`,
        }),
        modelOf: () => MODEL,
        serves,
        stop: () => child.stop(),
      };
    },
  };
}

// Messages to a Chat upstream is refused: "messages is not supported by openai".
function serves(pair: Pair): boolean {
  return isSameFormat(pair) || (pair.client === "chat" && pair.upstream === "messages");
}
