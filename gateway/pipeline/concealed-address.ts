// Upstreams name themselves in what they complain of, and where an operator's upstream is concerns no caller: its host
// becomes the provider's id. The vendors' own public addresses stay, because their words are passed on as they are.

import { redact } from "#platform";
import type { Failure } from "#wire";
import type { GatewayError } from "../errors.ts";
import { UpstreamFailed } from "../errors.ts";
import { builtInProviders } from "../providers/index.ts";
import type { Provider } from "../providers/provider.ts";
import type { OwnCredential } from "./own-credential.ts";
import { UpstreamRefused } from "./dispatch.ts";
import type { Attempt } from "./route.ts";

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
export function concealed(
  error: GatewayError,
  { target: { provider }, lease: { own } }: Pick<Attempt, "target" | "lease">,
): GatewayError {
  const address = concealerOf(provider);
  if (address === redact && !own) return error;
  const conceal: Conceal = own ? (text) => address(own.hideIn(text)) : address;
  const { headers, cause } = error;
  const failure = own ? withoutOwn(error.failure, own) : error.failure;
  const message = conceal(failure.message);
  if (error instanceof UpstreamRefused) {
    const body = conceal(error.body);
    if (!own && message === failure.message && body === error.body) return error;
    const { format, status } = error;
    return new UpstreamRefused({ ...failure, message }, { format, status, body, headers });
  }
  if (!own && message === failure.message) return error;
  return new UpstreamFailed({ ...failure, message }, { cause, headers });
}

/** Some vendors put what they refuse into the code. */
function withoutOwn({ code, ...failure }: Failure, own: OwnCredential): Failure {
  return { ...failure, ...(code !== undefined && { code: own.hideIn(code) }) };
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
