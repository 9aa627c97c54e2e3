// Builds the bodies that token endpoints take, with a descriptor's placeholders filled in.
// Refuses to send a parameter whose value is not known: an empty one means something else than none.

import type { OAuthRules } from "./descriptor.ts";

/** A call to a provider's endpoint, complete; headers and body hold secrets. */
export interface TokenRequest {
  readonly url: string;
  readonly method: "POST";
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What placeholders stand for; undefined for what is not known. */
export type PlaceholderValues = Readonly<Record<string, string | undefined>>;

type Params = Readonly<Record<string, string>>;

const PLACEHOLDER = /\{(\w+)\}/g;

/** The parameters with their placeholders filled; one that lacks a value is left out. */
export function fillParams(params: Params, values: PlaceholderValues): Record<string, string> {
  const filled = Object.entries(params).flatMap(([name, template]) => {
    const value = fill(template, values);
    return value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(filled);
}

/** The names of the placeholders in a set of parameters. */
export function placeholdersOf(params: Params): Set<string> {
  const names = Object.values(params).flatMap((template) => [...template.matchAll(PLACEHOLDER)]);
  return new Set(names.map(([, name = ""]) => name));
}

/** A POST of parameters in the format that the endpoint takes. */
export function tokenRequest(
  url: string,
  params: Params,
  { format = "form", headers = {} }: { format?: "form" | "json"; headers?: Params } = {},
): TokenRequest {
  const type = format === "json" ? "application/json" : "application/x-www-form-urlencoded";
  return {
    url,
    method: "POST",
    headers: { accept: "application/json", ...lowerCased(headers), "content-type": type },
    body: format === "json" ? JSON.stringify(params) : new URLSearchParams(params).toString(),
  };
}

/** The client id that ships with a flow, or that the operator set. */
export function flowClientId(rules: Pick<OAuthRules, "flow">): string | undefined {
  return rules.flow.kind === "key" ? undefined : rules.flow.clientId;
}

function fill(template: string, values: PlaceholderValues): string | undefined {
  let isComplete = true;
  const text = template.replace(PLACEHOLDER, (_whole, name: string) => {
    const value = Object.hasOwn(values, name) ? values[name] : undefined;
    if (value === undefined || value === "") isComplete = false;
    return value ?? "";
  });
  return isComplete ? text : undefined;
}

function lowerCased(headers: Params): Record<string, string> {
  const entries = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]);
  return Object.fromEntries(entries);
}
