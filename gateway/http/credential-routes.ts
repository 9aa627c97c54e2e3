// `GET /v1/credentials/check`: whether the credentials behind the gateway are accepted, for its owner only. Each check
// asks providers anew; `?strict=true` spends a few tokens at each.

import { z } from "zod";
import type { CredentialCheck } from "../credentials/credential-check.ts";
import { GatewayError, InvalidRequest } from "../errors.ts";
import { OWNER } from "../pipeline/caller.ts";
import type { Call, Route } from "./route.ts";

const Query = z.object({ strict: z.enum(["true", "false"]).default("false") });

/** The check. */
export function credentialRoutes(check: CredentialCheck): readonly Route[] {
  return [
    { method: "GET", path: "/v1/credentials/check", answer: (call) => answerCheck(call, check) },
  ];
}

async function answerCheck({ caller, request }: Call, check: CredentialCheck): Promise<Response> {
  if (caller.id !== OWNER.id) {
    const message = "The credentials serve all keys; only the gateway's own token may check them.";
    throw new GatewayError({ kind: "forbidden", message, code: "forbidden" });
  }
  const query = Query.safeParse(Object.fromEntries(new URL(request.url).searchParams));
  if (!query.success) {
    throw new InvalidRequest("strict: expected true or false", { param: "strict" });
  }
  const credentials = await check.check({ isStrict: query.data.strict === "true" });
  return Response.json({ generatedAt: Date.now(), credentials });
}
