// The vendors' own descriptions of their APIs as a judge of what we send: `steady` serves them as an upstream
// and counts what it does not accept. It is one large program, so only its test starts it.

import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import type { JsonObject } from "#wire";

/** A vendor's API, played from its description. */
export interface SchemaOracle extends AsyncDisposable {
  /** What the vendor's description does not allow of a request body, as `path: message`. */
  problems(path: string, body: JsonObject): Promise<string[]>;
}

/** The program, or undefined where it is not installed. */
export function oracleProgram(): string | undefined {
  try {
    const cli = dirname(Bun.resolveSync("@stdy/cli/package.json", import.meta.dir));
    const name = `@stdy/cli-${process.platform}-${process.arch}/package.json`;
    const file = join(dirname(Bun.resolveSync(name, cli)), "bin", "steady");
    return existsSync(file) ? file : undefined;
  } catch {
    return undefined;
  }
}

/** Starts the program with one description; rejects when it ends before it answers. */
export async function startSchemaOracle(
  program: string,
  description: string,
): Promise<SchemaOracle> {
  const port = freePort();
  const brackets = "--validator-query-array-format=brackets";
  const args = ["--host", "127.0.0.1", "-p", String(port), "-q", brackets, description];
  const child = Bun.spawn([program, ...args], {
    stdout: "ignore",
    stderr: "ignore",
    stdin: "ignore",
  });
  const url = `http://127.0.0.1:${port}`;
  const stop = async () => {
    child.kill();
    await child.exited;
  };
  while (!(await answers(url))) {
    if (child.exitCode !== null) throw new Error(`steady ended with ${child.exitCode}`);
  }
  return {
    async problems(path, body) {
      const headers = {
        "content-type": "application/json",
        authorization: "Bearer k",
        "x-api-key": "k",
        "anthropic-version": "2023-06-01",
        // What it makes up as an answer is not read.
        "x-steady-stream-count": "1",
        "x-steady-stream-interval-ms": "0",
        "x-steady-array-size": "1",
      };
      const response = await fetch(url + path, {
        method: "POST",
        headers,
        body: JSON.stringify(body),
      });
      await response.body?.cancel();
      return problemsIn(response.headers);
    },
    [Symbol.asyncDispose]: stop,
  };
}

function freePort(): number {
  const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response() });
  const { port = 0 } = server;
  void server.stop(true);
  return port;
}

async function answers(url: string): Promise<boolean> {
  try {
    await (await fetch(url)).body?.cancel();
    return true;
  } catch {
    await new Promise((resume) => setTimeout(resume, 20));
    return false;
  }
}

function problemsIn(headers: Headers): string[] {
  const count = Number(headers.get("x-steady-error-count"));
  if (!headers.has("x-steady-error-count")) return ["the oracle did not judge it"];
  return Array.from({ length: count }, (_, index) => {
    const about = (name: string) => headers.get(`x-steady-error-${index + 1}-${name}`) ?? "";
    return `${about("path")}: ${about("message")}`;
  });
}
