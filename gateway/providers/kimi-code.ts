// The Kimi Code subscription, by the login of an app that Moonshot registered for the operator.

import { moonshot } from "./moonshot.ts";
import { bearer, type Provider } from "./provider.ts";

/** api.kimi.com with a login's token. */
export const kimiCode: Provider = {
  id: "kimi-code",
  name: "Kimi Code",
  formats: ["chat"],
  baseUrl: "https://api.kimi.com/coding/v1",
  takesGrants: true,
  quirks: moonshot.quirks,
  takesUnlistedModels: true,
  needsKey: true,
  authorize: bearer,
  models: [],
};
