// Judges what a token endpoint did with a refresh: renewed the grant, refused it for good, failed for now, or
// left us without a whole answer. Refuses to take anything but the OAuth error of a token endpoint for a refusal:
// firewalls, captive portals and outages have disabled good accounts elsewhere.

import { readJson, scanJson } from "#platform";
import { isJsonObject, type Json, type OAuthCredential } from "#wire";
import { LoginError } from "../oauth/login-error.ts";
import { type AnswerRules, credentialFromAnswer } from "../oauth/token-response.ts";
import type { ExchangeAnswer } from "./exchange-job.ts";

/** Errors after which no retry can succeed; what providers say when a grant is over. */
const DEFINITIVE_CODES = [
  "invalid_grant",
  "invalid_token",
  "revoked",
  "refresh_token_expired",
  "refresh_token_reused",
  "refresh_token_invalidated",
  "app_session_terminated",
  "invalid_client",
  "unauthorized_client",
  "access_denied",
] as const;
/** An error after which no retry can succeed. */
export type DefinitiveCode = (typeof DEFINITIVE_CODES)[number];

/** What a refresh came to. Reasons are ours and safe to show. */
export type RefreshOutcome =
  | { readonly kind: "rotated"; readonly credential: OAuthCredential }
  | { readonly kind: "rejected"; readonly code: DefinitiveCode }
  | { readonly kind: "transient"; readonly reason: string; readonly retryAfterMs?: number }
  /** The provider may have replaced the token and we do not know by what. */
  | { readonly kind: "lost"; readonly reason: string };

/** What an answer is read with. */
interface OutcomeContext {
  /** Undefined for grants of MCP servers. */
  readonly rules: AnswerRules | undefined;
  readonly previous: OAuthCredential;
  /** The refresher's time, which a jump of the wall clock does not move. */
  readonly nowMs: number;
  /** The wall clock, which the child has stamped its answer by. */
  readonly wallMs: number;
}

type Answered = Extract<ExchangeAnswer, { kind: "answered" }>;

// Codes of failures before the request can have left us.
const NEVER_SENT =
  /^(?:ECONNREFUSED|ENOTFOUND|EAI_AGAIN|ENETUNREACH|EHOSTUNREACH|EPROTO|CERT_|ERR_TLS|ERR_SSL|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_MISMATCH)/;

// A gateway's word that the server behind it did not answer in time, or not whole.
const LOST_BEHIND_GATEWAY = [502, 504];

/** Judges one exchange; undefined stands for a child that ended without storing an answer. */
export function refreshOutcome(
  answer: ExchangeAnswer | undefined,
  context: OutcomeContext,
): RefreshOutcome {
  if (answer === undefined) return { kind: "lost", reason: "the answer was lost in a crash" };
  if (answer.kind === "failed") {
    const reason = `the connection failed (${answer.code})`;
    return { kind: NEVER_SENT.test(answer.code) ? "transient" : "lost", reason };
  }
  if (answer.status >= 200 && answer.status < 300) return granted(answer, context);
  const code = answer.status === 400 || answer.status === 401 ? definitiveCode(answer) : undefined;
  if (code !== undefined) return { kind: "rejected", code };
  const reason = `the token endpoint answered ${answer.status}`;
  if (LOST_BEHIND_GATEWAY.includes(answer.status)) return { kind: "lost", reason };
  return { kind: "transient", reason, ...retryAfter(answer) };
}

/** Whether the code condemns the client that asks, whose registration may be mended, not the grant. */
export function isAboutClient(code: DefinitiveCode): boolean {
  return code === "invalid_client" || code === "unauthorized_client";
}

// A body cut after its closing brace is whole: nothing that follows could change what it says, and dropping
// it would cost the grant.
function granted(
  answer: Answered,
  { rules, previous, nowMs, wallMs }: OutcomeContext,
): RefreshOutcome {
  const paths = rules
    ? Object.values(rules.response).filter((path) => typeof path === "string")
    : [];
  const body = jsonOf(answer, [
    "access_token",
    "refresh_token",
    "expires_in",
    ...paths.map(firstName),
  ]);
  if (body === undefined) {
    // A page for people comes from something in between, not from the server that replaces tokens.
    const isPage = /html/i.test(answer.contentType ?? "");
    return { kind: isPage ? "transient" : "lost", reason: "the answer is no JSON object" };
  }
  if (isJsonObject(body) && Object.hasOwn(body, "error")) {
    return {
      kind: "transient",
      reason: `the token endpoint answered ${answer.status} with an error`,
    };
  }
  try {
    // How long it lay in the spool; a wall clock that was set back meanwhile would make that negative.
    const receivedAtMs = nowMs - Math.max(0, wallMs - answer.receivedAtMs);
    return {
      kind: "rotated",
      credential: credentialFromAnswer(rules, body, { receivedAtMs, previous }),
    };
  } catch (error) {
    if (error instanceof LoginError) return { kind: "lost", reason: error.message };
    throw error;
  }
}

function definitiveCode(answer: Answered): DefinitiveCode | undefined {
  if (answer.cut !== null) return undefined;
  const body = jsonOf(answer, ["error", "code"]);
  if (!isJsonObject(body)) return undefined;
  // RFC 6749 §5.2 puts the code into `error`; OpenAI puts it into `error.code`.
  const named = isJsonObject(body["error"]) ? body["error"]["code"] : body["error"];
  return DEFINITIVE_CODES.find((code) => code === named);
}

/** The body, unless it is malformed or says one of the names twice. */
function jsonOf({ body }: Answered, fields: readonly string[]): Json | undefined {
  const bytes = Buffer.from(body, "base64");
  try {
    scanJson(bytes, { fields: [...new Set(fields)] });
    const json = readJson(bytes);
    return isJsonObject(json) ? json : undefined;
  } catch {
    return undefined;
  }
}

/** The top-level name that a path starts at. */
function firstName(path: string): string {
  return /^\[([^\]]+)\]/.exec(path)?.[1] ?? path.split(".", 1)[0] ?? path;
}

function retryAfter({ retryAfter }: Answered): { retryAfterMs?: number } {
  return retryAfter !== null && /^\d{1,6}$/.test(retryAfter.trim())
    ? { retryAfterMs: Number(retryAfter) * 1000 }
    : {};
}
