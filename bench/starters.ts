// The list of what is measured, in the order of the tables. Another arrangement of the gateway, with more workers or
// other settings, is one more line with an id and arguments of its own.

import { startGatewayTarget } from "./gateway-target.ts";
import { startHaproxy } from "./haproxy.ts";
import { startNginx } from "./nginx.ts";
import { peerStarters } from "./peers/index.ts";
import { startBare, SUBJECT, type Starter } from "./target.ts";

/** Every target but the mock; peers only when `peersFolder` says where they are installed. */
export function startersFor({
  profileFolder,
  peersFolder,
}: {
  profileFolder?: string | undefined;
  peersFolder?: string | undefined;
}): readonly Starter[] {
  return [
    { id: "nginx", start: startNginx },
    { id: "haproxy", start: startHaproxy },
    { id: "bare", start: startBare },
    {
      id: SUBJECT,
      start: (url, place) => startGatewayTarget(url, place, { id: SUBJECT, profileFolder }),
    },
    ...(peersFolder === undefined ? [] : peerStarters(peersFolder)),
  ];
}
