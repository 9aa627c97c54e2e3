// Every provider this installation knows: those that ship with Parley, and what the operator made of them.
// Refuses to mix: a provider that the operator describes whole has nothing of ours left in it.

import type { Config } from "#platform";
import { authProviders } from "../config.ts";
import { ProviderDescriptor } from "./descriptor.ts";
import { isClient, type OperatorClient, type OperatorProvider } from "./operator-providers.ts";
import { builtInProviders } from "./providers/index.ts";

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
  const providers = new Map(
    builtInProviders.map((descriptor) => [descriptor.id, builtIn(descriptor)] as const),
  );
  for (const [id, entry] of Object.entries(config.get(authProviders))) {
    const registered = applied(id, entry, providers.get(id)?.descriptor);
    if (registered !== undefined) providers.set(id, registered);
  }
  return { all: () => [...providers.values()], find: (id) => providers.get(id) };
}

function builtIn(descriptor: ProviderDescriptor): RegisteredProvider {
  return { descriptor, origin: "built-in" };
}

function applied(
  id: string,
  entry: OperatorProvider,
  known: ProviderDescriptor | undefined,
): RegisteredProvider | undefined {
  if (!isClient(entry))
    return { descriptor: ProviderDescriptor.parse({ ...entry, id }), origin: "operator" };
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
