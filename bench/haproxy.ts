// HAProxy as a reference, where it is installed: one thread, kept-alive upstream connections, its configuration
// inside the bench's own folder.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { BenchError } from "./bench-error.ts";
import { Child } from "./child.ts";
import { MODEL } from "./dialects.ts";
import { freePort, waitForPort } from "./listening.ts";
import type { Target, Workplace } from "./target.ts";

/** Starts HAProxy in front of `upstreamUrl`. Throws BenchError (`not_here`) where there is none on PATH. */
export async function startHaproxy(upstreamUrl: string, place: Workplace): Promise<Target> {
  const program = Bun.which("haproxy", { PATH: place.env["PATH"] ?? "" });
  if (program === null) throw new BenchError("not_here", "haproxy is not on PATH");
  const { folder } = place;
  const port = await freePort();
  const configPath = join(folder, "haproxy.cfg");
  writeFileSync(configPath, configOf({ port, upstream: new URL(upstreamUrl).host }));
  // -db: in the foreground, so that its process is the one that is paid for.
  const child = new Child([program, "-db", "-f", configPath], {
    name: "haproxy",
    env: place.env,
    stderrPath: join(folder, "stderr"),
  });
  await waitForPort(port, child);
  const url = `http://127.0.0.1:${port}`;
  const stop = () => child.stop();
  return { id: "haproxy", url, process: child, modelOf: () => MODEL, stop };
}

function configOf({ port, upstream }: { port: number; upstream: string }): string {
  return `
global
  maxconn 8192
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
  # Without it the first event of a stream waits for more.
  option http-no-delay
frontend bench
  bind 127.0.0.1:${port}
  default_backend mock
backend mock
  server mock ${upstream}
`;
}
