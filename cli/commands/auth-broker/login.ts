// `agent auth-broker login`: gets a credential from a provider, by its login or as an API key, and stores it in
// the vault of this host or in the configured broker. Takes no secret as an argument.

import {
  callbackPorts,
  installId,
  login,
  type LoginPlan,
  loginPlan,
  loginRefusal,
  openRegistry,
  type ProviderRegistry,
  type RegisteredProvider,
} from "#broker";
import { resolveConfigValue } from "#broker/client";
import { homeDirectory, type Secret } from "#platform";
import { ApiKeyCredential } from "#wire";
import { withBrokerErrors } from "../../broker-errors.ts";
import { CliError, EXIT_CODES } from "../../cli-error.ts";
import type { CommandContext, Subcommand } from "../../command.ts";
import { type CredentialTarget, withCredentialTarget } from "../../credential-target.ts";
import { type LoginChoice, pickLogin } from "../../login-picker.ts";
import { terminalPrompts } from "../../login-prompts.ts";
import { runSsh, sshArguments } from "../../ssh-login.ts";
import { askSecret, canAsk } from "../../terminal.ts";
import { Interrupted, untilStopped } from "../../until-stopped.ts";

/** Longest key read from standard input, in bytes. */
const MAX_STDIN_BYTES = 65_536;

interface LoginOptions {
  readonly apiKey?: boolean;
  readonly callbackPort?: string;
  readonly config?: string;
  readonly dryRun?: boolean;
  readonly via?: string;
}

/** `agent auth-broker login`. */
export const loginSubcommand: Subcommand = {
  register(command, context) {
    command
      .argument("[provider]", "which one; a numbered list asks when it is left out")
      .option("--api-key", "store an API key, asked for or read from standard input")
      .option("--via <user@host>", "log in on the broker's host, with the browser of this one")
      .option("--dry-run", "show what would happen, and change nothing")
      .option("--callback-port <port>", "come back to this port, where the provider allows any")
      .option("--config <file>", "read this configuration file over the others")
      .action((id: string | undefined, options: LoginOptions) =>
        withBrokerErrors(() => run(id, options, context)),
      );
  },
};

async function run(
  id: string | undefined,
  options: LoginOptions,
  context: CommandContext,
): Promise<void> {
  const config = context.loadConfig({}, options.config);
  const registry = openRegistry(config);
  if (options.via !== undefined) {
    return loginVia(options.via, required(id), { options, registry, context });
  }
  const choice =
    id === undefined ? await pickLogin(registry, context.stderr) : named(registry, id, options);
  const callbackPort = checkedPort(choice, options.callbackPort);
  if (options.dryRun) return context.stdout(dryRunText(choice));
  const { name } = choice.provider.descriptor;
  await withCredentialTarget(context, config, async (target) => {
    if (choice.way === "api_key") await storeKey(choice.provider, target, context);
    else await storeLogin(choice.provider, target, { context, callbackPort });
    context.stdout(`${name}: stored in ${target.place}.\n`);
  });
}

/** The way that a provider's name and the flags mean. Throws CliError `unknown_provider`. */
function named(registry: ProviderRegistry, id: string, { apiKey }: LoginOptions): LoginChoice {
  const provider = find(registry, id);
  const { oauth, apiKey: takesKeys } = provider.descriptor;
  if (apiKey && !takesKeys) {
    throw new CliError("no_api_keys", `${id} takes no API keys`, { exitCode: EXIT_CODES.usage });
  }
  // Where the login is forbidden but keys are taken, a key is what the provider wants us to ask for.
  const isForbidden = takesKeys !== undefined && loginRefusal(provider) !== undefined;
  return { provider, way: apiKey || !oauth || isForbidden ? "api_key" : "login" };
}

function find(registry: ProviderRegistry, id: string): RegisteredProvider {
  const provider = registry.find(id);
  if (provider !== undefined) return provider;
  const known = registry.all().map(({ descriptor }) => descriptor.id);
  throw new CliError("unknown_provider", `no provider is called ${JSON.stringify(id)}`, {
    exitCode: EXIT_CODES.usage,
    hint: `Known are ${known.join(", ")}; describe others under auth.providers in config.yml.`,
  });
}

async function storeLogin(
  provider: RegisteredProvider,
  target: CredentialTarget,
  { context, callbackPort }: { context: CommandContext; callbackPort: number | undefined },
): Promise<void> {
  const refusal = loginRefusal(provider);
  if (refusal !== undefined) throw refusal;
  const plan = loginPlan(provider);
  if (plan !== undefined) context.stderr(introduction(provider, plan));
  const clientSecret = await clientSecretOf(provider, context);
  const abort = new AbortController();
  void untilStopped(context.env).then(() => abort.abort(new Interrupted()));
  using prompts = terminalPrompts(context);
  const result = await login(provider, {
    prompts,
    installId: installId(homeDirectory(context.env)),
    clientSecret: clientSecret?.reveal(),
    callbackPort,
    signal: abort.signal,
  });
  await target.store(result.provider, result.credential);
}

