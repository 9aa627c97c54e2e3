// Finds the recorded provider traffic and lists it as cases. It lies outside the repository: beside it
// (`../shared`), or where PARLEY_CORPUS says. Refuses to fail when it is absent: suites then say so once.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Environment, environment } from "#platform";
import {
  type CallerFormatId,
  type FormatId,
  isJsonObject,
  type Json,
  type JsonObject,
  parseJson,
} from "#wire";

/** Recorded bodies of formats that this gateway speaks. */
export interface Corpus {
  readonly root: string;
  readonly cases: readonly RecordedCase[];
  /** Requests of real coding agents. */
  readonly clients: readonly RecordedRequest[];
}

/** One recorded answer. */
export interface RecordedCase {
  /** Path under fixtures/, without extension; the name in reports. */
  readonly name: string;
  readonly format: FormatId;
  /** HTTP status; derived streams, which have none, count as 200. */
  readonly status: number;
  readonly isStream: boolean;
  readonly body: Uint8Array<ArrayBuffer>;
  /** Response headers worth replaying: content type, request ids, rate limits. */
  readonly headers: Readonly<Record<string, string>>;
  /** The request that was answered so, where the source kept it. */
  readonly request?: JsonObject;
}

/** A recorded request body. */
export interface RecordedRequest {
  readonly name: string;
  readonly format: CallerFormatId;
  readonly body: JsonObject;
  /** Captured from a real coding agent. */
  readonly isAgent: boolean;
}

const FORMATS: Readonly<Record<string, FormatId>> = {
  chat: "chat",
  responses: "responses",
  messages: "messages",
  "messages-vertex": "messages",
  gemini: "generate",
};

const CALLERS: readonly CallerFormatId[] = ["chat", "responses", "messages"];

/** Where the corpus is looked for. */
export function corpusRoot(env: Environment = environment()): string {
  return resolve(env["PARLEY_CORPUS"] ?? join(import.meta.dir, "../../../shared"));
}

/** The corpus, or undefined when there is none at `root`. */
export function openCorpus(root = corpusRoot()): Corpus | undefined {
  const fixtures = join(root, "fixtures");
  if (!existsSync(join(fixtures, "index.json"))) return undefined;
  const index = readJson(join(fixtures, "index.json"));
  const entries = Array.isArray(index) ? index.filter(isJsonObject) : [];
  return {
    root,
    cases: entries.flatMap((entry) => readCase(fixtures, entry)),
    clients: readClients(join(fixtures, "clients")),
  };
}

/** Every recorded request of a caller's dialect: those that were answered, and the agents'. */
export function recordedRequests({ cases, clients }: Corpus): RecordedRequest[] {
  const answered = cases.flatMap(({ name, format, request }) =>
    request && format !== "generate"
      ? [{ name, format, body: { model: "recorded", ...request }, isAgent: false }]
      : [],
  );
  return [...answered, ...clients];
}

function readCase(fixtures: string, entry: JsonObject): RecordedCase[] {
  const format = FORMATS[String(entry["format"])];
  const file = String(entry["file"]);
  if (!format) return [];
  const name = file.replace(/\.(sse|json)$/, "");
  const meta = asObject(readJson(join(fixtures, `${name}.meta.json`)));
  const request = meta["request"];
  return [
    {
      name,
      format,
      status: Number(entry["status"] ?? 200),
      isStream: file.endsWith(".sse"),
      body: Uint8Array.from(readFileSync(join(fixtures, file))),
      headers: readHeaders(asObject(meta["response_headers"])),
      ...(isJsonObject(request) && { request }),
    },
  ];
}

function readHeaders(recorded: JsonObject): Record<string, string> {
  const texts = Object.entries(recorded).map(([name, value]) => [name, String(value)]);
  return Object.fromEntries(texts);
}

function readClients(folder: string): RecordedRequest[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder).flatMap((file) => {
    const format = CALLERS.find((each) => file.includes(each));
    const body = asObject(readJson(join(folder, file)))["body"];
    return format && isJsonObject(body)
      ? [{ name: `clients/${file}`, format, body, isAgent: true }]
      : [];
  });
}

function readJson(path: string): Json {
  return parseJson(readFileSync(path, "utf8"));
}

function asObject(value: Json | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}
