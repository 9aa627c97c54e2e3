// `GET /v1/snapshot/stream`: the snapshot, then every change of it, as server-sent events. A client that comes back
// names the last generation it has and gets only what it missed.

import type { StreamHub } from "../snapshot/stream-hub.ts";
import { viewOfCall } from "./caller-view.ts";
import { Refusal } from "./refusal.ts";
import type { Call, Route } from "./route.ts";
import { VARY } from "./snapshot-route.ts";

/** Most streams at once; further ones are refused with 503. */
export const MAX_STREAMS = 10_000;

/** Silence after which a connection that was given up on is closed, in seconds; the runtime's shortest. */
const CUT_AFTER_SECONDS = 1;
const RETRY_SECONDS = "10";

/** The stream. */
export function streamRoute({ hub }: { readonly hub: StreamHub }): Route {
  return {
    method: "GET",
    path: "/v1/snapshot/stream",
    permission: "snapshot",
    action: "snapshot.stream",
    handle: (call) => openStream(call, hub),
  };
}

async function openStream(call: Call, hub: StreamHub): Promise<Response> {
  if (hub.size >= MAX_STREAMS) throw tooManyStreams();
  const { request, control, caller } = call;
  const stream = await hub.open({
    reader: caller,
    view: viewOfCall(call),
    resumeFrom: readGeneration(request.headers.get("last-event-id")),
    signal: request.signal,
    cut: () => control.timeout(request, CUT_AFTER_SECONDS),
  });
  return new Response(stream.body(), {
    headers: {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store",
      vary: VARY,
      // nginx in front of us would otherwise collect the stream.
      "x-accel-buffering": "no",
    },
  });
}

// Anything that is no generation of ours means: begin anew.
function readGeneration(text: string | null): number | undefined {
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function tooManyStreams(): Refusal {
  const headers = { "retry-after": RETRY_SECONDS };
  return new Refusal(503, "too many streams are open", { code: "too_many_streams", headers });
}
