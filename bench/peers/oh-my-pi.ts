// The auth-gateway of oh-my-pi on Bun, all nine pairs. It takes its credentials from a broker, played here, and knows
// its models from a catalog, so the mock is put in the place of one provider for each format.

import { join } from "node:path";
import type { DialectId } from "../dialects.ts";
import { freePort } from "../listening.ts";
import { MANY_REQUESTS, type Starter } from "../target.ts";
import { installedPeer } from "./install.ts";
import { peerPackages } from "./packages.ts";
import { startPeerProcess } from "./peer-process.ts";

/** A provider of each format whose address a variable can change, and a model of it. */
const PROVIDERS: Readonly<Record<DialectId, { name: string; model: string }>> = {
  chat: { name: "moonshot", model: "moonshot-v1-auto" },
  responses: { name: "sakana", model: "fugu" },
  messages: { name: "anthropic", model: "claude-sonnet-5" },
};

/** Starts it from `peersFolder`. */
export function ohMyPiStarter(peersFolder: string): Starter {
  return {
    id: "omp",
    isPeer: true,
    start: async (upstreamUrl, place) => {
      const folder = await installedPeer("omp", peerPackages.omp, peersFolder);
      const port = await freePort();
      const broker = startBroker();
      const stopBroker = () => broker.stop(true);
      const env = {
        OMP_AUTH_BROKER_URL: broker.url.origin,
        OMP_AUTH_BROKER_TOKEN: "bench-token",
        ANTHROPIC_BASE_URL: upstreamUrl,
        MOONSHOT_BASE_URL: `${upstreamUrl}/v1`,
        SAKANA_BASE_URL: `${upstreamUrl}/v1`,
        ...MANY_REQUESTS,
      };
      const script = join(folder, "dist", "cli.js");
      const command = [process.execPath, script, "auth-gateway", "serve", "--no-auth"];
      const bind = `--bind=127.0.0.1:${port}`;
      try {
        const child = await startPeerProcess(
          { name: "oh-my-pi", command: [...command, bind], port, env },
          place,
        );
        return {
          id: "omp",
          url: `http://127.0.0.1:${port}`,
          process: child,
          modelOf: (upstream) => `${PROVIDERS[upstream].name}/${PROVIDERS[upstream].model}`,
          serves: () => true,
          stop: async () => {
            await child.stop();
            await stopBroker();
          },
        };
      } catch (error) {
        await stopBroker();
        throw error;
      }
    },
  };
}

// As much of a broker as a gateway needs that never refreshes: one snapshot, and a stream that stays open.
function startBroker() {
  return Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    fetch: ({ url, method }) => {
      const { pathname } = new URL(url);
      if (pathname === "/v1/snapshot")
        return Response.json(snapshot(), { headers: { etag: '"1"' } });
      if (pathname === "/v1/snapshot/stream") return snapshotStream();
      if (pathname === "/v1/usage") return Response.json({ generatedAt: Date.now(), reports: [] });
      return Response.json({ ok: true }, { status: method === "POST" ? 200 : 404 });
    },
  });
}

function snapshot(): object {
  const nowMs = Date.now();
  const credentials = Object.values(PROVIDERS).map(({ name }, index) => ({
    id: index + 1,
    provider: name,
    credential: { type: "api_key", key: "sk-bench-0123456789abcdef0123456789abcdef" },
    identityKey: null,
    rotatesInMs: null,
  }));
  const refresher = {
    enabled: true,
    intervalMs: 60_000,
    skewMs: 300_000,
    nextSweepInMs: 60_000,
  };
  return { generation: 1, generatedAt: nowMs, serverNowMs: nowMs, refresher, credentials };
}

function snapshotStream(): Response {
  const frame = `event: snapshot\ndata: ${JSON.stringify({ kind: "snapshot", ...snapshot() })}\n\n`;
  const body = new ReadableStream({ start: (controller) => controller.enqueue(frame) });
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
}
