// A person with a browser, scripted: follows an authorization URL through the OpenID server with cookies and
// forms, and stops where the server sends it away, to the callback. Refuses to run scripts or to judge pages.

import { ACCOUNT_HEADER, DECISION_HEADER, DEFAULT_ACCOUNT } from "./oidc-interaction.ts";

/** Pages before a login counts as going in circles. */
const MAX_PAGES = 20;

/** Who sits at the browser. */
export interface BrowserOptions {
  readonly account?: string;
  /** Says no where the server asks for consent. */
  readonly denies?: boolean;
}

interface Page {
  readonly url: URL;
  readonly status: number;
  readonly redirect: URL | undefined;
  readonly text: string;
}

/** One browser; it stays signed in. */
export class ScriptedBrowser {
  readonly #cookies = new Map<string, Bun.Cookie>();
  readonly #headers: Readonly<Record<string, string>>;

  constructor({ account = DEFAULT_ACCOUNT, denies = false }: BrowserOptions = {}) {
    this.#headers = { [ACCOUNT_HEADER]: account, [DECISION_HEADER]: denies ? "deny" : "accept" };
  }

  /** Signs in and agrees; returns the callback URL without calling it, for a test to tamper with. */
  async authorize(authorizationUrl: string): Promise<URL> {
    const { redirect, status, text } = await this.#browse(new URL(authorizationUrl));
    if (redirect) return redirect;
    throw new Error(`No redirect but ${status}: ${text}`);
  }

  /** Signs in, agrees and calls the callback, as a browser does; returns what the callback answered. */
  async login(authorizationUrl: string): Promise<Response> {
    return fetch(await this.authorize(authorizationUrl), { redirect: "manual" });
  }

  /** Enters the code of a device, confirms it, signs in and agrees; returns the text of the last page. */
  async enterUserCode(verificationUri: string, userCode: string): Promise<string> {
    const { text } = await this.#browse(new URL(verificationUri), { userCode });
    return text;
  }

  /** Opens a page and whatever it leads to on its own origin. */
  async #browse(start: URL, { userCode = "" } = {}): Promise<Page> {
    let page = await this.#open(start);
    let typed = userCode;
    for (let pages = 0; pages < MAX_PAGES; pages += 1) {
      const { url, redirect, text } = page;
      if (redirect && redirect.origin !== start.origin) return page;
      if (redirect) {
        page = await this.#open(redirect);
        continue;
      }
      const form = readForm(text);
      const asksForCode = form?.fields.get("user_code") === "";
      // A second question for the code is how the server says that the first one ended badly.
      if (!form || (asksForCode && !typed)) return page;
      if (asksForCode) {
        form.fields.set("user_code", typed);
        typed = "";
      }
      page = await this.#open(new URL(form.action, url), form.fields);
    }
    throw new Error(`${start.origin} leads in circles.`);
  }

  async #open(url: URL, fields?: URLSearchParams): Promise<Page> {
    const cookie = [...this.#cookies.values()]
      .filter(({ path }) => url.pathname.startsWith(path))
      .map(({ name, value }) => `${name}=${value}`)
      .join("; ");
    const answer = await fetch(url, {
      redirect: "manual",
      headers: { ...this.#headers, cookie },
      ...(fields && { method: "POST", body: fields }),
    });
    for (const line of answer.headers.getSetCookie()) this.#keep(Bun.Cookie.parse(line));
    const { status } = answer;
    const location = answer.headers.get("location");
    const redirect = location ? new URL(location, url) : undefined;
    return { url, status, redirect, text: await answer.text() };
  }

  #keep(cookie: Bun.Cookie): void {
    const key = `${cookie.path} ${cookie.name}`;
    if (cookie.isExpired()) this.#cookies.delete(key);
    else this.#cookies.set(key, cookie);
  }
}

interface Form {
  readonly action: string;
  readonly fields: URLSearchParams;
}

function readForm(html: string): Form | undefined {
  let action: string | undefined;
  const fields = new URLSearchParams();
  new HTMLRewriter()
    .on("form", { element: (form) => void (action = form.getAttribute("action") ?? "") })
    .on("form input[name]", {
      element: (input) =>
        fields.set(input.getAttribute("name") ?? "", input.getAttribute("value") ?? ""),
    })
    .transform(html);
  return action === undefined ? undefined : { action, fields };
}
