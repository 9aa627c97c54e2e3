// `GET /v1/responses`, as Codex asks for it: Responses over WebSocket. Refused with 426, the one status that sends it
// to POST at once and without a word to its user.

import { GatewayError } from "../errors.ts";
import { formats } from "../formats/index.ts";
import type { Route } from "./route.ts";

const { responses } = formats;

/** The upgrade of the Responses path. */
export const responsesSocketRoute: Route = {
  method: "GET",
  path: responses.path,
  format: responses,
  answer: ({ request }) => {
    throw isUpgrade(request) ? new SocketsOff() : new GetOfResponses();
  },
};

function isUpgrade({ headers }: Request): boolean {
  return headers.get("upgrade")?.toLowerCase() === "websocket";
}

/** Responses over WebSocket is not served here. */
class SocketsOff extends GatewayError {
  constructor() {
    const message = `Responses over WebSocket is off at this gateway; send POST ${responses.path}.`;
    const code = "websocket_off";
    // RFC 9110 wants a 426 to say what to speak instead.
    const headers = { upgrade: "HTTP/1.1" };
    super({ kind: "bad_request", message, code, status: 426 }, { headers });
  }
}

/** The path exists, asked in another way. */
class GetOfResponses extends GatewayError {
  constructor() {
    const message = `${responses.path} takes POST, not GET.`;
    const code = "method_not_allowed";
    super({ kind: "bad_request", message, code, status: 405 }, { headers: { allow: "POST" } });
  }
}
