// How the routes say no: one error that carries its answer, and the one place where every other error becomes
// a status. Refuses to tell a client anything about an error that nobody foresaw.

import type { ErrorAnswer } from "#wire";
import type { Permission } from "../access/permissions.ts";
import { BrokerError } from "../errors.ts";
import { RefreshError } from "../refresh/refresh-error.ts";

/** A request that is answered with an error; the message is for the client. */
export class Refusal extends Error {
  readonly status: number;
  /** Absent where deployed clients know the refusal without one. */
  readonly code: string | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    message: string,
    { code, headers = {} }: { code?: string; headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(message);
    this.name = "Refusal";
    this.status = status;
    this.code = code;
    this.headers = headers;
  }
}

/** No such credential, or none that the caller may know of: the two must not differ. */
export function unknownCredential(): Refusal {
  return new Refusal(404, "no credential has this id");
}

/** No token that counts: the words of the protocol, whatever was wrong with it. */
export function unauthorized(): Refusal {
  return new Refusal(401, "unauthorized");
}

/** A token that counts, and does not allow this. */
export function forbidden(permission: Permission): Refusal {
  const message = `this token lacks the permission "${permission}"`;
  return new Refusal(403, message, { code: "forbidden" });
}

/** The request itself is at fault; the problem begins with the place of it. */
export function badRequest(problem: string): Refusal {
  return new Refusal(400, problem);
}

// The broker's own errors that a client can do something about; their messages hold no secret.
const STATUS_OF_CODE: ReadonlyMap<string, number> = new Map([
  ["audit_unavailable", 503],
  ["audit_broken", 503],
  ["refresh_token_spent", 409],
  ["not_oauth", 409],
  ["quarantined", 409],
  ["refresh_not_possible", 409],
  ["refresh_rejected", 409],
  ["usage_clients_full", 409],
  ["provider_unreachable", 502],
  ["refresh_backing_off", 503],
  ["refresher_stopped", 503],
]);

/** The answer to an error; undefined when it is unforeseen and belongs in the log. */
export function refusalOf(error: unknown, nowMs: number): Refusal | undefined {
  if (error instanceof Refusal) return error;
  if (!(error instanceof BrokerError)) return undefined;
  const { code, message } = error;
  // It went away after it was looked up: nothing else may tell it from one that never was.
  if (code === "credential_unknown") return unknownCredential();
  const status = STATUS_OF_CODE.get(code);
  if (status === undefined) return undefined;
  return new Refusal(status, message, { code, headers: retryAfter(error, nowMs) });
}

function retryAfter(error: BrokerError, nowMs: number): Record<string, string> {
  if (!(error instanceof RefreshError) || error.retryAtMs === undefined) return {};
  return { "retry-after": String(Math.max(1, Math.ceil((error.retryAtMs - nowMs) / 1_000))) };
}

/** The response that a refusal is. */
export function toResponse({ status, message, code, headers }: Refusal): Response {
  const body: ErrorAnswer = { error: message, ...(code !== undefined && { code }) };
  return Response.json(body, { status, headers });
}

/** The response to what nobody foresaw. */
export function internalError(): Response {
  return toResponse(new Refusal(500, "internal: see the broker's log"));
}
