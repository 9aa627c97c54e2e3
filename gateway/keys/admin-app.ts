// `/admin/keys`: the keys over HTTP, on an address of its own that is off unless it is configured. Takes the gateway's
// own token and no other; a key that could make keys would have no limits.

import { Hono, type Context } from "hono";
import { z } from "zod";
import { readBearer, readJson, type RequestHandler } from "#platform";
import type { GatewayKeys } from "./gateway-keys.ts";
import { GatewayKeyError } from "./key-errors.ts";
import { KeyRules } from "./key-rules.ts";

const NewKey = z.strictObject({
  name: z.string(),
  owner: z.string().default(""),
  rules: KeyRules.prefault({}),
  validFromMs: z.int().nullable().default(null),
  validUntilMs: z.int().nullable().default(null),
});

interface Given {
  Bindings: { readonly body: Uint8Array };
}

/** What the routes work on. */
export interface AdminParts {
  readonly keys: GatewayKeys;
  readonly isOwner: (candidate: string) => boolean;
  /** Called after each change; the answer waits for it. */
  readonly onChange?: () => Promise<void>;
}

/** The administrator's side of an HTTP server. */
export interface AdminApp {
  /** Refuses whoever is not the owner before a byte of the body is read. */
  admit(request: Request): Response | undefined;
  readonly fetch: RequestHandler;
}

/** Builds the routes. */
export function createAdminApp({
  keys,
  isOwner,
  onChange = () => Promise.resolve(),
}: AdminParts): AdminApp {
  const app = new Hono<Given>();
  app.get("/admin/keys", (c) => c.json({ keys: keys.list() }));
  app.post("/admin/keys", async (c) => {
    const { secret, key } = keys.create(readNewKey(c));
    await onChange();
    return c.json({ secret, ...key }, 201);
  });
  app.get("/admin/keys/:name", (c) => c.json(keys.show(c.req.param("name"))));
  app.delete("/admin/keys/:name", async (c) => {
    const revoked = keys.revoke(c.req.param("name"));
    await onChange();
    return c.json(revoked);
  });
  app.post("/admin/keys/:name/rotate", async (c) => {
    const { secret, key } = keys.rotate(c.req.param("name"));
    await onChange();
    return c.json({ secret, ...key });
  });
  app.notFound(() => refused(404, "not_found", "There is nothing here but /admin/keys."));
  app.onError((error) => {
    if (!(error instanceof GatewayKeyError)) throw error;
    const status = error.code === "key_unknown" ? 404 : 400;
    return refused(status, error.code, `${error.message}. ${error.fix}`);
  });
  const mayAsk = (request: Request) => {
    const token = readBearer(request.headers);
    return token !== undefined && isOwner(token);
  };
  const stranger = () =>
    refused(401, "invalid_api_key", "This takes the token of `agent auth-gateway token` only.");
  return {
    admit: (request) => (mayAsk(request) ? undefined : stranger()),
    fetch: (request, control) => (mayAsk(request) ? app.fetch(request, control) : stranger()),
  };
}

function readNewKey({ env }: Context<Given>): z.infer<typeof NewKey> {
  let body: unknown;
  try {
    body = readJson(env.body);
  } catch {
    throw new GatewayKeyError("json_malformed", "the body is not JSON", { fix: "Send an object." });
  }
  const wanted = NewKey.safeParse(body);
  if (wanted.success) return wanted.data;
  const [issue] = wanted.error.issues;
  const where = issue?.path.join(".") || "body";
  throw new GatewayKeyError("key_invalid", `${where}: ${issue?.message ?? "invalid"}`, {
    fix: "See docs/guides/keys.md.",
  });
}

function refused(status: number, code: string, message: string): Response {
  return Response.json({ error: { code, message } }, { status });
}
