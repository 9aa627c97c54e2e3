// For tests: a vault, a provider that answers as it is told on a real socket, a clock that stands still, and
// the monitor between them.

import { createOutbound, type LogFields, type Logger } from "#platform";
import type { OAuthCredential } from "#wire";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ProviderDescriptor } from "../oauth/descriptor.ts";
import { Vault } from "../vault/vault.ts";
import { UsageMonitor, type UsageMonitorOptions } from "./usage-monitor.ts";

/** What a provider was asked. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A provider's usage endpoint. */
export class ScriptedProvider {
  readonly asked: Asked[] = [];
  /** The answer to what is asked next. */
  answer: (asked: Asked) => Response | Promise<Response> = () => Response.json({ percent: 25 });
  readonly #server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: async (request) => {
      const asked = {
        method: request.method,
        path: new URL(request.url).pathname,
        headers: Object.fromEntries(request.headers),
        body: await request.text(),
      };
      this.asked.push(asked);
      return this.answer(asked);
    },
  });

  get url(): string {
    return `http://127.0.0.1:${this.#server.port}/usage`;
  }

  stop(): Promise<void> {
    return this.#server.stop(true);
  }
}

/** A provider as data whose probe asks at `url`; limits in the headers `x-limit` and `x-left`. */
export function describeProvider(
  id: string,
  url: string,
  usage: Partial<NonNullable<(typeof ProviderDescriptor)["_input"]["usage"]>> = {},
): ProviderDescriptor {
  return ProviderDescriptor.parse({
    id,
    name: id,
    usage: {
      url,
      headers: { Authorization: "Bearer {access}", "x-account": "{accountId}" },
      limits: [{ id: "window", label: "Window", usedPercent: "percent", resetsAt: "resets" }],
      metadata: { plan: "plan" },
      appliesTo: ["oauth", "api_key"],
      ...usage,
    },
    usageHeaders: [
      {
        id: "requests",
        label: "Requests",
        limit: "x-limit",
        remaining: "x-left",
        unit: "requests",
      },
      { id: "window", label: "W", usedPercent: "x-percent" },
    ],
  });
}

/** A grant that lasts until `expires` on the test's clock. */
export function grant(name: string, expires = 1e14): OAuthCredential {
  return {
    type: "oauth",
    access: `canary-access-${name}`,
    refresh: `canary-refresh-${name}`,
    expires,
    email: `${name}@example.test`,
    accountId: `account-${name}`,
  };
}

/** One line of a log. */
export type LogLine = readonly [level: string, message: string, fields: LogFields | undefined];

/** A monitor and all it stands on. */
export interface UsageBench {
  readonly vault: Vault;
  readonly monitor: UsageMonitor;
  /** What the monitor was made with, for another one like it. */
  readonly options: UsageMonitorOptions;
  readonly providers: Map<string, ProviderDescriptor>;
  readonly lines: LogLine[];
  /** Ids that were renewed. */
  readonly renewed: number[];
  nowMs: number;
  /** What the dice show. */
  random: number;
  close(): Promise<void>;
}

/** Opens a bench on a new vault; everything is gone after close. */
export function openUsageBench({ waitMs = 5_000 }: { waitMs?: number } = {}): UsageBench {
  const home = mkdtempSync(join(tmpdir(), "parley-usage-"));
  const vault = Vault.open(home);
  const providers = new Map<string, ProviderDescriptor>();
  const lines: LogLine[] = [];
  const renewed: number[] = [];
  const bench = { nowMs: Date.UTC(2026, 10, 20), random: 0.5 };
  const options: UsageMonitorOptions = {
    vault,
    findProvider: (id) => providers.get(id),
    fresh: async (id) => {
      renewed.push(id);
      const stored = vault.get(id);
      if (stored?.credential.type !== "oauth") throw new Error("nothing to renew");
      vault.rotate(id, {
        usedRefresh: stored.credential.refresh,
        credential: { ...stored.credential, access: "canary-renewed", expires: 1e14 },
      });
      return vault.get(id) ?? stored;
    },
    outbound: createOutbound(),
    log: recorder(lines),
    nowMs: () => bench.nowMs,
    random: () => bench.random,
    waitMs,
  };
  const monitor = new UsageMonitor(options);
  const close = async () => {
    await monitor.stop();
    vault.close();
    rmSync(home, { recursive: true });
  };
  return Object.assign(bench, { vault, monitor, options, providers, lines, renewed, close });
}

function recorder(lines: LogLine[]): Logger {
  const at = (level: string) => (message: string, fields?: LogFields) =>
    void lines.push([level, message, fields]);
  const log = { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
  return { ...log, child: () => recorder(lines) };
}
