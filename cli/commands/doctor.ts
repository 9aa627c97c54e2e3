// `agent doctor`: looks at everything a run depends on and says, line by line, what holds and how to fix what
// does not. Changes nothing, contacts nobody but servers on this machine, prints no secret.

import { accessSync, constants, existsSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { dirname } from "node:path";
import {
  BrokerError,
  ENVIRONMENT_VARIABLES,
  brokerBind,
  environmentKeys,
  type Finding,
  openRegistry,
} from "#broker";
import { BrokerClient, resolveBrokerConnection, resolveConfigValue } from "#broker/client";
import { checkUpstreams, gatewayBind, type ProviderConfig, providersKey } from "#gateway";
import {
  ConfigError,
  formatBindAddress,
  homeDirectory,
  parseBindAddress,
  type BindAddress,
  type Config,
  VERSION,
} from "#platform";
import { withLocalVaultIfAny } from "../local-vault.ts";
import type { CliCommand, CommandContext } from "../command.ts";
import { reportFindings } from "../findings.ts";

/** `agent doctor`. */
export const doctorCommand: CliCommand = {
  name: "doctor",
  summary: "check this installation and say how to fix what is wrong",
  register(command, context) {
    command
      .option("--json", "print the findings as JSON")
      .action(async ({ json }: { json?: boolean }) => {
        reportFindings(await examine(context), context, { json });
      });
  },
};

async function examine(context: CommandContext): Promise<Finding[]> {
  const config = readConfig(context);
  const base = [checkRuntime(), checkRequestLimit(context), checkHome(context), config.check];
  if (!config.value) return base;
  return [
    ...base,
    await checkVault(context, config.value),
    ...(await checkCredentials(context, config.value)),
    ...(await checkRemoteBroker(context, config.value)),
    await checkBind("gateway.bind", config.value.get(gatewayBind)),
    await checkBind("broker.bind", config.value.get(brokerBind)),
  ];
}

function checkRuntime(): Finding {
  return { name: "runtime", status: "ok", detail: `Parley ${VERSION} on Bun ${Bun.version}` };
}

function checkRequestLimit({ env }: CommandContext): Finding {
  const limit = Number(env["BUN_CONFIG_MAX_HTTP_REQUESTS"] ?? 256);
  const detail = `up to ${limit} upstream requests at once`;
  if (limit > 256) return { name: "requests", status: "ok", detail };
  return {
    name: "requests",
    status: "warning",
    detail: `${detail}; further ones wait in silence`,
    fix: "start through bin/agent.mjs, or set BUN_CONFIG_MAX_HTTP_REQUESTS=65336 before Bun starts",
  };
}

function checkHome({ env }: CommandContext): Finding {
  const name = "home";
  const path = homeDirectory(env);
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found) return checkHomeParent(path);
  if (!found.isDirectory()) {
    return { name, status: "failed", detail: `${path} is no directory`, fix: OTHER_HOME };
  }
  const self = process.getuid?.();
  if (self !== undefined && found.uid !== self) {
    const detail = `${path} belongs to user ${found.uid}, this is user ${self}`;
    return { name, status: "failed", detail, fix: OTHER_HOME };
  }
  const mode = found.mode & 0o777;
  if ((mode & 0o077) === 0) return { name, status: "ok", detail: `${path} is private` };
  const detail = `${path} is open to other users (mode ${mode.toString(8)}); it will be closed on next use`;
  return { name, status: "warning", detail, fix: `chmod 700 ${path}` };
}

const OTHER_HOME = "set PARLEY_HOME to a directory of your own";

function checkHomeParent(path: string): Finding {
  const name = "home";
  let parent = dirname(path);
  while (!existsSync(parent)) parent = dirname(parent);
  try {
    accessSync(parent, constants.W_OK);
    // A parent such as /proc allows the question but not the directory.
    if (parent.startsWith("/proc") || parent.startsWith("/sys"))
      throw new Error("not a place for files");
    return { name, status: "ok", detail: `${path} will be made on first use` };
  } catch {
    return {
      name,
      status: "failed",
      detail: `${path} cannot be made in ${parent}`,
      fix: OTHER_HOME,
    };
  }
}

