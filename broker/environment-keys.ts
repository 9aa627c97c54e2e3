// Which environment variables hold an API key of which provider. Such keys are offered to whoever
// runs in this process; nothing here, or anywhere, copies one into the vault unasked.

import { type Environment, Secret, registerSecret } from "#platform";
import type { ProviderDescriptorInput } from "./oauth/descriptor.ts";
import { builtInDescriptions } from "./oauth/providers/index.ts";
import type { ProviderRegistry } from "./oauth/registry.ts";

/** Provider id → the variables its key may be in; the first one that is set wins. */
export const ENVIRONMENT_VARIABLES: Readonly<Record<string, readonly string[]>> =
  Object.fromEntries(variablesOf(builtInDescriptions));

/** A key that the environment offers. */
export interface EnvironmentKey {
  readonly provider: string;
  readonly variable: string;
  readonly key: Secret;
}

/**
 * The keys that the environment offers to the providers of `registry`, at most one for each; blank
 * variables are ignored.
 */
export function environmentKeys(env: Environment, registry: ProviderRegistry): EnvironmentKey[] {
  const providers = registry.all().map(({ descriptor }) => descriptor);
  return variablesOf(providers).flatMap(([provider, variables]) => {
    const variable = variables.find((name) => (env[name] ?? "").trim() !== "");
    if (variable === undefined) return [];
    const key = (env[variable] ?? "").trim();
    registerSecret(key);
    return [{ provider, variable, key: new Secret(key) }];
  });
}

function variablesOf(
  providers: readonly Pick<ProviderDescriptorInput, "id" | "apiKey">[],
): [string, readonly string[]][] {
  return providers.flatMap(({ id, apiKey }) => (apiKey ? [[id, apiKey.variables]] : []));
}
