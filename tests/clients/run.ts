// `npm run test:clients`: real clients, unmodified, do the simulator's task through a gateway, in every dialect of
// upstream. Prints each trial and one verdict; installs nothing into the repository and leaves nothing behind.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startGatewayUnderTest } from "../e2e/gateway-under-test.ts";
import type { Client } from "./client.ts";
import { install, NotRunnable } from "./installation.ts";
import { HELP, OptionError, parseOptions, type Options, type Upstream } from "./options.ts";
import { startRefusingProxy, type RefusingProxy } from "./refusing-proxy.ts";
import { runTrial, type Outcome, type Trial } from "./trial.ts";

const root = join(import.meta.dir, "../..");

/** The start of each client's command line, for those that can be run here. */
type Programs = ReadonlyMap<Client, readonly string[]>;

interface Run extends Place {
  readonly proxy: RefusingProxy;
  readonly programs: Programs;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function main(options: Options): Promise<number> {
  await using cleanup = new AsyncDisposableStack();
  const scratch = mkdtempSync(join(tmpdir(), "parley-clients-"));
  cleanup.defer(() => rmSync(scratch, { recursive: true, force: true, maxRetries: 5 }));
  const broken = new AbortController();
  const { signal } = broken;
  const code = await Promise.race([runAll(options, { scratch, cleanup, signal }), interruption()]);
  broken.abort();
  return code;
}

interface Place {
  readonly scratch: string;
  readonly cleanup: AsyncDisposableStack;
  /** Ends whatever runs. */
  readonly signal: AbortSignal;
}

async function runAll(options: Options, place: Place): Promise<number> {
  const programs = await installAll(options, place);
  const proxy = place.cleanup.use(await startRefusingProxy());
  const run = { ...place, proxy, programs };
  const refused = new Map<Client, ReadonlySet<string>>();
  let passed = 0;
  let failed = 0;
  for (const upstream of options.upstreams) {
    for await (const [{ client }, { problems, asked }] of trials(upstream, run)) {
      if (problems.length === 0) passed += 1;
      else failed += 1;
      refused.set(client, new Set([...(refused.get(client) ?? []), ...asked]));
    }
  }
  for (const [{ name }, hosts] of refused) {
    if (hosts.size > 0)
      print(`note   ${name} asked for ${[...hosts].join(", ")}; it was not let out`);
  }
  const missing = options.clients.filter((client) => !programs.has(client));
  const absent = missing.map(({ id }) => id).join(", ");
  print(`${passed} trials passed, ${failed} failed${absent && `; could not be run: ${absent}`}`);
  return failed + missing.length === 0 ? 0 : 1;
}

async function installAll(
  { clients, folder }: Options,
  { scratch, signal }: Place,
): Promise<Programs> {
  const place = folder ?? join(scratch, "clients");
  const programs = new Map<Client, readonly string[]>();
  for (const client of clients) {
    try {
      programs.set(client, await install(client, place, signal));
      print(`ready  ${client.name} ${client.version} (npm ${client.package})`);
    } catch (error) {
      if (!(error instanceof NotRunnable)) throw error;
      print(`ABSENT ${client.name} ${client.version} cannot be run here: ${error.message}`);
    }
  }
  return programs;
}

async function* trials(
  upstream: Upstream,
  { scratch, proxy, programs, signal }: Run,
): AsyncGenerator<readonly [Trial, Outcome]> {
  const way = [{ model: `sim-${upstream}/task` }];
  const names = [...programs.keys()].flatMap(({ manners }) => manners.map(({ model }) => model));
  const routes = Object.fromEntries(names.map((name) => [name, way]));
  const gateway = await startGatewayUnderTest({ config: { gateway: { routes } } });
  try {
    for (const [client, program] of programs) {
      for (const manner of client.manners) {
        const place = { gateway, proxy, folder: scratch, signal };
        const trial = { client, program, manner, upstream, ...place };
        const outcome = await runTrial(trial);
        report(trial, outcome);
        yield [trial, outcome];
      }
    }
  } finally {
    await gateway.stop();
  }
}

function report(
  { client, manner, upstream }: Trial,
  { problems, requests, elapsedMs }: Outcome,
): void {
  const dialect = manner.hasSocket ? `${manner.dialect} over a socket` : manner.dialect;
  const way = `${client.id} (${dialect}, ${manner.model}) -> ${upstream}`;
  const cost = `${requests} requests, ${(elapsedMs / 1_000).toFixed(1)} s`;
  print(`${problems.length === 0 ? "ok    " : "FAIL  "} ${way}: ${cost}`);
  for (const problem of problems) print(`         ${problem.replaceAll("\n", "\n         ")}`);
}

// Without this a Ctrl-C would leave programs and folders behind.
function interruption(): Promise<number> {
  return new Promise((resolve) => {
    for (const [signal, code] of SIGNALS) process.once(signal, () => resolve(code));
  });
}

const SIGNALS = [
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
] as const;

async function runToExitCode(args: readonly string[]): Promise<number> {
  try {
    const options = parseOptions(args, root);
    if (!options.isHelp) return await main(options);
    process.stdout.write(HELP);
    return 0;
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    process.stderr.write(`test:clients: ${error.message}\n`);
    return 2;
  }
}

const code = await runToExitCode(process.argv.slice(2));
// A pipe may still hold the last lines.
await new Promise<void>((resolve) => process.stdout.write("", () => resolve()));
process.exit(code);
