// The list of providers. To add one: a file beside these, and a line here; the contract test finds it there.
// Operators add theirs in config.yml, under `auth.providers`.

import { ProviderDescriptor } from "../descriptor.ts";
import { openrouter } from "./openrouter.ts";

/** Every provider that ships with Parley, in the order of the login picker. */
export const builtInProviders: readonly ProviderDescriptor[] = [openrouter].map((provider) =>
  ProviderDescriptor.parse(provider),
);