function readConfig(context: CommandContext): { check: Finding; value?: Config } {
  try {
    const value = context.loadConfig();
    const files = value.files.filter((file) => file.exists).map((file) => file.path);
    const detail =
      files.length > 0 ? `valid: ${files.join(", ")}` : "no file; every setting is its default";
    return { check: { name: "config", status: "ok", detail }, value };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const detail = error.problems.map(({ where, message }) => `${where}: ${message}`).join("; ");
    const fix = "correct it there; `agent config list` shows the settings";
    return { check: { name: "config", status: "failed", detail, fix } };
  }
}

async function checkVault(context: CommandContext, config: Config): Promise<Finding> {
  try {
    const rows = await withLocalVaultIfAny(context, (vault) => vault?.list(), { config });
    const detail = rows ? `opens; ${rows.length} credentials` : "none yet; made on first use";
    return { name: "vault", status: "ok", detail };
  } catch (error) {
    const fix = error instanceof BrokerError ? error.fix : undefined;
    return { name: "vault", status: "failed", detail: message(error), ...(fix && { fix }) };
  }
}

async function checkCredentials(context: CommandContext, config: Config): Promise<Finding[]> {
  const { env } = context;
  const offered = environmentKeys(env, openRegistry(config)).map(
    ({ provider, variable }) => `${provider} (${variable})`,
  );
  const overrides = config.get(providersKey);
  const checks: Finding[] = [
    offered.length > 0
      ? { name: "environment", status: "ok", detail: `offers keys of ${offered.join(", ")}` }
      : {
          name: "environment",
          status: "warning",
          detail: "offers no provider key; sim/* models work without one",
          fix: `set one, e.g. ${Object.values(ENVIRONMENT_VARIABLES).flat().slice(0, 2).join(" or ")}, or store one in the broker`,
        },
  ];
  return [...checks, ...(await checkProviders(overrides, context))];
}

async function checkProviders(
  overrides: Readonly<Record<string, ProviderConfig>>,
  { env }: CommandContext,
): Promise<Finding[]> {
  const name = "providers";
  try {
    await checkUpstreams(overrides, env);
  } catch (error) {
    return [{ name, status: "failed", detail: message(error) }];
  }
  const checks: Finding[] = [];
  for (const [id, { apiKey }] of Object.entries(overrides)) {
    try {
      if (apiKey !== undefined) await resolveConfigValue(apiKey, env);
      checks.push({ name, status: "ok", detail: `${id}${apiKey ? ": its key resolves" : ""}` });
    } catch (error) {
      checks.push({ name, status: "failed", detail: `${id}: apiKey: ${message(error)}` });
    }
  }
  return checks;
}

async function checkRemoteBroker(context: CommandContext, config: Config): Promise<Finding[]> {
  const name = "remote broker";
  try {
    const connection = await resolveBrokerConnection(config, context.env);
    if (!connection) return [];
    const snapshot = await new BrokerClient(connection).fetchSnapshot();
    const count = snapshot?.credentials.length ?? 0;
    return [{ name, status: "ok", detail: `${connection.url} answers; ${count} credentials` }];
  } catch (error) {
    const fix =
      "`agent auth-broker status` says more; auth.broker.url and auth.broker.token say where and how";
    return [{ name, status: "failed", detail: message(error), fix }];
  }
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function checkBind(name: string, text: string): Promise<Finding> {
  try {
    const bind = parseBindAddress(text);
    const problem = await tryBind(bind);
    if (!problem) return { name, status: "ok", detail: `${formatBindAddress(bind)} is free` };
    if (problem !== "EADDRINUSE") return { name, status: "failed", detail: `${text}: ${problem}` };
    return {
      name,
      status: "warning",
      detail: `${formatBindAddress(bind)} is in use; fine if that is your running agent`,
      fix: `agent up --${name.replace(".", "-")} ${bind.hostname}:0 takes a free port`,
    };
  } catch (error) {
    return { name, status: "failed", detail: message(error) };
  }
}

function tryBind({ hostname, port }: BindAddress): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen(port, hostname, () => server.close(() => resolve(undefined)));
  });
}
