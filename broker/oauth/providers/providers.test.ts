// What every provider file must hold, whatever the provider.

import { describe, expect, test } from "bun:test";
import { builtInProviders } from "./index.ts";

test("ids are unique", () => {
  const ids = builtInProviders.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
});

describe.each(builtInProviders.map((provider) => [provider.id, provider] as const))(
  "%s",
  (_id, { apiKey, oauth }) => {
    test("can be used in some way", () => {
      expect(apiKey ?? oauth).toBeDefined();
    });

    test("ships no client secret, and no client id of a vendor that does not permit it", () => {
      const flow = oauth?.flow;
      if (flow === undefined || flow.kind === "key") return;
      expect(flow.clientSecret).toBeUndefined();
      if (oauth?.policy.status !== "sanctioned") expect(flow.clientId).toBeUndefined();
    });
  },
);
