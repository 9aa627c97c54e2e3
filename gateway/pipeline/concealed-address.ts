// Upstreams name themselves in what they complain of, and where an operator's upstream is concerns no caller: its host
// becomes the provider's id. The vendors' own public addresses stay, because their words are passed on as they are.

import { redact } from "#platform";
import type { GatewayError } from "../errors.ts";
import { UpstreamFailed } from "../errors.ts";
import { builtInProviders } from "../providers/index.ts";
import type { Provider } from "../providers/provider.ts";
import { UpstreamRefused } from "./dispatch.ts";

// Makes a text of an upstream fit for callers: no secret, no address.
type Conceal = (text: string) => string;

const known = new WeakMap<Provider, Conceal>();

/** What may be said of a provider. */
export function concealerOf(provider: Provider): Conceal {
  const made = known.get(provider) ?? makeConcealer(provider);
  known.set(provider, made);
  return made;
}

/** The error as its caller may see it; the same one when there is nothing to hide. */
export function concealed(error: GatewayError, provider: Provider): GatewayError {
  const conceal = concealerOf(provider);
  if (conceal === redact) return error;
  const { failure, headers, cause } = error;
  const message = conceal(failure.message);
  if (error instanceof UpstreamRefused) {
    const body = conceal(error.body);
    if (message === failure.message && body === error.body) return error;
    const { format, status } = error;
    return new UpstreamRefused({ ...failure, message }, { format, status, body, headers });
  }
  if (message === failure.message) return error;
  return new UpstreamFailed({ ...failure, message }, { cause, headers });
}

function makeConcealer({ id, baseUrl }: Provider): Conceal {
  const url = URL.parse(baseUrl);
  if (!url || url.hostname === "" || PUBLIC_HOSTS.has(url.host)) return redact;
  const host = escape(url.hostname);
  // A name of one label may be an ordinary word: only where it stands as an address.
  const isWord = !/[.:]/.test(url.hostname);
  const pattern = isWord
    ? `(?<=//)${host}(?::\\d+)?(?![\\w.-])|(?<![\\w.-])${host}:\\d+`
    : `(?<![\\w.-])${host}(?::\\d+)?(?![\\w-])`;
  const address = new RegExp(pattern, "gi");
  return (text) => redact(text).replace(address, () => id);
}

const PUBLIC_HOSTS: ReadonlySet<string> = new Set(
  builtInProviders.flatMap(({ baseUrl }) => URL.parse(baseUrl)?.host ?? []),
);

function escape(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
