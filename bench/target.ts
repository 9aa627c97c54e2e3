// What a measurement can be pointed at, and the two simplest of them. A target is a URL, perhaps a process
// whose cost is read, and the names of its models.

import { join } from "node:path";
import { z } from "zod";
import { Child } from "./child.ts";
import { MODEL, type DialectId } from "./dialects.ts";

/** The mock itself, the references, the subject. */
export type TargetId = "direct" | "nginx" | "haproxy" | "bare" | "gateway";

/** A server that is up. */
export interface Target {
  readonly id: TargetId;
  readonly url: string;
  /** The process that is paid for; absent for direct. */
  readonly process?: Child;
  /** Bearer its clients show. */
  readonly key?: string;
  /** Name under which a client reaches the mock speaking `upstream`. */
  readonly modelOf: (upstream: DialectId) => string;
  readonly stop: () => Promise<void>;
}

/** Where targets put their files, and what they may see of the machine. */
export interface Workplace {
  /** A temporary folder, removed at the end. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
}

const Ready = z.object({ url: z.url() });

/** Starts a script of this folder on the Bun that runs the bench. */
export function startScript(file: string, args: readonly string[], place: Workplace): Child {
  const command = [process.execPath, join(import.meta.dir, file), ...args];
  const stderrPath = join(place.folder, `${file.replaceAll("/", "-")}.stderr`);
  return new Child(command, { name: file, env: place.env, stderrPath });
}

/** The mock upstream, as its clients see it without anything between. */
export async function startMock(place: Workplace): Promise<Target> {
  const child = startScript("mock-upstream.ts", [], place);
  const { url } = Ready.parse(await child.receive());
  return { id: "direct", url, modelOf: () => MODEL, stop: () => child.stop() };
}

/** The bare pass-through in front of `upstreamUrl`. */
export async function startBare(upstreamUrl: string, place: Workplace): Promise<Target> {
  const child = startScript("bare-proxy.ts", [upstreamUrl], place);
  const { url } = Ready.parse(await child.receive());
  return { id: "bare", url, process: child, modelOf: () => MODEL, stop: () => child.stop() };
}
