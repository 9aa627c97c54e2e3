// Every provider this installation knows: those that ship with Parley, and what the operator made of them.
// Refuses to mix: a provider that the operator describes whole has nothing of ours left in it.

import type { Config } from "#platform";
import { authProviders } from "../config.ts";
import { ProviderDescriptor } from "./descriptor.ts";
import { isClient, type OperatorClient, type OperatorProvider } from "./operator-providers.ts";
import { builtInDescriptions, builtInProvider } from "./providers/index.ts";

/** A provider and who answers for it. */
export interface RegisteredProvider {
  readonly descriptor: ProviderDescriptor;
  /**
   * `operator-client`: ours, with the operator's client id. `operator`: the operator's description,
   * whose login its policy does not forbid.
   */
  readonly origin: "built-in" | "operator-client" | "operator";
}

/** The providers of this installation; each id once. */
export interface ProviderRegistry {
  /** In the order of the login picker: ours, then the operator's new ones. */
  all(): readonly RegisteredProvider[];
  find(id: string): RegisteredProvider | undefined;
}

/**
 * The providers of a configuration, which has refused unusable entries already. A `clientSecret` stays as it is
 * written: resolve it through resolveConfigValue when it is needed.
 */
export function openRegistry(config: Config): ProviderRegistry {
  const operators = new Map(
    Object.entries(config.get(authProviders)).flatMap(([id, entry]) => {
      const registered = applied(id, entry);
      return registered ? [[id, registered] as const] : [];
    }),
  );
  const find = (id: string) => operators.get(id) ?? builtIn(id);
  const ids = new Set([...builtInDescriptions.map(({ id }) => id), ...operators.keys()]);
  return { all: () => [...ids].flatMap((id) => find(id) ?? []), find };
}

function builtIn(id: string): RegisteredProvider | undefined {
  const descriptor = builtInProvider(id);
  return descriptor && { descriptor, origin: "built-in" };
}

function applied(id: string, entry: OperatorProvider): RegisteredProvider | undefined {
  if (!isClient(entry))
    return { descriptor: ProviderDescriptor.parse({ ...entry, id }), origin: "operator" };
  const known = builtInProvider(id);
  return known && { descriptor: withClient(known, entry), origin: "operator-client" };
}

function withClient(
  known: ProviderDescriptor,
  { clientId, clientSecret }: OperatorClient,
): ProviderDescriptor {
  const { oauth } = known;
  if (oauth === undefined || oauth.flow.kind === "key") return known;
  const flow = { ...oauth.flow, clientId, ...(clientSecret !== undefined && { clientSecret }) };
  return { ...known, oauth: { ...oauth, flow } };
}
