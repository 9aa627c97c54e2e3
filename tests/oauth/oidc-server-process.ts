// The OpenID server as a process: `bun tests/oauth/oidc-server-process.ts --rotation always`.

import { parseArgs } from "node:util";
import { startOidcServer } from "./oidc-server.ts";
import { numberOf, PEER_ARGUMENTS, rotationOf } from "./peer-arguments.ts";
import { runPeerProcess } from "./peer-control.ts";

const { values } = parseArgs({
  options: {
    ...PEER_ARGUMENTS,
    "no-issuer": { type: "boolean", default: false },
    scope: { type: "string", multiple: true, default: [] },
  },
});

const peer = await startOidcServer({
  rotation: rotationOf(values.rotation),
  accessTokenTtlS: numberOf(values["access-token-ttl-s"]),
  sendsIssuer: !values["no-issuer"],
  scopes: values.scope,
});
await runPeerProcess(peer);
