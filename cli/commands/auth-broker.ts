// `agent auth-broker`: run the broker, print its token, list what it holds, ask whether it answers.
// Refuses to print a stored credential: the bearer of `token` is the only secret it ever shows.

import {
  authBrokerUrl,
  BROKER_TOKEN_PREFIX,
  BrokerError,
  brokerBind,
  type ListedCredential,
  listCredentials,
  startBroker,
} from "#broker";
import {
  BrokerClient,
  brokerTokenPath,
  BrokerUnauthorized,
  resolveBrokerConnection,
  resolveBrokerToken,
} from "#broker/client";
import {
  type Config,
  formatBindAddress,
  homeDirectory,
  parseBindAddress,
  readOrCreateToken,
  rotateToken,
  Secret,
} from "#platform";
import type { Command } from "commander";
import { CliError, EXIT_CODES } from "../cli-error.ts";
import type { CliCommand, CommandContext } from "../command.ts";
import { logLevel } from "../config-keys.ts";
import { addKeyOptions, keyFlags } from "../key-options.ts";
import { openProcessLog } from "../process-log.ts";
import { untilStopped } from "../until-stopped.ts";

interface JsonOption {
  readonly json?: boolean;
}

interface ServeOptions extends JsonOption {
  readonly bind?: string;
  readonly config?: string;
}

interface TokenOptions extends JsonOption {
  readonly regenerate?: boolean;
}

/** `agent auth-broker serve|token|list|status`. */
export const authBrokerCommand: CliCommand = {
  name: "auth-broker",
  summary: "hold credentials for a team: serve, token, list, status",
  register(command, context) {
    command.addHelpText(
      "after",
      `
Examples:
  serve                       run the broker until Ctrl-C
  token                       print the bearer that its clients send
  list                        what the vault holds and the environment offers, without secrets
  status                      ask the configured broker whether it answers`,
    );
    registerServe(command, context);
    registerToken(command, context);
    registerList(command, context);
    registerStatus(command, context);
  },
};

const SERVE_KEYS = [brokerBind, logLevel];

function registerServe(parent: Command, context: CommandContext): void {
  const serve = parent
    .command("serve")
    .description("run the broker until Ctrl-C")
    .option("--bind <host:port>", "the same as --broker-bind")
    .option("--config <file>", "read this configuration file over the others")
    .option("--json", "print one line of JSON when ready");
  addKeyOptions(serve, SERVE_KEYS);
  serve.action((options: ServeOptions) =>
    withBrokerErrors(async () => {
      const bind = options.bind === undefined ? {} : { "--broker-bind": options.bind };
      const flags = { ...keyFlags(serve, SERVE_KEYS), ...bind };
      const config = context.loadConfig(flags, options.config);
      const log = openProcessLog(config, context);
      const stopped = untilStopped(context.env);
      const broker = await startBroker({ config, env: context.env, log });
      const { url } = broker;
      context.stdout(
        options.json ? `${JSON.stringify({ broker: { url } })}\n` : readyText(url, context),
      );
      await stopped;
      log.info("stopping");
      await broker.stop();
    }),
  );
}

function readyText(url: string, { env }: CommandContext): string {
  return `Broker at ${url}, vault in ${homeDirectory(env)}
Token: agent auth-broker token
Ctrl-C stops it.
`;
}

function registerToken(parent: Command, context: CommandContext): void {
  parent
    .command("token")
    .description("print the token that the broker's clients send")
    .option(
      "--regenerate",
      "make a new one; every client needs it then, a running broker a restart",
    )
    .option("--json", "print JSON")
    .action(({ json, regenerate }: TokenOptions) => {
      const path = brokerTokenPath(homeDirectory(context.env));
      const token = (regenerate ? rotateToken : readOrCreateToken)(path, BROKER_TOKEN_PREFIX);
      context.stdout(json ? `${JSON.stringify({ token, path })}\n` : `${token}\n`);
      if (regenerate) {
        context.stderr("A broker that is running accepts the old token until it is restarted.\n");
      }
    });
}

function registerList(parent: Command, context: CommandContext): void {
  parent
    .command("list")
    .description("list stored credentials, and the keys that the environment offers")
    .option("--json", "print JSON")
    .action(({ json }: JsonOption) =>
      withBrokerErrors(() => {
        const listed = listCredentials(context.env);
        if (json) return context.stdout(`${JSON.stringify(listed)}\n`);
        const config = context.loadConfig();
        context.stdout(listed.length === 0 ? nothingStored(config) : listingTable(listed));
        const remote = config.get(authBrokerUrl);
        if (remote !== "") context.stderr(remoteHint(remote));
        if (listed.some(({ source }) => source === "environment")) context.stderr(OFFERED_HINT);
      }),
    );
}

