// Which betas a caller's request crosses with, where a host refuses whole requests for one it does not know. Those it
// does not take are left out and named; what needs them in the body is the host's to refuse.

import type { FormatId } from "#wire";
import type { Losses } from "../formats/losses.ts";
import type { Provider } from "../providers/provider.ts";

const HEADER = "anthropic-beta";

/** What becomes of the betas of a request. */
export interface TakenBetas {
  /** The header for the host; absent where none is left. */
  readonly value?: string;
  /** Those the host does not take, as the caller named them. */
  readonly left: readonly string[];
}

/** The betas of a caller's `headers` for a host that takes only some; undefined where all cross as they are. */
export function takenBetas(
  headers: Headers,
  { betas }: Pick<Provider, "betas">,
  format: FormatId,
): TakenBetas | undefined {
  const asked = betas && format === "messages" ? headers.get(HEADER) : null;
  if (!betas || asked === null) return undefined;
  const names = asked.split(",").map((name) => name.trim());
  const isTaken = (name: string) => Object.hasOwn(betas, name);
  const value = [...new Set(names.filter(isTaken).map((name) => betas[name]))].join(",");
  const left = names.filter((name) => name !== "" && !isTaken(name));
  return { ...(value !== "" && { value }), left };
}

/** The headers of a call with those betas in the place of the caller's. */
export function withBetas(
  { [HEADER]: _asked, ...headers }: Readonly<Record<string, string>>,
  { value }: TakenBetas,
): Record<string, string> {
  return value === undefined ? headers : { ...headers, [HEADER]: value };
}

/** Names those betas of a request that do not cross. */
export function addLostBetas(
  losses: Losses,
  { headers, provider, format }: { headers: Headers; provider: Provider; format: FormatId },
): void {
  const left = takenBetas(headers, provider, format)?.left ?? [];
  if (left.length > 0) losses.add("anthropic-beta", `not taken by the upstream: ${left.join(" ")}`);
}
