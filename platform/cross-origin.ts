// Which web pages, beyond the server's own, may read its answers (CORS): those of listed origins, exactly as browsers
// send them. Never answers with `*` for an origin and never takes cookies: a page shows its key in a header, or has none.

/** Seconds for which a browser need not ask again. */
export const PREFLIGHT_SECONDS = 600;
/** Longest list of header names that a preflight may ask for, in characters. */
export const MAX_ASKED_HEADERS_CHARS = 4_096;

const METHODS = "GET, POST, DELETE";
const HEADER_NAMES = /^[\w!#$%&'*+.^`|~-]+(?: *, *[\w!#$%&'*+.^`|~-]+)*$/;

/** Lets pages of some origins in. */
export class CrossOrigin {
  readonly #origins: ReadonlySet<string>;

  constructor(origins: readonly string[]) {
    this.#origins = new Set(origins);
  }

  /** The answer to a listed page that asks whether it may send a request; undefined for any other request. */
  preflight({ method, headers }: Pick<Request, "method" | "headers">): Response | undefined {
    if (method !== "OPTIONS" || !this.#lists(headers)) return undefined;
    if (!headers.has("access-control-request-method")) return undefined;
    const asked = headers.get("access-control-request-headers") ?? "";
    const isNamed = asked.length <= MAX_ASKED_HEADERS_CHARS && HEADER_NAMES.test(asked);
    return new Response(null, {
      status: 204,
      headers: {
        "access-control-allow-methods": METHODS,
        ...(isNamed && { "access-control-allow-headers": asked }),
        "access-control-max-age": String(PREFLIGHT_SECONDS),
        ...(headers.get("access-control-request-private-network") === "true" && {
          "access-control-allow-private-network": "true",
        }),
      },
    });
  }

  /** Says on an answer who may read it. */
  mark({ headers: asked }: Pick<Request, "headers">, { headers }: Response): void {
    if (this.#origins.size === 0) return;
    headers.append("vary", "origin");
    const origin = asked.get("origin");
    if (origin === null || !this.#origins.has(origin)) return;
    headers.set("access-control-allow-origin", origin);
    // Of a request without cookies this means every header.
    headers.set("access-control-expose-headers", "*");
  }

  #lists(headers: Headers): boolean {
    const origin = headers.get("origin");
    return origin !== null && this.#origins.has(origin);
  }
}