function registerStatus(parent: Command, context: CommandContext): void {
  parent
    .command("status")
    .description(
      "ask the configured broker, else this host's, whether it answers; exit code 4 if not",
    )
    .option("--config <file>", "read this configuration file over the others")
    .option("--json", "print JSON")
    .action(({ json, config }: JsonOption & { config?: string }) =>
      withBrokerErrors(async () => {
        const status = await askBroker(context.loadConfig({}, config), context);
        context.stdout(json ? `${JSON.stringify(publicPart(status))}\n` : statusLine(status));
        if (status.problem) throw notReady(status.problem);
      }),
    );
}

function remoteHint(url: string): string {
  return `This is the vault of this host. auth.broker.url is set, so a gateway here asks ${url} instead;\n\`agent auth-broker status\` says whether that broker answers.\n`;
}

function nothingStored(config: Config): string {
  return `No credentials yet. Two ways to add one:

  1. For one run, never stored: set the provider's variable, then start.
       ANTHROPIC_API_KEY=... agent up

  2. In the vault, while a broker runs (the key stays out of your shell history):
       read -rs KEY && printf '{"provider":"anthropic","credential":{"type":"api_key","key":"%s"}}' "$KEY" |
         curl -s -o /dev/null -w 'HTTP %{http_code}\\n' http://${config.get(brokerBind)}/v1/credential \\
           -H "Authorization: Bearer $(agent auth-broker token)" -d @-
`;
}

const OFFERED_HINT =
  "Keys marked `offered` are used by `agent up` where the vault has none; they are not in the vault.\n";

function listingTable(listed: readonly ListedCredential[]): string {
  const rows = listed.map(({ id, provider, type, identityKey, status, source, variable }) => [
    id === null ? "-" : String(id),
    provider,
    type,
    identityKey ?? "-",
    status,
    variable === null ? source : `$${variable}`,
  ]);
  return columns([["ID", "PROVIDER", "TYPE", "IDENTITY", "STATUS", "SOURCE"], ...rows]);
}

function columns(rows: readonly (readonly string[])[]): string {
  const widthOf = (index: number) => Math.max(...rows.map((row) => row[index]?.length ?? 0));
  return rows
    .map((row) => row.map((cell, index) => cell.padEnd(widthOf(index))).join("  "))
    .map((line) => `${line.trimEnd()}\n`)
    .join("");
}

interface BrokerStatus {
  readonly url: string;
  readonly isReachable: boolean;
  readonly version: string | null;
  readonly generation: number | null;
  readonly credentials: number | null;
  /** Why the broker is of no use now; absent when all is well. */
  readonly problem?: BrokerError;
}

async function askBroker(config: Config, context: CommandContext): Promise<BrokerStatus> {
  const configured = await resolveBrokerConnection(config, context.env);
  const token = configured?.token ?? (await resolveBrokerToken(config, context.env));
  const url = configured?.url ?? localUrl(config);
  const nothing = { url, isReachable: false, version: null, generation: null, credentials: null };
  const client = new BrokerClient({ url, token: token ?? new Secret("") });
  let known: BrokerStatus = nothing;
  try {
    const health = await client.healthz();
    known = { ...nothing, isReachable: true, version: health.version ?? null };
    if (!token) return { ...known, problem: new BrokerUnauthorized(url) };
    const snapshot = await client.fetchSnapshot();
    if (!snapshot) return known;
    const { generation, credentials } = snapshot;
    return { ...known, generation, credentials: credentials.length };
  } catch (error) {
    if (error instanceof BrokerError) return { ...known, problem: error };
    throw error;
  }
}

// A wildcard is an address to listen on, not one to connect to.
const LOOPBACK_OF: ReadonlyMap<string, string> = new Map([
  ["0.0.0.0", "127.0.0.1"],
  ["::", "::1"],
]);

function localUrl(config: Config): string {
  const { hostname, port } = parseBindAddress(config.get(brokerBind));
  if (port === 0) {
    throw new CliError("broker_port_unknown", "broker.bind has port 0, so its port is not known", {
      exitCode: EXIT_CODES.unreachable,
      hint: "Set auth.broker.url to the URL that the broker printed when it started.",
    });
  }
  return `http://${formatBindAddress({ hostname: LOOPBACK_OF.get(hostname) ?? hostname, port })}`;
}

function publicPart({ problem, ...status }: BrokerStatus): Record<string, unknown> {
  const { isReachable, ...rest } = status;
  return { reachable: isReachable, ...rest, problem: problem?.code ?? null };
}

function statusLine(status: BrokerStatus): string {
  const { url, isReachable, version, generation, credentials } = status;
  if (!isReachable) return `${url}  unreachable\n`;
  const known = generation === null ? "" : `  credentials ${credentials}  generation ${generation}`;
  return `${url}  reachable  version ${version ?? "unknown"}${known}\n`;
}

function notReady(problem: BrokerError): CliError {
  return new CliError(problem.code, problem.message, {
    exitCode: EXIT_CODES.unreachable,
    hint: problem.fix,
    cause: problem,
  });
}

async function withBrokerErrors(run: () => void | Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error;
    throw new CliError(error.code, error.message, { hint: error.fix, cause: error });
  }
}
