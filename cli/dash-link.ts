// The link to /dash: made in the home's own file, so only its owner can, printed, and opened where there is a screen.
// Refuses to hand the secret to a program as an argument, which everybody on the machine can read: the browser is given
// a private file that leads there.

import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { gatewayBind, makeDashLink } from "#gateway";
import { formatBindAddress, homeDirectory, parseBindAddress, writePrivateFile } from "#platform";
import { hasDisplay, visit } from "./browser.ts";
import type { CommandContext } from "./command.ts";
import { askHealth, unreachable } from "./gateway-health.ts";

const ANY_ADDRESS = new Set(["0.0.0.0", "::"]);

/** Makes a link, shows it, opens it. Throws CliError when no gateway answers. */
export async function openDash(
  context: CommandContext,
  { json, config: file }: { json?: boolean | undefined; config?: string | undefined },
): Promise<void> {
  const { env, stdout } = context;
  const bind = parseBindAddress(context.loadConfig({}, file).get(gatewayBind));
  const here = ANY_ADDRESS.has(bind.hostname) ? { ...bind, hostname: "127.0.0.1" } : bind;
  const origin = `http://${formatBindAddress(here)}`;
  const health = await askHealth(origin);
  if (!health.ok) throw unreachable(origin, health.reason);
  const { secret, expiresAtMs } = await makeDashLink(env);
  const url = `${origin}/dash#${secret}`;
  if (json) return stdout(`${JSON.stringify({ url, expiresAtMs })}\n`);
  const path = join(homeDirectory(env), "dash.html");
  writePrivateFile(path, redirectTo(url));
  const isOpened = hasDisplay(env);
  if (isOpened) await visit(pathToFileURL(path).href);
  const lead = isOpened
    ? "It opens in your browser. If it does not, open this link"
    : "Open this link";
  stdout(`${lead} within two minutes; it works once:\n\n  ${url}\n${tunnel(context, here.port)}`);
}

function tunnel({ env }: CommandContext, port: number): string {
  if (!env["SSH_CONNECTION"]) return "";
  return `\nFrom the machine you sit at, forward the port first: ssh -L ${port}:127.0.0.1:${port} THIS-HOST\n`;
}

function redirectTo(url: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0; url=${url}">
<title>To the gateway</title>
<p><a href="${url}">To the gateway</a></p>
</html>
`;
}
