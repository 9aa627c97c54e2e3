// The subject: a broker as an operator starts it, `agent auth-broker serve`, in a home of its own, seen from
// outside only. Fills its vault through the same route as any client.

import { mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import { BenchError } from "../bench-error.ts";
import { Child } from "../child.ts";
import type { Workplace } from "../target.ts";

const Ready = z.object({ broker: z.object({ url: z.url() }) });
const Uploaded = z.object({ entries: z.array(z.object({ id: z.number() })) });

const mainPath = join(dirname(dirname(import.meta.dir)), "cli", "main.ts");

/** A credential to upload; see `POST /v1/credential`. */
export interface Upload {
  readonly provider: string;
  readonly credential: Readonly<Record<string, string | number>>;
}

/** A running broker. */
export interface BrokerProcess {
  readonly url: string;
  readonly token: string;
  readonly child: Child;
  /** From spawning the process to its ready line, in ms. */
  readonly startedInMs: number;
}

/** Starts a broker in a folder; a second start in the same folder finds the vault of the first. */
export async function startBroker(place: Workplace, name = "home"): Promise<BrokerProcess> {
  const home = join(place.folder, name);
  mkdirSync(home, { mode: 0o700, recursive: true });
  const startedAtMs = performance.now();
  const child = new Child(
    [process.execPath, mainPath, "auth-broker", "serve", "--json", "--bind", "127.0.0.1:0"],
    {
      name: "the broker",
      env: { ...place.env, HOME: home, PARLEY_HOME: home, PARLEY_LOG_LEVEL: "warn" },
      stderrPath: join(place.folder, `${name}.stderr`),
    },
  );
  const { broker } = Ready.parse(await child.receive());
  const startedInMs = performance.now() - startedAtMs;
  const token = readFileSync(join(home, "auth-broker.token"), "utf8").trim();
  return { url: broker.url, token, child, startedInMs };
}

/** Stores a credential; the ids of the provider's rows. Throws BenchError when the broker refuses. */
export async function upload({ url, token }: BrokerProcess, body: Upload): Promise<number[]> {
  const response = await fetch(`${url}/v1/credential`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (response.status !== 200) {
    throw new BenchError("bad_answer", `an upload was answered ${response.status}`);
  }
  return Uploaded.parse(await response.json()).entries.map(({ id }) => id);
}

/** An OAuth account with fields as long as real ones. */
export function account(
  index: number,
  { access = token(index, "access"), expires = Date.now() + 3_600_000 } = {},
): Upload {
  const credential = {
    type: "oauth",
    refresh: token(index, "refresh"),
    access,
    expires,
    email: `person-${index}@example.test`,
    accountId: `account-${index}`,
  };
  return { provider: `bench-${index % 8}`, credential };
}

function token(index: number, kind: string): string {
  return `${kind}-${index}-`.padEnd(120, "x");
}
