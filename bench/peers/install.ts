// Other people's gateways, from npm, into a folder outside the repository: none of them is a dependency of ours.
// Installs without scripts and only what is missing.

import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { environment } from "#platform";
import { BenchError } from "../bench-error.ts";
import type { PeerPackage } from "./packages.ts";

/** The largest of them is 1.4 GB. */
export const INSTALL_MS = 10 * 60_000;

/** The folder of `peer`'s package inside `folder`, installed there if it is not. Throws BenchError (`not_here`). */
export async function installedPeer(
  id: string,
  { name, version, overrides = {} }: PeerPackage,
  folder: string,
): Promise<string> {
  // The version is in the path: a changed pin is a new installation.
  const home = join(folder, `${id}-${version}`);
  const packageFolder = join(home, "node_modules", ...name.split("/"));
  if (existsSync(join(home, "complete"))) return packageFolder;
  mkdirSync(home, { recursive: true });
  const manifest = { private: true, dependencies: { [name]: version }, overrides };
  writeFileSync(join(home, "package.json"), JSON.stringify(manifest));
  process.stderr.write(`installing ${name}@${version} into ${home}\n`);
  const npm = Bun.spawn(["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund"], {
    cwd: home,
    env: environment(),
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
    timeout: INSTALL_MS,
  });
  const said = await new Response(npm.stderr).text();
  if ((await npm.exited) !== 0) {
    const reason = said.split("\n").find((line) => /error/i.test(line)) ?? "npm install failed";
    throw new BenchError("not_here", `${name}@${version} was not installed: ${reason}`);
  }
  writeFileSync(join(home, "complete"), "");
  return packageFolder;
}
