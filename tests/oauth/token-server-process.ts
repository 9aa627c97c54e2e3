// The token server as a process: `bun tests/oauth/token-server-process.ts --rotation 5000 --body json`.

import { parseArgs } from "node:util";
import * as z from "zod";
import { numberOf, PEER_ARGUMENTS, rotationOf } from "./peer-arguments.ts";
import { runPeerProcess } from "./peer-control.ts";
import { startTokenServer } from "./token-server.ts";

const { values } = parseArgs({
  options: {
    ...PEER_ARGUMENTS,
    body: { type: "string", default: "form" },
    "refresh-token-ttl-s": { type: "string" },
    extra: { type: "string", default: "{}" },
    "omit-refresh-token": { type: "boolean", default: false },
  },
});
const refreshTokenTtl = values["refresh-token-ttl-s"];

const peer = await startTokenServer({
  rotation: rotationOf(values.rotation),
  accessTokenTtlS: numberOf(values["access-token-ttl-s"]),
  body: z.enum(["form", "json", "any"]).parse(values.body),
  extra: z.record(z.string(), z.unknown()).parse(JSON.parse(values.extra)),
  omitsRefreshToken: values["omit-refresh-token"],
  ...(refreshTokenTtl !== undefined && { refreshTokenTtlS: numberOf(refreshTokenTtl) }),
});
await runPeerProcess(peer);
