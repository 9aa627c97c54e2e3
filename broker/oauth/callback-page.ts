// The pages a browser sees at the end of a login. Self-contained: nothing is loaded, nothing runs, and
// nothing of the request is repeated.

import { createHash } from "node:crypto";

const STYLE =
  "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:20vh auto;padding:0 1rem}";
const STYLE_HASH = createHash("sha256").update(STYLE).digest("base64");

const HEADERS = {
  "content-type": "text/html; charset=utf-8",
  "content-security-policy": `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  "cache-control": "no-store",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  connection: "close",
};

const PAGES = {
  done: [200, "Back to the terminal", "You can close this tab; the terminal says how it went."],
  failed: [400, "The login failed", "The terminal says why. You can close this tab."],
  ignored: [400, "Not the login that is waiting", "Begin again with the address in the terminal."],
  over: [410, "This login is over", "You can close this tab."],
  notFound: [404, "Nothing here", "Only the end of a login is answered at this address."],
  wrongMethod: [405, "Nothing here", "Only the end of a login is answered at this address."],
} as const;

/** How a login may look to the browser. */
export type CallbackPage = keyof typeof PAGES;

/** One of the pages. */
export function callbackPage(page: CallbackPage): Response {
  const [status, title, text] = PAGES[page];
  const body = `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title}</title><style>${STYLE}</style><h1>${title}</h1><p>${text}</p></html>`;
  const allow = page === "wrongMethod" ? { allow: "GET" } : {};
  return new Response(body, { status, headers: { ...HEADERS, ...allow } });
}