async function storeKey(
  provider: RegisteredProvider,
  target: CredentialTarget,
  context: CommandContext,
): Promise<void> {
  const { id, name, apiKey, oauth } = provider.descriptor;
  const refusal = oauth && loginRefusal(provider);
  if (refusal) context.stderr(`${refusal.message}\n`);
  const key = canAsk()
    ? (await askSecret(`API key of ${name} (${apiKey?.page}): `)).reveal()
    : await firstLineOfStdin();
  if (key.trim() === "" && refusal) throw refusal;
  const credential = ApiKeyCredential.safeParse({
    type: "api_key",
    key: key.trim(),
    source: "login",
  });
  if (!credential.success) {
    const problem = credential.error.issues[0]?.message ?? "is unusable";
    throw new CliError("key_unusable", `the API key ${problem}`, {
      exitCode: EXIT_CODES.usage,
      hint: `Type it at the prompt, or send it: agent auth-broker login ${id} < file`,
    });
  }
  await target.store(id, credential.data);
}

async function firstLineOfStdin(): Promise<string> {
  let text = "";
  for await (const chunk of Bun.stdin.stream()) {
    text += new TextDecoder().decode(chunk);
    if (text.length > MAX_STDIN_BYTES || text.includes("\n")) break;
  }
  return text.split("\n")[0] ?? "";
}

async function clientSecretOf(
  { descriptor }: RegisteredProvider,
  { env }: CommandContext,
): Promise<Secret | undefined> {
  const flow = descriptor.oauth?.flow;
  if (flow === undefined || flow.kind === "key" || flow.clientSecret === undefined)
    return undefined;
  return resolveConfigValue(flow.clientSecret, env);
}

function introduction({ descriptor }: RegisteredProvider, plan: LoginPlan): string {
  return `${descriptor.name} will be asked for ${plan.asksFor}.\nSource of these facts: ${plan.source}\n\n`;
}

// The tunnel, or the provider's list of addresses, knows one port: another one would lead nowhere.
function checkedPort(choice: LoginChoice, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const allowed = portsOf(choice);
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  const isUsable = port > 0 && port <= 65_535 && (allowed.includes(0) || allowed.includes(port));
  if (isUsable) return port;
  const ports = allowed.includes(0) ? "a port from 1 to 65535" : allowed.join(" or ") || "none";
  throw new CliError("invalid_port", `--callback-port: this login comes back to ${ports}`, {
    exitCode: EXIT_CODES.usage,
  });
}

function portsOf({ provider, way }: LoginChoice): number[] {
  const { oauth } = provider.descriptor;
  return way === "api_key" || oauth === undefined ? [] : callbackPorts(oauth.flow);
}

function required(id: string | undefined): string {
  if (id !== undefined) return id;
  throw new CliError("provider_required", "--via needs the provider's name", {
    exitCode: EXIT_CODES.usage,
    hint: "agent auth-broker login <provider> --via user@host",
  });
}

async function loginVia(
  destination: string,
  id: string,
  {
    options,
    registry,
    context,
  }: { options: LoginOptions; registry: ProviderRegistry; context: CommandContext },
): Promise<void> {
  const choice = named(registry, id, options);
  const given = checkedPort(choice, options.callbackPort);
  const ports = portsOf(choice);
  const port = given ?? (ports[0] === 0 ? freePort() : ports[0]);
  // Where the other side could choose, it must choose the port that is forwarded.
  const isPortGiven = given !== undefined || ports[0] === 0 || ports.length > 1;
  const args = sshArguments({ destination, provider: id, port, isPortGiven });
  if (choice.way === "api_key" && options.apiKey) args.push("--api-key");
  if (options.dryRun) return context.stdout(`Would run: ssh ${args.join(" ")}\n`);
  return runSsh(args);
}

function freePort(): number {
  const probe = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = probe;
  probe.stop(true);
  return port;
}

function dryRunText({ provider, way }: LoginChoice): string {
  const { id, name, apiKey } = provider.descriptor;
  const plan = loginPlan(provider);
  const refusal = plan?.refusal ? [`Refused      ${plan.refusal.message}`] : [];
  if (way === "api_key" || plan === undefined) {
    return lines([
      ...refusal,
      `Would ask for an API key of ${name} (${apiKey?.page ?? ""}) and store it as ${id}.`,
    ]);
  }
  const ports = plan.callbackPorts.map((port) => (port === 0 ? "any free" : String(port)));
  return lines([
    ...refusal,
    `Provider     ${id} (${name}), described by ${AUTHORS[provider.origin]}`,
    `Policy       ${plan.policy.status}: ${plan.policy.reason} (${plan.policy.link})`,
    `Source       ${plan.source}`,
    `Asks for     ${plan.asksFor}`,
    `Scopes       ${plan.scopes.join(" ") || "none"}`,
    `Opens        ${plan.url}`,
    `Comes back   ${ports.length === 0 ? "nowhere: a code is typed elsewhere" : `port ${ports.join(", else ")}`}`,
    `Exchanges at ${plan.tokenUrl}`,
    "Nothing was changed.",
  ]);
}

const AUTHORS = {
  "built-in": "Parley",
  "operator-client": "Parley, with your client id",
  operator: "you",
} as const;

function lines(texts: readonly string[]): string {
  return texts.map((text) => `${text}\n`).join("");
}
