// What a measurement can be pointed at, and the two simplest of them. A target is a URL, perhaps a process
// whose cost is read, and the names of its models.

import { join } from "node:path";
import { z } from "zod";
import { Child } from "./child.ts";
import { MODEL, type DialectId } from "./dialects.ts";
import { isSameFormat, type Pair } from "./pair.ts";

/** The id of the target that the aims are about. */
export const SUBJECT = "gateway";

/** Lets Bun's fetch have more than 256 calls in flight; the others would wait in silence. */
export const MANY_REQUESTS = { BUN_CONFIG_MAX_HTTP_REQUESTS: "65336" } as const;

/** A server that is up. */
export interface Target {
  /** Its name in the tables. */
  readonly id: string;
  /** The process that is paid for; absent for direct. */
  readonly process?: Child;
  readonly url: string;
  /** Bearer its clients show. */
  readonly key?: string;
  /** Headers its clients send besides, for a call that goes to an `upstream` of that format. */
  readonly headersOf?: (upstream: DialectId) => Readonly<Record<string, string>>;
  /** Name under which a client reaches the mock speaking `upstream`. */
  readonly modelOf: (upstream: DialectId) => string;
  /** The pairs of formats it can do; absent for a reference, which reads no body and hands on what it gets. */
  readonly serves?: (pair: Pair) => boolean;
  readonly stop: () => Promise<void>;
}

/** How one target is brought up. */
export interface Starter {
  readonly id: string;
  /** Another gateway: measured when asked for, and a run goes on without it. */
  readonly isPeer?: boolean;
  /** Throws BenchError, `not_here` where the machine lacks it. */
  readonly start: (upstreamUrl: string, place: Workplace) => Promise<Target>;
}

/** Where a target puts its files, and what it may see of the machine. */
export interface Workplace {
  /** A temporary folder of its own, removed at the end. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
}

/** True when `target` can take requests of this pair. */
export function canServe({ serves = isSameFormat }: Target, pair: Pair): boolean {
  return serves(pair);
}

const Ready = z.object({ url: z.url() });

/** Starts a script of this folder on the Bun that runs the bench. */
export function startScript(file: string, args: readonly string[], place: Workplace): Child {
  const command = [process.execPath, join(import.meta.dir, file), ...args];
  const stderrPath = join(place.folder, `${file.replaceAll("/", "-")}.stderr`);
  return new Child(command, { name: file, env: place.env, stderrPath });
}

/** The mock upstream, and itself as a target: what its clients see without anything between. */
export async function startMock(place: Workplace): Promise<{ child: Child; direct: Target }> {
  const child = startScript("mock-upstream.ts", [], place);
  const { url } = Ready.parse(await child.receive());
  const stop = () => child.stop();
  return { child, direct: { id: "direct", url, modelOf: () => MODEL, stop } };
}

/** The bare pass-through in front of `upstreamUrl`. */
export async function startBare(upstreamUrl: string, place: Workplace): Promise<Target> {
  const env = { ...place.env, ...MANY_REQUESTS };
  const child = startScript("bare-proxy.ts", [upstreamUrl], { ...place, env });
  const { url } = Ready.parse(await child.receive());
  const stop = () => child.stop();
  return { id: "bare", url, process: child, modelOf: () => MODEL, stop };
}
