// That a trial can fail: clients made of one line, each of which falls short in its own way. A real one takes a download
// and is left to `npm run test:clients`.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startGatewayUnderTest, type GatewayUnderTest } from "../e2e/gateway-under-test.ts";
import type { Client } from "./client.ts";
import { install, NotRunnable } from "./installation.ts";
import { startRefusingProxy, type RefusingProxy } from "./refusing-proxy.ts";
import { runTrial } from "./trial.ts";

let gateway: GatewayUnderTest;
let proxy: RefusingProxy;
let folder = "";

beforeAll(async () => {
  gateway = await startGatewayUnderTest();
  proxy = await startRefusingProxy();
  folder = mkdtempSync(join(tmpdir(), "parley-trial-"));
});

afterAll(async () => {
  await gateway.stop();
  await proxy[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

/** A client that runs `script`, in which `$URL` is the gateway. */
function clientOf(script: string): Client {
  return {
    id: "fake",
    name: "Fake",
    package: "fake",
    version: "1.0.0",
    manners: [{ dialect: "chat", model: "sim-chat/task" }],
    program: () => ["sh", "-c"],
    settings: ({ home }) => ({ [join(home, "deep/settings")]: "read me" }),
    run: (_prompt, { gatewayUrl }) => ({ argv: [script], env: { URL: gatewayUrl } }),
  };
}

async function problemsOf(script: string): Promise<readonly string[]> {
  const client = clientOf(script);
  const [manner] = client.manners;
  const program = client.program("");
  const world = { gateway, proxy, folder, signal: new AbortController().signal };
  const { problems } = await runTrial({ client, program, manner, upstream: "chat", ...world });
  return problems;
}

const SAY_DONE = "echo 'The task is done: THREE TOOLS, ONE TASK.'";
const WRITE = "echo 'three tools, one task' > parley-task.txt";
const ask = (model: string) =>
  `curl -s "$URL/v1/chat/completions" -H "Authorization: Bearer $KEY" -H "Content-Type: application/json" ` +
  `-d '{"model":"${model}","messages":[{"role":"user","content":"Hi"}]}' > answer.json`;
const repeat = (command: string) => Array.from({ length: 4 }, () => command).join("; ");

test("a client that only says so has not done the task", async () => {
  expect(await problemsOf(SAY_DONE)).toEqual([
    "it did not write parley-task.txt",
    "the gateway saw 0 requests",
  ]);
});

test("a client that did everything is believed, with its settings in a HOME of its own", async () => {
  const script = `${repeat(ask("sim-chat/task"))}; cat "$HOME/deep/settings" && ${WRITE} && ${SAY_DONE}`;
  expect(await problemsOf(script)).toEqual([]);
});

test("a request that fails, and one that goes elsewhere, are seen", async () => {
  const script = `${repeat(ask("sim-messages/task"))}; ${ask("sim-chat/server-error")}; ${WRITE}; ${SAY_DONE}`;
  const problems = await problemsOf(script);
  expect(problems).toContain("a request went to messages");
  expect(problems).toContain("the upstream refused: 500 Simulated internal error.");
});

test("a client that fails is quoted", async () => {
  const [problem] = await problemsOf("echo 'no such model' >&2; exit 3");
  expect(problem).toBe("it ended with 3: no such model");
});

test("what a client asks of the world is refused, and known", async () => {
  const client = clientOf(
    'curl -s "$HTTP_PROXY" > answer; curl -s http://example.com/ > answer; true',
  );
  const [manner] = client.manners;
  const program = client.program("");
  const world = { gateway, proxy, folder, signal: new AbortController().signal };
  const { asked } = await runTrial({ client, program, manner, upstream: "chat", ...world });
  expect(asked).toContain("example.com");
});

test("a run that is broken off ends its client, and what that started", async () => {
  const controller = new AbortController();
  const script = 'sleep 300 & echo $! > "$HOME/../../child"; sleep 300';
  const client = clientOf(script);
  const [manner] = client.manners;
  const program = client.program("");
  const world = { gateway, proxy, folder, signal: controller.signal };
  const trial = runTrial({ client, program, manner, upstream: "chat", ...world });
  const started = join(folder, "child");
  while (!existsSync(started) || readFileSync(started, "utf8") === "") await Bun.sleep(5);
  controller.abort();
  expect((await trial).problems[0]).toStartWith("it ended with 137");
  const child = Number(readFileSync(started, "utf8"));
  while (isAlive(child)) await Bun.sleep(5);
  rmSync(started);
});

/** A process that has ended but whose parent has not looked yet is none. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

test("nothing of a trial is left behind", () => {
  expect(readdirSync(folder)).toEqual([]);
});

test("a client that cannot be started is told with its own words", async () => {
  const broken: Client = {
    ...clientOf(""),
    program: () => ["sh", "-c", "echo 'bad ELF' >&2; exit 126"],
  };
  const installed = join(folder, "fake/node_modules/fake/package.json");
  await Bun.write(installed, JSON.stringify({ version: "1.0.0" }));
  expect(install(broken, folder, new AbortController().signal)).rejects.toThrow(
    new NotRunnable("--version ended with 126: bad ELF"),
  );
});
