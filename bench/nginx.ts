// nginx as a reference, where it is installed: one worker, no buffering, kept-alive upstream connections,
// everything it writes inside the bench's own folder.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { BenchError } from "./bench-error.ts";
import { Child } from "./child.ts";
import { MODEL } from "./dialects.ts";
import { freePort, waitForPort } from "./listening.ts";
import type { Target, Workplace } from "./target.ts";

/** Starts nginx in front of `upstreamUrl`. Throws BenchError (`not_here`) where there is none on PATH. */
export async function startNginx(upstreamUrl: string, place: Workplace): Promise<Target> {
  const program = Bun.which("nginx", { PATH: place.env["PATH"] ?? "" });
  if (program === null) throw new BenchError("not_here", "nginx is not on PATH");
  const { folder } = place;
  const port = await freePort();
  const configPath = join(folder, "nginx.conf");
  writeFileSync(configPath, configOf({ folder, port, upstream: new URL(upstreamUrl).host }));
  const command = [program, "-p", folder, "-e", join(folder, "error.log"), "-c", configPath];
  const stderrPath = join(folder, "stderr");
  const child = new Child(command, { name: "nginx", env: place.env, stderrPath });
  await waitForPort(port, child);
  const url = `http://127.0.0.1:${port}`;
  const stop = () => child.stop();
  return { id: "nginx", url, process: child, modelOf: () => MODEL, stop };
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
  # A larger one would be written to a file, which no other proxy here does.
  client_body_buffer_size 1m;
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
