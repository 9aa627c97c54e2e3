// The operator's own providers, as `auth.providers` in config.yml holds them: a client id for a provider of
// ours that asks for one, or a provider described whole. Refuses entries that no login could use.

import { z } from "zod";
import { ProviderDescriptor } from "./descriptor.ts";
import { builtInProvider } from "./providers/index.ts";

// What a command line, a config path and the gateway's `provider/model` can all carry.
const OPERATOR_ID = /^[a-z0-9][a-z0-9_-]{0,63}$/;

const { name, apiKey, oauth, usage, usageHeaders } = ProviderDescriptor.shape;

// One mapping for both forms: a union could not say which key of which form is wrong.
const OperatorProvider = z.strictObject({
  clientId: z
    .string()
    .min(1)
    .optional()
    .describe("Your own client id, for a built-in provider that asks for one."),
  clientSecret: z
    .string()
    .min(1)
    .meta({ writeOnly: true })
    .optional()
    .describe("Its secret, if it has one: a literal, a variable's name, or !command."),
  name: name.optional().describe("What listings show; a provider described whole needs it."),
  apiKey: apiKey.describe(
    "It takes API keys: the variables that may hold one, and where to get one.",
  ),
  oauth: oauth.describe("Its login: policy, flow, refresh, identity."),
  usage: usage.describe("How it is asked what is left of an account."),
  usageHeaders: usageHeaders.unwrap().optional().describe("Limits that come with its answers."),
});

/** One entry of `auth.providers`. */
export type OperatorProvider = z.output<typeof OperatorProvider>;

/** An entry that gives a built-in provider the operator's own client. */
export type OperatorClient = OperatorProvider & { readonly clientId: string };

/** The `auth.providers` section: provider id → client or whole description. */
export const OperatorProviders = z
  .record(z.string(), OperatorProvider)
  .superRefine((providers, context) => {
    for (const [id, provider] of Object.entries(providers)) {
      const problem = problemOf(id, provider);
      if (problem === undefined) continue;
      const [path, message] = problem;
      context.addIssue({ code: "custom", path: [id, ...path], message });
    }
  });

/** True when the entry describes a provider whole instead of adding a client to one of ours. */
export function isDescription(provider: OperatorProvider): boolean {
  const { clientId: _, clientSecret: __, ...description } = provider;
  return Object.values(description).some((value) => value !== undefined);
}

/** True when the entry adds the operator's client to a provider of ours. */
export function isClient(provider: OperatorProvider): provider is OperatorClient {
  return provider.clientId !== undefined && !isDescription(provider);
}

/** Where in the entry something is wrong, and what. */
type Problem = readonly [path: readonly string[], message: string];

function problemOf(id: string, provider: OperatorProvider): Problem | undefined {
  if (!OPERATOR_ID.test(id)) return [[], "a provider id is lower-case letters, digits, - and _"];
  return isDescription(provider) ? descriptionProblem(id, provider) : clientProblem(id, provider);
}

function descriptionProblem(id: string, provider: OperatorProvider): Problem | undefined {
  if (provider.clientId !== undefined || provider.clientSecret !== undefined) {
    const key = provider.clientId === undefined ? "clientSecret" : "clientId";
    return [[key], `belongs into oauth.flow.${key} when the provider is described whole`];
  }
  if (provider.name === undefined) return [["name"], "a provider described whole needs a name"];
  if (provider.apiKey === undefined && provider.oauth === undefined) {
    return [[], "needs apiKey, oauth or both: there is no way to get a credential yet"];
  }
  const flow = provider.oauth?.flow;
  if (flow !== undefined && flow.kind !== "key" && flow.clientId === undefined) {
    return [["oauth", "flow", "clientId"], "a login described whole needs its client id"];
  }
  const issue = ProviderDescriptor.safeParse({ ...provider, id }).error?.issues[0];
  return issue && [issue.path.map(String), issue.message];
}

function clientProblem(id: string, provider: OperatorProvider): Problem | undefined {
  if (provider.clientId === undefined) {
    return [[], "give your clientId, or describe the provider whole (name, and apiKey or oauth)"];
  }
  const builtIn = builtInProvider(id);
  if (builtIn === undefined) {
    return [[], "no such provider is built in, so describe it whole (name, and apiKey or oauth)"];
  }
  const policy = builtIn.oauth?.policy;
  if (policy === undefined) return [["clientId"], "this provider has no login, only API keys"];
  if (policy.status === "own-app-required") return undefined;
  if (policy.status === "sanctioned")
    return [["clientId"], "the login of this provider needs none of yours"];
  const rule = `the login of ${builtIn.name} is ${policy.status}: ${policy.reason} (${policy.link})`;
  return [[], `${rule} To answer for it yourself, describe the provider whole`];
}
