// The broker's HTTP routes: health, the redacted snapshot with long-poll, and uploads.
// Shapes and refusals are those that deployed clients parse strictly; nothing may be added to them.

import { isSameToken, JsonScanError, type Logger, readBearer, readJson, redact } from "#platform";
import { type BrokerHealth, CredentialUpload, type CredentialUploaded } from "#wire";
import { type Context, Hono } from "hono";
import type { z } from "zod";
import { GenerationWatch } from "./snapshot/generation-watch.ts";
import { entryOf, snapshotOf } from "./snapshot/snapshot.ts";
import type { Vault } from "./vault/vault.ts";

/** Longest time a snapshot request is held, in ms; a larger `wait` counts as this. */
export const MAX_WAIT_MS = 30_000;
/** Largest request body, in bytes; enforced where the socket is served. */
export const MAX_UPLOAD_BYTES = 256 * 1024;

/** What the routes need. */
export interface BrokerAppOptions {
  readonly vault: Vault;
  readonly token: string;
  readonly version: string;
  readonly log: Logger;
  readonly nowMs?: () => number;
}

/** What comes with each request beside it. */
interface Given {
  Bindings: { readonly body: Uint8Array };
}

/** The routes, and the way to let go of those who wait for a change. */
export interface BrokerApp {
  /** `body` is the request's, already read by the server in front. */
  fetch(request: Request, given: { readonly body: Uint8Array }): Promise<Response>;
  /** Answers every held request now; later ones are not held. */
  close(): void;
}

/** Makes the routes over an open vault. */
export function createBrokerApp(options: BrokerAppOptions): BrokerApp {
  const { vault, token, version, log, nowMs = Date.now } = options;
  const watch = new GenerationWatch(vault);
  const app = new Hono<Given>();
  const health: BrokerHealth = { ok: true, version };

  app.get("/v1/healthz", (c) => c.json(health));
  app.use(async (c, next) => {
    const candidate = readBearer(c.req.raw.headers);
    if (candidate !== undefined && isSameToken(token, candidate)) return next();
    log.warn("refused a request without the right token", { path: c.req.path });
    return c.json({ error: "unauthorized" }, 401);
  });
  app.get("/v1/snapshot", (c) => answerSnapshot(c, { vault, watch, nowMs }));
  app.post("/v1/credential", (c) => storeUpload(c, { vault, log }));
  app.notFound((c) => c.json({ error: `No route: ${c.req.method} ${c.req.path}` }, 404));
  app.onError((error, c) => {
    log.error("request failed", { path: c.req.path, error });
    return c.json({ error: "internal: see the broker's log" }, 500);
  });

  return { fetch: async (request, given) => app.fetch(request, given), close: () => watch.close() };
}

async function answerSnapshot(
  c: Context,
  { vault, watch, nowMs }: { vault: Vault; watch: GenerationWatch; nowMs: () => number },
): Promise<Response> {
  const waitMs = readWait(c.req.query("wait"));
  if (waitMs === undefined) return badRequest(c, "wait: must be a whole number of milliseconds");
  const known = c.req.header("if-none-match");
  const generation = vault.generation;
  if (waitMs > 0 && matches(known, generation)) {
    await watch.wait(generation, { timeoutMs: waitMs, signal: c.req.raw.signal });
  }
  const content = vault.read();
  const headers = {
    etag: `"${content.generation}"`,
    "cache-control": "no-store",
    vary: "OMP-Auth-Broker-Capabilities",
  };
  if (matches(known, content.generation)) return c.body(null, 304, headers);
  return c.json(snapshotOf(content, { nowMs: nowMs() }), 200, headers);
}

function storeUpload(c: Context<Given>, { vault, log }: { vault: Vault; log: Logger }): Response {
  const bytes = c.env.body;
  if (bytes.length === 0) return badRequest(c, "body: empty, expected {provider, credential}");
  const body = parseBody(bytes);
  if ("problem" in body) return badRequest(c, body.problem);
  const upload = CredentialUpload.safeParse(body.json);
  if (!upload.success) return badRequest(c, firstProblem(upload.error));
  const { provider, credential } = upload.data;
  const { id, isChanged } = vault.upsert(provider, credential);
  log.info("credential uploaded", { provider, id, type: credential.type, isChanged });
  const stored = vault.read().credentials.filter((entry) => entry.provider === provider);
  const answer: CredentialUploaded = { entries: stored.map(entryOf) };
  return c.json(answer);
}

function parseBody(bytes: Uint8Array): { json: unknown } | { problem: string } {
  try {
    return { json: readJson(bytes) };
  } catch (error) {
    if (error instanceof JsonScanError) return { problem: `body: ${error.message}` };
    throw error;
  }
}

// Issue messages name types and options, never values; a key's name is the client's own text.
function firstProblem(error: z.ZodError): string {
  const issue = error.issues[0];
  const where = issue?.path.join(".") || "body";
  return redact(`${where}: ${issue?.message ?? "invalid"}`).slice(0, 300);
}

function badRequest(c: Context, problem: string): Response {
  return c.json({ error: problem }, 400);
}

function readWait(text: string | undefined): number | undefined {
  if (text === undefined) return 0;
  return /^\d{1,15}$/.test(text) ? Math.min(Number(text), MAX_WAIT_MS) : undefined;
}

// RFC 9110 §13.1.2: a list of tags or "*", compared weakly.
function matches(ifNoneMatch: string | undefined, generation: number): boolean {
  if (ifNoneMatch === undefined) return false;
  return ifNoneMatch
    .split(",")
    .map((tag) => tag.trim().replace(/^W\//, ""))
    .some((tag) => tag === "*" || tag === `"${generation}"`);
}
