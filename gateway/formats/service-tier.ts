// How a request was served, where that changes what it costs. What vendors call their usual service is no tier here.
// Refuses to hand on words of an upstream that cannot be the name of a tier.

import type { Json } from "#wire";

const STANDARD: ReadonlySet<string> = new Set([
  "auto",
  "default",
  "standard",
  "standard_only",
  "on_demand",
]);
const NAME = /^[a-z][a-z0-9_-]{0,31}$/;

/** The tier an upstream names; undefined for the usual one, "unknown" for a name that is none. */
export function serviceTier(name: Json | undefined): string | undefined {
  if (name === undefined || name === null || name === "") return undefined;
  if (typeof name !== "string" || !NAME.test(name)) return "unknown";
  return STANDARD.has(name) ? undefined : name;
}
