// Faults in front of a token endpoint: what networks, proxies and broken providers do to a refresh, before
// the server sees it, instead of it, or after it committed. Refuses to say when: fault-switch.ts does.

import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import * as z from "zod";
import { answer, oauthError } from "./loopback.ts";

/** Bytes in the answer of the fault `hugejson`. */
export const HUGE_ANSWER_BYTES = 50 * 1024 * 1024;

const DEFAULT_DELAY_MS = 50;

const FaultOptionsSchema = z.strictObject({
  /** How many token requests it hits; 1 when absent. */
  times: z.int().positive().optional(),
  /** For `slow` and `slow-after-commit`; 50 when absent. */
  delayMs: z.number().nonnegative().optional(),
  /** For `status`; 500 when absent. */
  status: z.int().min(200).max(599).optional(),
  /** For `status`: the header `retry-after`. */
  retryAfterS: z.number().optional(),
  /** For `redirect`; a decoy of the switch when absent. */
  location: z.string().optional(),
});
export type FaultOptions = z.infer<typeof FaultOptionsSchema>;

type Instead = (request: IncomingMessage, response: ServerResponse, fault: FaultOptions) => unknown;

/** The server never sees these requests; the family stays as it was. */
const UNCOMMITTED = {
  "drop-before": (request) => request.socket.destroy(),
  /** Held open until the faults are cleared or the server stops. */
  hang: () => {},
  status: (_request, response, { status = 500, retryAfterS }) => {
    if (retryAfterS !== undefined) response.setHeader("retry-after", String(retryAfterS));
    answer(response, status, "text/plain", "The service is not available.\n");
  },
  waf403: (_request, response) =>
    answer(response, 403, "text/html", "<!doctype html><title>Attention</title><p>Blocked.</p>"),
  html200: (_request, response) =>
    answer(response, 200, "text/html", "<!doctype html><title>Sign in to the network</title>"),
  error200: (_request, response) => oauthError(response, 200, "invalid_grant"),
  /** Bytes that are neither JSON nor UTF-8, announced as JSON. */
  garbage: (_request, response) =>
    answer(response, 200, "application/json", Buffer.from("fffe007b22ff0a80c0af", "hex")),
  hugejson: async (_request, response) => {
    response.setHeader("content-type", "application/json");
    // A client that hangs up early is what the fault is for.
    await pipeline(Readable.from(hugeAnswer()), response).catch(() => {});
  },
  /** To `location`, or to a decoy on another port that answers with tokens and counts who came. */
  redirect: (_request, response, { location = "" }) => {
    response.writeHead(307, { location }).end();
  },
  "invalid-grant-400": (_request, response) => oauthError(response, 400, "invalid_grant"),
  "slow-down-400": (_request, response) => oauthError(response, 400, "slow_down"),
  "invalid-client-401": (_request, response) => oauthError(response, 401, "invalid_client"),
} as const satisfies Record<string, Instead>;

type Afterwards = (response: ServerResponse, body: string, fault: FaultOptions) => unknown;

/** The server commits; these decide what the caller gets of its answer. */
const COMMITTED = {
  /** The server sees the request `delayMs` late; the answer is whole. */
  slow: (response, body) => response.end(body),
  "drop-after-commit": (response) => response.socket?.destroy(),
  "hang-after-commit": () => {},
  /** Waits `delayMs` between the commit and the answer. */
  "slow-after-commit": async (response, body, { delayMs = DEFAULT_DELAY_MS }) => {
    await Bun.sleep(delayMs);
    response.end(body);
  },
  /** Each token twice, the true one last. */
  "dup-json": (response, body) => {
    const doubled = `{"access_token":"not-this","refresh_token":"nor-this",${body.slice(1)}`;
    response.setHeader("content-length", Buffer.byteLength(doubled));
    response.end(doubled);
  },
  /** The whole body arrives, then the connection ends short of the promised length. */
  truncate: (response, body) => {
    response.setHeader("content-length", Buffer.byteLength(body) + 16);
    response.write(body, () => response.socket?.end());
  },
  onebyte: async (response, body) => {
    for (const byte of Buffer.from(body)) {
      response.write(Buffer.of(byte));
      await Bun.sleep(1);
    }
    response.end();
  },
} as const satisfies Record<string, Afterwards>;

/** A way for a token request to go wrong. */
export type FaultKind = keyof typeof UNCOMMITTED | keyof typeof COMMITTED;

const isFaultKind = (kind: unknown): kind is FaultKind =>
  typeof kind === "string" && (Object.hasOwn(UNCOMMITTED, kind) || Object.hasOwn(COMMITTED, kind));

/** Every kind, for tests that walk them. */
export const FAULT_KINDS: readonly FaultKind[] = [
  ...Object.keys(UNCOMMITTED),
  ...Object.keys(COMMITTED),
].filter(isFaultKind);

/** A fault as the control API of a peer receives it. */
export const FaultSchema = FaultOptionsSchema.extend({
  kind: z.custom<FaultKind>(isFaultKind, `one of ${FAULT_KINDS.join(", ")}`),
});
export type Fault = z.infer<typeof FaultSchema>;

/** Does the server commit under this fault? */
export function commitsUnder(kind: FaultKind): boolean {
  return !isUncommitted(kind);
}

/** Plays a fault: `serve` lets the server answer, once, into the response it is handed. */
export async function play(
  fault: Fault,
  request: IncomingMessage,
  response: ServerResponse,
  serve: () => void | Promise<void>,
): Promise<void> {
  const { kind } = fault;
  if (isUncommitted(kind)) {
    const instead: Instead = UNCOMMITTED[kind];
    await instead(request, response, fault);
    return;
  }
  if (kind === "slow") await Bun.sleep(fault.delayMs ?? DEFAULT_DELAY_MS);
  // Nobody waits any more, and the provider would warn that somebody else has read the body.
  if (request.destroyed) return;
  const afterwards: Afterwards = COMMITTED[kind];
  onEnd(response, (body) => afterwards(response, body, fault));
  await serve();
}

function isUncommitted(kind: FaultKind): kind is keyof typeof UNCOMMITTED {
  return Object.hasOwn(UNCOMMITTED, kind);
}

// The server behind writes its whole answer with one call of `end`; what that call does is changed for this
// response only, and put back before the fault decides what to send.
function onEnd(response: ServerResponse, act: (body: string) => unknown): void {
  const change = (end: unknown) =>
    Object.defineProperty(response, "end", { value: end, configurable: true, writable: true });
  const end = response.end.bind(response);
  change((body: string | Uint8Array = "") => {
    change(end);
    act(Buffer.from(body).toString());
    return response;
  });
}

function* hugeAnswer() {
  const piece = "a".repeat(1024 * 1024);
  yield '{"access_token":"huge","expires_in":3600,"padding":"';
  for (let sent = 0; sent < HUGE_ANSWER_BYTES; sent += piece.length) yield piece;
  yield '"}';
}
