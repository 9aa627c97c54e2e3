// Takes tools out of a request of any dialect by name. Refuses a request that insists on a tool it took out.

import { isJsonObject, type Json, type JsonObject } from "#wire";
import { matchesAny } from "./glob.ts";
import { forbidden } from "./key-refusal.ts";

/** Which tools stay: those that `allow` covers and `deny` does not. */
export interface ToolRule {
  readonly allow: readonly string[];
  readonly deny: readonly string[];
}

// Everywhere that one of the dialects lists tools.
const LISTS = ["tools", "functions", "mcp_servers"] as const;
const CHOICES = ["tool_choice", "function_call", "toolChoice"] as const;

/** The body without the tools that must go, and their names; the same body when all may stay. Throws RuleRefusal. */
export function filterTools(
  body: JsonObject,
  rule: ToolRule,
): { readonly body: JsonObject; readonly removed: readonly string[] } {
  const removed: string[] = [];
  const entries = Object.entries(body).flatMap(([key, value]): [string, Json][] => {
    if (value === undefined) return [];
    if (!isIn(LISTS, key) || !Array.isArray(value)) return [[key, value]];
    const kept = value.flatMap((tool) => keep(tool, rule, removed));
    // An empty list is refused by some vendors.
    return kept.length > 0 || value.length === 0 ? [[key, kept]] : [];
  });
  if (removed.length === 0) return { body, removed };
  const names = new Set(removed);
  for (const choice of CHOICES) refuseInsisting(body[choice], names);
  const filtered = Object.fromEntries(entries);
  const hasTools = LISTS.some((list) => filtered[list] !== undefined);
  if (!hasTools) {
    for (const choice of [...CHOICES, "parallel_tool_calls", "parallelToolCalls"])
      delete filtered[choice];
  }
  return { body: filtered, removed };
}

function keep(tool: Json, rule: ToolRule, removed: string[]): Json[] {
  if (!isJsonObject(tool)) return [tool];
  const inner = tool["tools"];
  if (tool["type"] === "namespace" && Array.isArray(inner)) {
    const kept = inner.flatMap((item) => keep(item, rule, removed));
    return kept.length > 0 ? [{ ...tool, tools: kept }] : [];
  }
  const names = namesOf(tool);
  const mayStay =
    names.some((name) => matchesAny(rule.allow, name)) &&
    !names.some((name) => matchesAny(rule.deny, name));
  if (mayStay) return [tool];
  removed.push(names[0] ?? "?");
  return [];
}

/** What a tool is called, and for one that a vendor runs also its type. */
function namesOf(tool: JsonObject): string[] {
  const { type } = tool;
  const isOwn = type === undefined || type === "function" || type === "custom";
  return [nameOf(tool), tool["server_label"], isOwn ? undefined : type].filter(
    (name) => typeof name === "string",
  );
}

function nameOf(tool: JsonObject): Json | undefined {
  const { function: called, custom, name } = tool;
  if (isJsonObject(called)) return called["name"];
  return isJsonObject(custom) ? custom["name"] : name;
}

function refuseInsisting(choice: Json | undefined, removed: ReadonlySet<string>): void {
  if (Array.isArray(choice)) {
    for (const item of choice) refuseInsisting(item, removed);
  }
  if (!isJsonObject(choice)) return;
  const listed = Array.isArray(choice["names"]) ? choice["names"] : [];
  const name = [...namesOf(choice), ...listed.filter((item) => typeof item === "string")].find(
    (candidate) => removed.has(candidate),
  );
  if (name !== undefined) {
    throw forbidden("tool_not_allowed", `tool_choice: the tool "${name}" is not allowed here.`);
  }
  refuseInsisting(choice["tools"], removed);
  refuseInsisting(choice["allowed_tools"], removed);
}

function isIn(names: readonly string[], name: string): boolean {
  return names.includes(name);
}
