// The broker's list of providers and the gateway's are two lists of the same things: a key stored under an id in
// one must be found under it in the other.

import { expect, test } from "bun:test";
import { ENVIRONMENT_VARIABLES } from "#broker";
import { builtInDescriptions } from "../broker/oauth/providers/index.ts";
import { builtInProviders } from "../gateway/providers/index.ts";
import type { Provider } from "../gateway/providers/provider.ts";

const upstreams: readonly Provider[] = builtInProviders;
const idsOf = (list: readonly { readonly id: string }[]) => list.map(({ id }) => id);

test("every upstream that wants a key is a provider whose keys the broker can hold", () => {
  const known = new Set(idsOf(builtInDescriptions));
  const unknown = upstreams.filter(({ id, needsKey }) => needsKey && !known.has(id));
  expect(idsOf(unknown)).toEqual([]);
});

test("every key that the environment offers has an upstream to go to", () => {
  const served = new Set(idsOf(upstreams));
  expect(Object.keys(ENVIRONMENT_VARIABLES).filter((id) => !served.has(id))).toEqual([]);
});

test("a login's token is shown only by upstreams that the broker has a login for", () => {
  const logins = new Set(idsOf(builtInDescriptions.filter(({ oauth }) => oauth !== undefined)));
  const without = upstreams.filter(({ id, takesGrants }) => takesGrants && !logins.has(id));
  expect(idsOf(without)).toEqual([]);
});
