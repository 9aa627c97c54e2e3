// The life of a gateway of several processes: how it begins, what keeps it from beginning, and that nothing of it is left
// when it ends, however it ends.

import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readAccessLog, readUsageSums } from "#gateway";
import { environment } from "#platform";
import { startGatewayUnderTest } from "./gateway-under-test.ts";
import { sendAlone, until, workerPids } from "./worker-processes.ts";

const root = dirnameOf(import.meta.dir, 2);
const scratch = mkdtempSync(join(tmpdir(), "parley-workers-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

function dirnameOf(path: string, levels: number): string {
  return join(path, ...Array.from({ length: levels }, () => ".."));
}

const onLinux = describe.skipIf(process.platform !== "linux");
const config = { gateway: { workers: 2 } };
const stream = (model: string) => ({
  model,
  stream: true,
  messages: [{ role: "user", content: "one two three four five" }],
});

async function firstLine(child: Bun.Subprocess<"ignore", "pipe", "pipe">): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of child.stdout) {
    text += decoder.decode(chunk, { stream: true });
    if (text.includes("\n")) return text;
  }
  throw new Error(`it ended before it was ready: ${await child.stderr.text()}`);
}

onLinux("a gateway that is stopped", () => {
  test("finishes what its workers serve, and leaves no process", async () => {
    const gateway = await startGatewayUnderTest({ config });
    expect(workerPids()).toHaveLength(2);
    const answers = await Promise.all(
      Array.from({ length: 8 }, () =>
        sendAlone(`${gateway.url}/v1/chat/completions`, gateway.token, {
          body: stream("sim/echo"),
          headers: { "x-parley-sim": "delay=150" },
        }),
      ),
    );
    const texts = Promise.all(answers.map((answer) => answer.text()));
    const stopping = gateway.stop();
    for (const text of await texts) expect(text).toEndWith("data: [DONE]\n\n");
    await stopping;
    expect(workerPids()).toEqual([]);
  });
});

onLinux("a gateway whose first process is killed", () => {
  test("takes its workers with it", async () => {
    const home = mkdtempSync(join(scratch, "home-"));
    writeFileSync(join(home, "config.yml"), JSON.stringify(config));
    const program = join(import.meta.dir, "gateway-process.ts");
    const child = Bun.spawn([process.execPath, program, home], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    const url = (await firstLine(child)).trim();
    const pids = workerPids(child.pid);
    expect(pids).toHaveLength(2);
    child.kill("SIGKILL");
    await child.exited;
    await until(() => (pids.every((pid) => !isAlive(pid)) ? true : undefined));
    await expect(fetch(url)).rejects.toThrow();
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

onLinux("agent up --workers", () => {
  test.each(["SIGTERM", "SIGINT"] as const)(
    "ends by %s with all its workers, and with all on record",
    async (signal) => {
      const home = mkdtempSync(join(scratch, "home-"));
      const { PATH = "" } = environment();
      const anywhere = ["--gateway-bind", "127.0.0.1:0", "--broker-bind", "127.0.0.1:0"];
      // A group of its own, as a terminal's: its Ctrl-C reaches every process of it.
      const child = Bun.spawn(
        [
          process.execPath,
          join(root, "cli/main.ts"),
          "up",
          "--json",
          "--workers",
          "2",
          ...anywhere,
        ],
        { env: { PATH, HOME: home }, stdio: ["ignore", "pipe", "pipe"], detached: true },
      );
      const { gateway } = JSON.parse(await firstLine(child)) as {
        gateway: { url: string; key: string };
      };
      const pids = workerPids(child.pid);
      expect(pids).toHaveLength(2);
      const answer = await sendAlone(`${gateway.url}/v1/chat/completions`, gateway.key, {
        body: stream("sim/echo"),
        headers: { "x-parley-sim": "delay=100" },
      });
      process.kill(-child.pid, signal);
      expect(await answer.text()).toEndWith("data: [DONE]\n\n");
      expect(await child.exited).toBe(0);
      expect(pids.filter(isAlive)).toEqual([]);
      const log = await child.stderr.text();
      expect(log).toMatch(/"worker":[12]/);
      for (const line of log.trim().split("\n")) JSON.parse(line);
      const sums = await readUsageSums({ HOME: home }, { by: "model", sinceMs: 0 });
      expect(sums).toMatchObject([{ group: "sim/echo", requests: 1, refused: 0 }]);
      const record = (await readAccessLog({ HOME: home }))?.list(1)[0];
      expect(record).toMatchObject({ asked: "sim/echo", outcome: "completed" });
    },
  );
});

onLinux("a port", () => {
  test("is shared by the workers of one gateway, and with no other", async () => {
    const first = await startGatewayUnderTest({ config });
    const bind = `127.0.0.1:${first.port}`;
    for (const other of [config, {}]) {
      await expect(startGatewayUnderTest({ config: other, bind })).rejects.toMatchObject({
        code: "port_in_use",
      });
    }
    await first.stop();
    const second = await startGatewayUnderTest({ config, bind });
    await second.stop();
  });
});

onLinux("WebSockets", () => {
  test("are counted over all workers, and a place is free again when one closes", async () => {
    const gateway = await startGatewayUnderTest({
      config: { gateway: { workers: 2, maxInFlight: 3 } },
    });
    const headers = { authorization: `Bearer ${gateway.token}` };
    const connect = async () => {
      const socket = new WebSocket(`${gateway.url.replace("http", "ws")}/v1/responses`, {
        headers,
      } as never);
      const { promise, resolve } = Promise.withResolvers<boolean>();
      socket.addEventListener("open", () => resolve(true));
      socket.addEventListener("close", () => resolve(false));
      return { socket, isOpen: await promise };
    };
    const sockets = await Promise.all(Array.from({ length: 12 }, connect));
    const open = sockets.filter(({ isOpen }) => isOpen);
    expect(open).toHaveLength(3);
    open[0]?.socket.close();
    const again = await until(async () => {
      const next = await connect();
      return next.isOpen ? next : undefined;
    });
    expect((await connect()).isOpen).toBe(false);
    for (const { socket } of [...open, again]) socket.close();
    await gateway.stop();
  });
});
