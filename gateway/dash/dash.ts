// `/dash`: a page with what the ledger adds up, on the gateway's own address. The page itself is anybody's and says
// nothing; its data want the pass that a one-time link was exchanged for, or the gateway's own token. Refuses cookies: a
// browser sends them to every port of a host, and this host has other servers.

import { z } from "zod";
import { type Database, readBearer } from "#platform";
import type { OpenRoute } from "../http/route.ts";
import { openLedgerIfAny } from "../ledger/ledger.ts";
import { DashPasses } from "./dash-passes.ts";
import {
  DASH_GROUPS,
  DASH_RANGES,
  type DashGroup,
  type DashRange,
  type DashReport,
} from "./dash-report.ts";
import { dashReport } from "./dash-sums.ts";
import { pageFiles } from "./page-files.ts";

/** What it is opened with. */
export interface DashOptions {
  readonly home: string;
  readonly isOwner: (candidate: string) => boolean;
  /** True where the gateway asks nobody for a key. */
  readonly isOpen: boolean;
  readonly nowMs: () => number;
}

const HEADERS = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
} as const;

/** Where the page is; a link from anywhere may open it, as it holds nothing by itself. */
export const DASH_PAGES = ["/dash", "/dash/"] as const;

const SESSION = "/dash/session";
const Query = z.object({
  range: z.enum(Object.keys(DASH_RANGES) as [DashRange, ...DashRange[]]).default("30d"),
  by: z.enum(DASH_GROUPS).default("model"),
});

/** The page and its data. Opens no file before the first visit. */
export class Dash {
  readonly #options: DashOptions;
  #passes: DashPasses | undefined;
  #ledger: Database | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: DashOptions) {
    this.#options = options;
  }

  /** Everything under /dash. */
  routes(): readonly OpenRoute[] {
    const pages = pageFiles.map(({ path, contentType, read }) => {
      const answer = () =>
        respond(read(), { "content-type": contentType, "cache-control": "no-cache" });
      return { method: "GET", path, answer } as const;
    });
    return [
      ...pages,
      { method: "GET", path: "/dash/data", answer: (request) => this.#data(request) },
      { method: "POST", path: SESSION, answer: (request) => this.#begin(request) },
      { method: "DELETE", path: SESSION, answer: (request) => this.#end(request) },
    ];
  }

  /** Closes the files. */
  stop(): void {
    this.#passes?.close();
    this.#ledger?.close();
  }

  #begin({ headers }: Request): Response {
    const session = this.#opened().redeem(readBearer(headers) ?? "");
    if (session) return json({ session: session.secret, expiresAtMs: session.expiresAtMs }, 201);
    return refused(401, "link_used", "This link was used before, or is too old.");
  }

  #end({ headers }: Request): Response {
    this.#opened().end(readBearer(headers) ?? "");
    return respond(null, {}, 204);
  }

  async #data({ url, headers }: Request): Promise<Response> {
    if (!this.#mayRead(readBearer(headers))) {
      return refused(401, "dash_pass_required", "This wants a link of `agent usage --open`.");
    }
    const query = Query.safeParse(Object.fromEntries(new URL(url).searchParams));
    if (query.success) return json(await this.#read(query.data));
    const [issue] = query.error.issues;
    return refused(400, "invalid_value", `${issue?.path.join(".")}: ${issue?.message}`);
  }

  #mayRead(shown: string | undefined): boolean {
    const { isOpen, isOwner } = this.#options;
    if (isOpen) return true;
    return shown !== undefined && (this.#opened().isOpen(shown) || isOwner(shown));
  }

  // One after the other: however many tabs ask, the gateway adds up one report at a time.
  #read({ range, by }: { range: DashRange; by: DashGroup }): Promise<DashReport> {
    const { home, nowMs } = this.#options;
    const next = this.#last.then(() => {
      this.#ledger ??= openLedgerIfAny(home);
      return dashReport(this.#ledger, { range, by, nowMs: nowMs() });
    });
    this.#last = next.catch(() => {});
    return next;
  }

  #opened(): DashPasses {
    return (this.#passes ??= new DashPasses(this.#options.home));
  }
}

function json(body: unknown, status = 200): Response {
  return respond(JSON.stringify(body), { "content-type": "application/json" }, status);
}

function refused(status: number, code: string, message: string): Response {
  return json({ error: { code, message } }, status);
}

function respond(body: string | null, headers: Record<string, string>, status = 200): Response {
  return new Response(body, {
    status,
    headers: { "cache-control": "no-store", ...HEADERS, ...headers },
  });
}
