// Calls that ask for no answer: an endpoint of the upstream, passed through in its one dialect, bytes in, bytes out.
// The same callers, ways, keys and accounts as for answers; an upstream without the endpoint is named, not guessed at.

import { InvalidRequest } from "../errors.ts";
import { Losses } from "../formats/losses.ts";
import { formats } from "../formats/index.ts";
import { ENDPOINT_FORMATS, type Endpoint } from "../providers/endpoint.ts";
import { endpointUrl } from "../providers/endpoint-url.ts";
import { dispatch } from "./dispatch.ts";
import { MODEL_HEADER, spokenBy, type TryWay } from "./pipeline.ts";
import { relayReply, sameFormatBody } from "./same-format.ts";

/** An upstream has no such endpoint; `fix` says what its caller may do instead. */
export class EndpointMissing extends InvalidRequest {
  constructor(provider: string, endpoint: Endpoint, fix: string) {
    const message = `model: ${provider} serves no ${endpoint} as far as this gateway knows. ${fix}`;
    super(message, { code: "endpoint_not_supported", param: "model" });
  }
}

/** Forwards to the endpoint; `otherwise` answers for an upstream that has none, or throws. */
export function forwardTo(endpoint: Endpoint, otherwise: TryWay): TryWay {
  return (attempt, underway) => {
    return has(attempt.target, endpoint)
      ? forward(endpoint, attempt, underway)
      : otherwise(attempt, underway);
  };
}

function has(target: Parameters<TryWay>[0]["target"], endpoint: Endpoint): boolean {
  if (!target.provider.endpoints?.includes(endpoint)) return false;
  // More than one dialect counts under this name.
  return endpoint !== "count_tokens" || spokenBy(target).includes(ENDPOINT_FORMATS[endpoint]);
}

async function forward(
  endpoint: Endpoint,
  { target, lease, maxCalls, isUnsealed }: Parameters<TryWay>[0],
  { bytes, asked, exchange, parts, settling }: Parameters<TryWay>[1],
): Promise<Response> {
  const { provider } = target;
  const format = formats[ENDPOINT_FORMATS[endpoint]];
  settling.tries({ target, lease, to: format.id });
  const model = asked.scan.fields.get("model");
  if (!model) throw new Error("the pipeline guarantees the field");
  const alias = { asked: asked.model, sent: target.model.id };
  const call = {
    provider,
    format: format.id,
    model: target.model.id,
    url: endpointUrl(provider, endpoint, target.model.id),
    body: sameFormatBody(bytes, model, {
      ...alias,
      standIn: provider.modelStandIn?.[format.id],
      keepsModel: true,
      format,
      losses: new Losses(),
      isUnsealed,
    }),
    isStream: false,
    lease,
    maxCalls,
  };
  const response = await dispatch(call, exchange, parts);
  const relayed = await relayReply(
    { response, exchange, format, alias, secret: lease.key },
    (outcome, usage) => settling.ends(outcome, usage),
  );
  settling.begins(relayed);
  relayed.headers.set(MODEL_HEADER, `${provider.id}/${target.model.id}`);
  return relayed;
}
