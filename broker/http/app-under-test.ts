// A whole broker behind its routes for tests: real vault, real tokens, real audit log, no socket unless asked for.

import {
  createLogger,
  createOutbound,
  type HttpServer,
  type LogLevel,
  Metrics,
  type RequestControl,
  serveHttp,
} from "#platform";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AuditLog } from "../access/audit-log.ts";
import { Authenticator } from "../access/authenticator.ts";
import { ClientTokens, type NewClientToken } from "../access/client-tokens.ts";
import { PERMISSIONS, ProviderScope } from "../access/permissions.ts";
import type { ProviderDescriptor } from "../oauth/descriptor.ts";
import { RefreshError } from "../refresh/refresh-error.ts";
import { NO_REFRESHER } from "../refresh/schedule.ts";
import { UsageMonitor } from "../usage/usage-monitor.ts";
import { Vault } from "../vault/vault.ts";
import { type BrokerAppOptions, createBrokerApp } from "./app.ts";

const OWNER_TOKEN = "plb_test-token-0123456789";

/** What a test asks of the app. */
export interface AskOptions {
  readonly method?: string;
  readonly token?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  /** JSON, unless it is text or bytes already. */
  readonly body?: unknown;
  readonly address?: string;
  readonly signal?: AbortSignal;
}

/** Opens everything in a directory of its own. */
export function brokerUnderTest({
  logLevel = "debug",
  usageProviders = [],
  ...overrides
}: Partial<BrokerAppOptions> & {
  readonly logLevel?: LogLevel;
  readonly usageProviders?: readonly ProviderDescriptor[];
} = {}) {
  const home = mkdtempSync(join(tmpdir(), "parley-broker-"));
  const nowMs = overrides.nowMs ?? Date.now;
  const logged: string[] = [];
  const log = createLogger({ level: logLevel, write: (line) => logged.push(line) });
  const vault = Vault.open(home, { nowMs });
  const audit = AuditLog.open(home, { index: vault.file.index, nowMs });
  const tokens = new ClientTokens(vault.file, { nowMs });
  const record = (event: Parameters<AuditLog["record"]>[0]) => void audit.record(event);
  const gate = new Authenticator({ ownerToken: OWNER_TOKEN, tokens, record });
  const metrics = new Metrics();
  const refresher = {
    refresh: () => Promise.reject(new RefreshError("provider_unreachable", "no provider here")),
    schedule: () => NO_REFRESHER,
  };
  const usage = new UsageMonitor({
    vault,
    findProvider: (id) => usageProviders.find((provider) => provider.id === id),
    fresh: refresher.refresh,
    outbound: createOutbound(),
    log,
    nowMs,
  });
  const services = { vault, gate, tokens, audit, refresher, usage, metrics, log, nowMs };
  const app = createBrokerApp({ ...services, version: "1.2.3", ...overrides });
  return {
    home,
    vault,
    tokens,
    audit,
    app,
    logged,
    ownerToken: OWNER_TOKEN,

    /** A client's token; everything for every provider unless said otherwise. */
    issue({
      name = `t-${crypto.randomUUID().slice(0, 8)}`,
      permissions = PERMISSIONS,
      providers = ["*"],
      expiresAtMs = null,
      isLeaseOnly = false,
    }: Partial<Omit<NewClientToken, "scope">> & { readonly providers?: string[] } = {}): string {
      const scope = ProviderScope.parse(providers);
      return tokens.create({ name, permissions, scope, expiresAtMs, isLeaseOnly }).token;
    },

    /** Sends one request past the socket. */
    ask(path: string, options: AskOptions = {}): Promise<Response> {
      const { method = "GET", token = OWNER_TOKEN, headers = {}, body, address, signal } = options;
      const request = new Request(`http://127.0.0.1:8765${path}`, {
        method,
        headers: { ...(token !== "" && { authorization: `Bearer ${token}` }), ...headers },
        ...(signal && { signal }),
      });
      return app.fetch(request, controlOf(body, address));
    },

    /** Serves it on a port of this machine. */
    listen(): HttpServer {
      return serveHttp({
        bind: { hostname: "127.0.0.1", port: 0 },
        fetch: (request, control) => app.fetch(request, control),
        hasToken: true,
        refuse: ({ status, message }) => Response.json({ error: message }, { status }),
        log,
      });
    },

    close(): void {
      app.close();
      gate.close();
      tokens.close();
      audit.close();
      vault.close();
      rmSync(home, { recursive: true });
    },
  };
}

/** What brokerUnderTest gives. */
export type BrokerUnderTest = ReturnType<typeof brokerUnderTest>;

function controlOf(body: unknown, address = "192.0.2.1"): RequestControl {
  return { body: bytesOf(body), timeout: () => {}, remoteAddress: () => address };
}

function bytesOf(body: unknown): Uint8Array {
  if (body === undefined) return new Uint8Array(0);
  if (body instanceof Uint8Array) return body;
  return new TextEncoder().encode(typeof body === "string" ? body : JSON.stringify(body));
}
