// How a deed is put to the tools of real agents. A tool is known by its name and the arguments it asks for, since each
// agent names them its own way. Refuses to guess: a deed that no tool offered is meant for is not done.

import { isJsonObject, type Json, type JsonObject } from "#wire";
import type { OfferedTool } from "./offered-tools.ts";

/** Something to be done with a tool. */
export type Deed =
  | { readonly kind: "write"; readonly file: string; readonly text: string }
  | { readonly kind: "read"; readonly file: string }
  | { readonly kind: "run"; readonly command: string };

/** A call, ready to be sent. */
export interface TaskCall {
  readonly tool: OfferedTool;
  /** JSON, or the text of a freeform tool. */
  readonly input: string;
}

type Way = (deed: Deed, tool: OfferedTool) => string | JsonObject | undefined;

const PATHS = ["file_path", "filePath", "path"];
const COMMANDS = ["command", "cmd"];

/** The first that fits a tool is gone. */
const WAYS: readonly Way[] = [writeFile, readFile, applyPatch, runCommand, runScript];

/** The call that does `deed` with one of `tools`; undefined when none can. */
export function findCall(deed: Deed, tools: readonly OfferedTool[]): TaskCall | undefined {
  for (const way of WAYS) {
    for (const tool of tools) {
      const input = way(deed, tool);
      if (input !== undefined) return { tool, input: write(input, tool) };
    }
  }
  return undefined;
}

/** Text for a freeform tool is `input` where the dialect has only functions. */
function write(input: string | JsonObject, { isFreeform }: OfferedTool): string {
  if (typeof input !== "string") return JSON.stringify(input);
  return isFreeform ? input : JSON.stringify({ input });
}

function writeFile(deed: Deed, { name, schema }: OfferedTool): JsonObject | undefined {
  const path = argumentIn(schema, PATHS);
  if (deed.kind !== "write" || !/^write/i.test(name) || path === undefined) return undefined;
  return { [path]: deed.file, content: deed.text };
}

function readFile(deed: Deed, { name, schema }: OfferedTool): JsonObject | undefined {
  const path = argumentIn(schema, PATHS);
  if (deed.kind !== "read" || !/^read/i.test(name) || path === undefined) return undefined;
  return { [path]: deed.file };
}

/** Codex's editor. */
function applyPatch(deed: Deed, { name }: OfferedTool): string | undefined {
  return deed.kind === "write" && name === "apply_patch" ? patchOf(deed) : undefined;
}

function patchOf({ file, text }: Deed & { kind: "write" }): string {
  const lines = ["*** Begin Patch", `*** Add File: ${file}`, `+${text}`, "*** End Patch"];
  return lines.join("\n");
}

function runCommand(deed: Deed, { name, schema }: OfferedTool): JsonObject | undefined {
  const argument = argumentIn(schema, COMMANDS);
  if (deed.kind !== "run" || !/bash|shell|exec/i.test(name) || argument === undefined) {
    return undefined;
  }
  const isList = schemaOf(schema, argument)["type"] === "array";
  return { [argument]: isList ? ["bash", "-lc", deed.command] : deed.command };
}

/** Codex with the models that write JavaScript instead of calling tools; a namespace may stand before the name. */
function runScript(deed: Deed, { name, schema }: OfferedTool): string | undefined {
  if (!/(?:^|__)exec$/.test(name) || argumentIn(schema, COMMANDS) !== undefined) return undefined;
  switch (deed.kind) {
    case "write":
      return `text(await tools.apply_patch(${JSON.stringify(patchOf(deed))}));`;
    case "run":
      return `text((await tools.exec_command(${JSON.stringify({ cmd: deed.command })})).output);`;
    case "read":
      return undefined;
  }
}

function argumentIn(schema: JsonObject, names: readonly string[]): string | undefined {
  return names.find((name) => Object.keys(schemaOf(schema, name)).length > 0);
}

function schemaOf({ properties }: JsonObject, name: string): JsonObject {
  const found: Json | undefined = isJsonObject(properties) ? properties[name] : undefined;
  return isJsonObject(found) ? found : {};
}
