// Which hosts of upstreams may be in the operator's own network: those they wrote down exactly. A name that merely
// resolves into it must be listed, and an address of this link, where clouds keep credentials, always.

import {
  type AddressGuard,
  guardAddresses,
  isLinkLocal,
  literalAddress,
  type Logger,
} from "#platform";
import type { Provider } from "./provider.ts";

type Upstream = Pick<Provider, "baseUrl" | "isServedWith">;

/** The hosts that may be called whatever they resolve to: `listed`, and what the upstreams' own URLs say plainly. */
export function trustedHosts(
  upstreams: readonly Upstream[],
  listed: readonly string[],
): ReadonlySet<string> {
  const written = upstreams.flatMap(({ baseUrl, isServedWith }) => {
    const hostname = URL.parse(baseUrl)?.hostname ?? "";
    const address = literalAddress(hostname);
    if (address !== undefined) return isLinkLocal(address) ? [] : [address];
    // A model server of the operator's own is where they say, and `localhost` can be nothing else.
    return hostname === "localhost" || isServedWith === "entry" ? [hostname] : [];
  });
  return new Set([...written, ...listed.map((host) => host.toLowerCase())]);
}

/** The guard of all calls to upstreams; the log says which address was refused, and how to allow it. */
export function guardUpstreams(
  upstreams: readonly Upstream[],
  { listed, log }: { listed: readonly string[]; log: Logger },
): AddressGuard {
  return guardAddresses({
    trustedHosts: trustedHosts(upstreams, listed),
    onRefuse: (host, address) =>
      log.warn("an upstream is not called: its host has an address that is not public", {
        host,
        address,
        fix: `If that is where it should be, add ${host.replace(/^\[|\]$/g, "")} to gateway.trustedHosts.`,
      }),
  });
}
