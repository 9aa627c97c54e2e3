// nginx as a reference, where it is installed: one worker, no buffering, kept-alive upstream connections,
// everything it writes inside the bench's own folder.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BenchError } from "./bench-error.ts";
import { Child } from "./child.ts";
import { MODEL } from "./dialects.ts";
import type { Target, Workplace } from "./target.ts";

/** How long nginx may take to listen. */
export const LISTEN_MS = 5_000;

const POLL_MS = 20;

/** Starts nginx in front of `upstreamUrl`; undefined where there is none on PATH. */
export async function startNginx(
  upstreamUrl: string,
  place: Workplace,
): Promise<Target | undefined> {
  const program = Bun.which("nginx", { PATH: place.env["PATH"] ?? "" });
  if (program === null) return undefined;
  const folder = join(place.folder, "nginx");
  mkdirSync(folder);
  const port = await freePort();
  const configPath = join(folder, "nginx.conf");
  writeFileSync(configPath, configOf({ folder, port, upstream: new URL(upstreamUrl).host }));
  const command = [program, "-p", folder, "-e", join(folder, "error.log"), "-c", configPath];
  const stderrPath = join(folder, "stderr");
  const child = new Child(command, { name: "nginx", env: place.env, stderrPath });
  await waitForPort(port, child);
  const url = `http://127.0.0.1:${port}`;
  return { id: "nginx", url, process: child, modelOf: () => MODEL, stop: () => child.stop() };
}

function configOf(at: { folder: string; port: number; upstream: string }): string {
  const scratch = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `  ${name}_temp_path ${at.folder}/${name};`)
    .join("\n");
  return `
daemon off;
worker_processes 1;
pid ${at.folder}/nginx.pid;
error_log ${at.folder}/error.log warn;
events { worker_connections 4096; }
http {
  access_log off;
${scratch}
  keepalive_requests 100000000;
  upstream mock { server ${at.upstream}; keepalive 256; keepalive_requests 100000000; }
  server {
    listen 127.0.0.1:${at.port};
    location / {
      proxy_pass http://mock;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
    }
  }
}
`;
}

// nginx cannot be told to take any free port and say which.
async function freePort(): Promise<number> {
  const probe = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  const { port } = probe;
  probe.stop(true);
  return port;
}

async function waitForPort(port: number, child: Child): Promise<void> {
  const givenUpAtMs = performance.now() + LISTEN_MS;
  while (performance.now() < givenUpAtMs) {
    child.requireRunning();
    if (await accepts(port)) return;
    await Bun.sleep(POLL_MS);
  }
  throw new BenchError("child_silent", `nginx does not listen on port ${port}`);
}

async function accepts(port: number): Promise<boolean> {
  try {
    const socket = await Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: { data: () => undefined },
    });
    socket.end();
    return true;
  } catch {
    return false;
  }
}
