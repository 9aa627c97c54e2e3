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
  workers,
}: {
  profileFolder?: string | undefined;
  peersFolder?: string | undefined;
  workers?: number | undefined;
}): readonly Starter[] {
  return [
    { id: "nginx", start: startNginx },
    { id: "haproxy", start: startHaproxy },
    { id: "bare", start: startBare },
    {
      id: SUBJECT,
      start: (url, place) => startGatewayTarget(url, place, { id: SUBJECT, profileFolder }),
    },
    ...(workers === undefined ? [] : [gatewayOf(workers)]),
    ...(peersFolder === undefined ? [] : peerStarters(peersFolder)),
  ];
}

function gatewayOf(workers: number): Starter {
  const id = `${SUBJECT}-x${workers}`;
  const args = ["--workers", String(workers)];
  return { id, start: (url, place) => startGatewayTarget(url, place, { id, args }) };
}
