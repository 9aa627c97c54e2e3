// `agent auth-gateway check`: asks the running gateway whether each of its credentials is accepted. Sees no credential
// itself.

import { z } from "zod";
import { GATEWAY_TOKEN_PREFIX, gatewayBind, gatewayTokenPath } from "#gateway";
import { createOutbound, readJson, readOrCreateToken } from "#platform";
import { CliError, EXIT_CODES } from "../../cli-error.ts";
import type { CommandContext, Subcommand } from "../../command.ts";

/** How long all providers together may take, in milliseconds. */
export const CHECK_TIMEOUT_MS = 120_000;

interface CheckOptions {
  readonly strict?: boolean;
  readonly json?: boolean;
}

/** `agent auth-gateway check`. */
export const checkSubcommand: Subcommand = {
  register(command, context) {
    command
      .option("--strict", "have each say one word, which spends a few tokens")
      .option("--json", "print the answer as JSON")
      .action((options: CheckOptions) => check(context, options));
  },
};

const Checked = z.object({
  generatedAt: z.number(),
  credentials: z.array(
    z.object({
      id: z.number().nullable(),
      provider: z.string(),
      type: z.string(),
      source: z.string(),
      ok: z.boolean().nullable(),
      reason: z.string().optional(),
    }),
  ),
});
type Checked = z.infer<typeof Checked>;

async function check(context: CommandContext, { strict, json }: CheckOptions): Promise<void> {
  const checked = await ask(context, strict === true);
  context.stdout(json ? `${JSON.stringify(checked)}\n` : describe(checked));
  const failed = checked.credentials.filter(({ ok }) => ok === false).length;
  if (failed === 0) return;
  throw new CliError("credential_refused", `${failed} of ${checked.credentials.length} failed.`, {
    hint: "`agent auth-broker login PROVIDER` on the broker's host makes a new login or stores another key.",
  });
}

const SIGNS = new Map<boolean | null, string>([
  [true, "ok     "],
  [false, "failed "],
  [null, "unknown"],
]);

function describe({ credentials }: Checked): string {
  if (credentials.length === 0) return "The gateway has no credentials.\n";
  const lines = credentials.map(({ id, provider, type, source, ok, reason }) => {
    const which = id === null ? `from ${source}` : `#${id}`;
    return `${SIGNS.get(ok) ?? ""} ${provider} ${type} ${which}${reason === undefined ? "" : `: ${reason}`}`;
  });
  return `${lines.join("\n")}\n`;
}

async function ask({ env, loadConfig }: CommandContext, isStrict: boolean): Promise<Checked> {
  const url = `http://${loadConfig().get(gatewayBind)}`;
  const token = readOrCreateToken(gatewayTokenPath(env), GATEWAY_TOKEN_PREFIX);
  try {
    const response = await createOutbound().send({
      url: `${url}/v1/credentials/check?strict=${isStrict}`,
      headers: { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(CHECK_TIMEOUT_MS),
      attempts: 1,
    });
    const body = readJson(await response.bytes());
    if (response.status !== 200) throw new Error(`it answered ${response.status}`);
    return Checked.parse(body);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CliError("gateway_unreachable", `The gateway at ${url} did not check: ${reason}`, {
      exitCode: EXIT_CODES.unreachable,
      hint: "Start it with `agent up` or `agent auth-gateway serve`; gateway.bind says where it is looked for.",
    });
  }
}
