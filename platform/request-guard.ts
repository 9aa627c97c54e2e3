// Decides from the headers alone whether a request may reach a handler: stops a web page in the user's
// browser (DNS rebinding, cross-site calls) from talking to a local server. Refuses before the URL is
// parsed, because a hostile Host makes it unparsable. Knows nothing about tokens.

/** Why a request was refused. */
export type GuardCode =
  "method_refused" | "host_missing" | "host_refused" | "origin_refused" | "cross_site_refused";

/** A refusal; the reason is safe to show and says what would be accepted. */
export interface GuardRefusal {
  readonly status: 400 | 403 | 405;
  readonly code: GuardCode;
  readonly reason: string;
}

/** What a request is held against. */
export interface GuardOptions {
  /** Names the server answers to, `host:port` in lower case; undefined accepts any single host. */
  readonly allowedHosts: ReadonlySet<string> | undefined;
  /** Origins besides the server's own, exactly as a browser sends them: `https://app.example`. */
  readonly allowedOrigins?: ReadonlySet<string>;
  /** Paths that a link on any site, or in a file, may open in a tab of its own: pages that hold nothing by themselves. */
  readonly pages?: ReadonlySet<string>;
}

const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

// One host and perhaps a port: no user part, no list (a server joins doubled headers with a comma).
const SINGLE_HOST = /^(?:\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/;
const HAS_PORT = /:\d{1,5}$/;

/** True for one host and perhaps a port, in any case: what a Host header may hold. */
export function isSingleHost(text: string): boolean {
  return SINGLE_HOST.test(text.toLowerCase());
}

/** The names by which a server bound to loopback may be called on this port. */
export function loopbackHosts(
  port: number,
  { scheme = "http" }: { scheme?: "http" | "https" } = {},
): ReadonlySet<string> {
  const names = ["127.0.0.1", "localhost", "[::1]"];
  // A client leaves out the port that its scheme implies.
  const isImplied = port === (scheme === "http" ? 80 : 443);
  return new Set(
    names.flatMap((name) => (isImplied ? [name, `${name}:${port}`] : [`${name}:${port}`])),
  );
}

/** Names an operator lists. One without a port stands for itself (a proxy in front) and for this port. */
export function listedHosts(names: readonly string[], port: number): ReadonlySet<string> {
  return new Set(
    names.flatMap((text) => {
      const name = text.toLowerCase();
      return HAS_PORT.test(name) ? [name] : [name, `${name}:${port}`];
    }),
  );
}

/** The reason to refuse a request, or undefined when it may pass. Pure: looks at method and headers only. */
export function guardRequest(
  request: Pick<Request, "method" | "headers"> & { readonly url?: string },
  options: GuardOptions,
): GuardRefusal | undefined {
  if (!METHODS.has(request.method)) {
    return refusal(405, "method_refused", "This method is not supported.");
  }
  const host = request.headers.get("host")?.toLowerCase() ?? "";
  if (host === "") return refusal(400, "host_missing", "The Host header is missing.");
  const { allowedHosts } = options;
  // A name on the list is one host already.
  if (allowedHosts?.has(host)) return guardOrigin(request, host, options);
  if (!SINGLE_HOST.test(host)) {
    return refusal(400, "host_refused", "The Host header must hold exactly one host and port.");
  }
  if (allowedHosts !== undefined) {
    const names = [...allowedHosts].join(", ");
    return refusal(403, "host_refused", `This server answers only to the Host ${names}.`);
  }
  return guardOrigin(request, host, options);
}

function guardOrigin(
  request: Parameters<typeof guardRequest>[0],
  host: string,
  { allowedOrigins, pages }: GuardOptions,
): GuardRefusal | undefined {
  const { headers } = request;
  const origin = headers.get("origin");
  if (origin !== null) {
    const isOwn = origin === `http://${host}` || origin === `https://${host}`;
    if (isOwn || allowedOrigins?.has(origin)) return undefined;
    return refusal(403, "origin_refused", "Requests from this web origin are not allowed.");
  }
  // A browser leaves Origin out of navigations, images and scripts, but then says where they come from.
  const site = headers.get("sec-fetch-site");
  if (site === null || site === "none" || site === "same-origin") return undefined;
  if (pages && opensPage(request, pages)) return undefined;
  return refusal(403, "cross_site_refused", "Requests from other web sites are not allowed.");
}

/** A tab that goes to a page: nothing embeds it, and what it is shown no other site can read. */
function opensPage(
  { method, headers, url = "" }: Parameters<typeof guardRequest>[0],
  pages: ReadonlySet<string>,
): boolean {
  if (method !== "GET" || headers.get("sec-fetch-mode") !== "navigate") return false;
  if (headers.get("sec-fetch-dest") !== "document") return false;
  const path = URL.parse(url)?.pathname;
  return path !== undefined && pages.has(path);
}

function refusal(status: GuardRefusal["status"], code: GuardCode, reason: string): GuardRefusal {
  return { status, code, reason };
}
