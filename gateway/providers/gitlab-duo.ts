// GitLab Duo with the login of an app that the operator registered: GitLab makes a short-lived token for agents that
// are not its own, and its gateway serves Claude in Messages and OpenAI's models in theirs. gitlab.com only.

import { z } from "zod";
import type { FormatId } from "#wire";
import { readJson, type Outbound, type OutboundResponse } from "#platform";
import { UpstreamFailed } from "../errors.ts";
import { KeyUnusable, type ExchangeKey } from "./exchange.ts";
import { bearer, upstreamUrl, type Provider, type UpstreamCall } from "./provider.ts";

/** Where GitLab makes tokens for others' agents. */
export const DIRECT_ACCESS_URL = "https://gitlab.com/api/v4/ai/third_party_agents/direct_access";
/** Its tokens end after thirty minutes, as its own npm package @gitlab/gitlab-ai-provider 3.6.1 says. */
export const DIRECT_ACCESS_LIFETIME_MS = 30 * 60_000;
/** How long making one may take, in ms. */
export const DIRECT_ACCESS_TIMEOUT_MS = 15_000;

const DirectAccess = z.looseObject({
  token: z.string().min(1),
  headers: z.record(z.string(), z.string()).default({}),
});

/** What GitLab wants to see again; nothing else of its answer becomes a header. */
const SENT_AGAIN = /^x-gitlab-[\w-]+$/;

const exchangeLogin: ExchangeKey = async (key, { outbound, nowMs }) => {
  const { token, headers } = await readAccess(await askForAccess(key, outbound));
  const sentAgain = Object.entries(headers)
    .map(([name, value]) => [name.toLowerCase(), value] as const)
    .filter(([name, value]) => SENT_AGAIN.test(name) && /^[\x20-\x7e]*$/.test(value));
  return {
    token,
    headers: Object.fromEntries(sentAgain),
    endsAtMs: nowMs() + DIRECT_ACCESS_LIFETIME_MS,
  };
};

async function askForAccess(key: string, outbound: Outbound): Promise<OutboundResponse> {
  try {
    return await outbound.send({
      url: DIRECT_ACCESS_URL,
      method: "POST",
      headers: { ...bearer(key), "content-type": "application/json", accept: "application/json" },
      body: JSON.stringify({ feature_flags: { DuoAgentPlatformNext: true } }),
      signal: AbortSignal.timeout(DIRECT_ACCESS_TIMEOUT_MS),
      attempts: 1,
    });
  } catch (cause) {
    const message = "GitLab could not be asked for Duo's token.";
    throw new UpstreamFailed({ kind: "bad_gateway", message }, { cause });
  }
}

async function readAccess(response: OutboundResponse): Promise<z.infer<typeof DirectAccess>> {
  const { status } = response;
  if (status < 200 || status > 299) {
    response.cancel();
    throw refusal(status);
  }
  try {
    return DirectAccess.parse(readJson(await response.bytes()));
  } catch (cause) {
    const message = "GitLab answered the request for Duo's token with something that holds none.";
    throw new UpstreamFailed({ kind: "bad_gateway", message }, { cause });
  }
}

function refusal(status: number): UpstreamFailed {
  if (status === 401) return new KeyUnusable("GitLab refused the login for GitLab Duo.");
  if (status === 403 || status === 404) {
    const message =
      "GitLab gives this account no access to Duo for other agents; its plan, or its group's settings, must allow it.";
    return new UpstreamFailed({ kind: "upstream_auth", code: "duo_not_allowed", message });
  }
  const kind = status === 429 ? "rate_limited" : "bad_gateway";
  const message = `GitLab answered ${status} to the request for Duo's token.`;
  return new UpstreamFailed({ kind, message });
}

function formatsOf(model: string): readonly [FormatId, ...FormatId[]] {
  if (model.startsWith("claude-")) return ["messages"];
  return model.includes("codex") ? ["responses"] : ["chat"];
}

function duoAddress(baseUrl: string, call: UpstreamCall): string {
  const base = baseUrl.replace(/\/+$/, "");
  return upstreamUrl(`${base}/${call.format === "messages" ? "anthropic" : "openai/v1"}`, call);
}

/** cloud.gitlab.com with a login at gitlab.com. */
export const gitlabDuo: Provider = {
  id: "gitlab-duo",
  name: "GitLab Duo",
  formats: ["messages", "chat", "responses"],
  formatsOf,
  baseUrl: "https://cloud.gitlab.com/ai/v1/proxy",
  address: duoAddress,
  quirks: { cachesWhatIsMarked: true },
  takesUnlistedModels: true,
  needsKey: true,
  takesGrants: true,
  exchange: exchangeLogin,
  authorize: bearer,
  models: [],
};
