// What can go wrong when calling another host, as stable codes. Messages name the host, never the path,
// query or credentials of the URL, because they end up in answers and logs.

import { redact } from "./redact.ts";

/** Why a call failed; none of them means that the other side answered with an error status. */
export type OutboundErrorCode =
  | "bad_url"
  | "bad_scheme"
  | "bad_request"
  | "redirect_refused"
  | "address_refused"
  | "connection_refused"
  | "connection_reset"
  | "connection_failed"
  | "host_not_found"
  | "tls_failed"
  | "bad_encoding"
  | "timeout_headers"
  | "timeout_idle"
  | "too_large"
  | "aborted";

/** A call to another host failed. */
export class OutboundError extends Error {
  readonly code: OutboundErrorCode;
  /** `host:port` that was called, or the socket's path; empty when the URL was no URL. */
  readonly host: string;

  constructor(
    code: OutboundErrorCode,
    host: string,
    problem: string,
    { cause }: { cause?: unknown } = {},
  ) {
    super(host === "" ? problem : `${host}: ${problem}`, { cause: withoutUrl(cause) });
    this.name = "OutboundError";
    this.code = code;
    this.host = host;
  }
}

const PROBLEMS: Readonly<Record<string, readonly [OutboundErrorCode, string]>> = {
  ECONNREFUSED: ["connection_refused", "refused the connection"],
  // A Unix socket that is not there.
  ENOENT: ["connection_refused", "nothing listens there"],
  ENOTFOUND: ["host_not_found", "the host name is not known"],
  EAI_AGAIN: ["host_not_found", "the host name could not be looked up"],
  ECONNRESET: ["connection_reset", "closed the connection before the answer was complete"],
  EPIPE: ["connection_reset", "closed the connection before the answer was complete"],
  ETIMEDOUT: ["connection_failed", "the connection timed out"],
  UnexpectedRedirect: ["redirect_refused", "answered with a redirect, which is not followed"],
  ZlibError: ["bad_encoding", "sent a body that is not compressed as announced"],
  BrotliDecompressionError: ["bad_encoding", "sent a body that is not compressed as announced"],
  ZstdDecompressionError: ["bad_encoding", "sent a body that is not compressed as announced"],
  EPROTO: ["tls_failed", "the TLS handshake failed"],
};

const TLS_CODE = /^(?:CERT_|ERR_TLS|ERR_SSL|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_MISMATCH)/;

/** The typed error for what fetch, or a read of its answer, threw. */
export function toOutboundError(host: string, cause: unknown): OutboundError {
  if (cause instanceof OutboundError) return cause;
  const systemCode = codeOf(cause);
  const known = Object.hasOwn(PROBLEMS, systemCode) ? PROBLEMS[systemCode] : undefined;
  if (known !== undefined) return new OutboundError(known[0], host, known[1], { cause });
  if (TLS_CODE.test(systemCode)) {
    const problem = `its TLS certificate is not trusted (${systemCode})`;
    return new OutboundError("tls_failed", host, problem, { cause });
  }
  if (cause instanceof TypeError && systemCode === "") {
    return new OutboundError("bad_request", host, "the request cannot be sent", { cause });
  }
  const problem = `the connection failed${systemCode === "" ? "" : ` (${systemCode})`}`;
  return new OutboundError("connection_failed", host, problem, { cause });
}

function codeOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : "";
}

// Bun's fetch errors carry the whole URL in `path` and in some messages.
function withoutUrl(cause: unknown): unknown {
  if (!(cause instanceof Error)) return undefined;
  const message = redact(cause.message.replace(/\b[a-z]+:\/\/[^\s"']+/gi, "[url]"));
  const clean = new Error(message);
  clean.name = cause.name;
  const code = codeOf(cause);
  return code === "" ? clean : Object.assign(clean, { code });
}
