// One client, one manner, one dialect of upstream: a fresh HOME and folder, the task, and everything that must hold
// afterwards. What the client says is not believed alone: the file and the gateway's own record must agree.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import { environment } from "#platform";
import type { GatewayUnderTest } from "../e2e/gateway-under-test.ts";
import { KEY_VARIABLE, type Client, type Manner } from "./client.ts";
import { lastWords } from "./installation.ts";
import type { Upstream } from "./options.ts";
import { runProgram } from "./program.ts";
import type { RefusingProxy } from "./refusing-proxy.ts";

/** A trial takes seconds; a client that waits for a person waits for ever. */
const TRIAL_TIMEOUT_MS = 180_000;

const PROMPT = "Do the task.";
const FILE = "parley-task.txt";
const WRITTEN = "three tools, one task";
const LAST_WORDS = "The task is done: THREE TOOLS, ONE TASK.";

/** Three calls, and the answer after the last. */
const FEWEST_REQUESTS = 4;

/** What a trial is made with. */
export interface Trial {
  readonly client: Client;
  /** The start of its command line. */
  readonly program: readonly string[];
  readonly manner: Manner;
  readonly upstream: Upstream;
  readonly gateway: GatewayUnderTest;
  readonly proxy: RefusingProxy;
  /** For HOME and the working folder, which are removed afterwards. */
  readonly folder: string;
  readonly signal: AbortSignal;
}

/** What came of it. */
export interface Outcome {
  /** Empty when everything held. */
  readonly problems: readonly string[];
  readonly requests: number;
  readonly elapsedMs: number;
  /** Live hosts that the client asked for, and did not get. */
  readonly asked: readonly string[];
}

/** Has the client do the task. */
export async function runTrial(trial: Trial): Promise<Outcome> {
  const { client, program, manner, gateway, proxy, folder, signal } = trial;
  const place = mkdtempSync(join(folder, "trial-"));
  const surroundings = {
    gatewayUrl: gateway.url,
    key: gateway.token,
    home: join(place, "home"),
    work: join(place, "work"),
    manner,
  };
  const { home, work } = surroundings;
  for (const made of [home, work]) mkdirSync(made);
  for (const [path, text] of Object.entries(client.settings(surroundings))) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
  const command = client.run(PROMPT, surroundings);
  const before = gateway.logged().length;
  const startedMs = performance.now();
  try {
    const { code, out, err } = await runProgram({
      argv: [...program, ...command.argv],
      env: { ...worldOf(home, proxy), [KEY_VARIABLE]: gateway.token, ...command.env },
      cwd: work,
      timeoutMs: TRIAL_TIMEOUT_MS,
      signal,
    });
    const elapsedMs = performance.now() - startedMs;
    const logged = readLog(gateway.logged().slice(before));
    const problems = [
      ...(code === 0 ? [] : [`it ended with ${code}: ${lastWords(err || out)}`]),
      ...(out.includes(LAST_WORDS) ? [] : [`its last words were ${lastWords(out)}`]),
      ...checkFile(join(work, FILE)),
      ...checkLog(logged, trial),
    ];
    return { problems, requests: logged.length, elapsedMs, asked: proxy.takeAsked() };
  } finally {
    rmSync(place, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Nothing of the person's own environment but the path to programs. */
function worldOf(home: string, { url }: RefusingProxy): Readonly<Record<string, string>> {
  const { PATH = "" } = environment();
  const here = "127.0.0.1,localhost";
  return {
    PATH,
    HOME: home,
    TMPDIR: home,
    HTTP_PROXY: url,
    HTTPS_PROXY: url,
    http_proxy: url,
    https_proxy: url,
    NO_PROXY: here,
    no_proxy: here,
  };
}

function checkFile(path: string): readonly string[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return [`it did not write ${FILE}`];
  }
  return text.trim() === WRITTEN ? [] : [`it wrote ${JSON.stringify(text)}`];
}

const Settled = z.object({
  message: z.literal("request settled"),
  outcome: z.string(),
  upstreamFormat: z.string().optional(),
});

const Refused = z.object({
  message: z.enum(["request refused", "the upstream refused"]),
  status: z.number(),
  reason: z.string(),
});

const Logged = z.discriminatedUnion("message", [Settled, Refused]);
type Logged = z.infer<typeof Logged>;

/** What the gateway says of the requests that it got. */
function readLog(logged: string): readonly Logged[] {
  const lines = logged.split("\n").filter((line) => line !== "");
  return lines.flatMap((line) => {
    const { success, data } = Logged.safeParse(JSON.parse(line));
    return success ? [data] : [];
  });
}

function checkLog(logged: readonly Logged[], { upstream }: Trial): readonly string[] {
  const seen = logged.length;
  return [
    ...(seen < FEWEST_REQUESTS ? [`the gateway saw ${seen} requests`] : []),
    ...logged.flatMap((line) => {
      if (line.message !== "request settled")
        return [`${line.message}: ${line.status} ${line.reason}`];
      const { outcome, upstreamFormat = upstream } = line;
      return [
        ...(outcome === "completed" ? [] : [`a request was settled as ${outcome}`]),
        ...(upstreamFormat === upstream ? [] : [`a request went to ${upstreamFormat}`]),
      ];
    }),
  ];
}
