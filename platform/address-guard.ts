// Which addresses may be called: public ones, and those of hosts that somebody trusts by name. Looks at what a name
// resolves to, so that a name that begins to point into the own network is not followed there. Refuses nothing that
// the name service refuses: that call fails by itself.

import { lookup as lookUpAddress } from "node:dns/promises";
import { BlockList, isIP } from "node:net";
import { OutboundError } from "./outbound-error.ts";

/** How long the look-up of a name counts, in ms. The runtime looks up again for itself, within about the same time. */
export const ADDRESS_TTL_MS = 30_000;
/** Most names that are remembered. */
export const MAX_GUARDED_HOSTS = 256;

// Special-purpose addresses (RFC 6890 and its registries) of which none is somebody's public server.
const IPV4: readonly (readonly [string, number])[] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
];
const IPV6: readonly (readonly [string, number])[] = [
  ["::", 127],
  ["fc00::", 7],
  ["fe80::", 10],
  ["fec0::", 10],
  ["ff00::", 8],
];
/** An IPv4 address inside NAT64 (RFC 6052) and 6to4 (RFC 3056), and how many bits stand before it. */
const EMBEDDINGS: readonly { bits: number; write: (hex: string) => string }[] = [
  { bits: 96, write: (hex) => `64:ff9b::${hex}` },
  { bits: 16, write: (hex) => `2002:${hex}::` },
];

const linkLocal = new BlockList();
linkLocal.addSubnet("169.254.0.0", 16, "ipv4");
linkLocal.addSubnet("fe80::", 10, "ipv6");

const notPublic = new BlockList();
for (const [address, bits] of IPV6) notPublic.addSubnet(address, bits, "ipv6");
for (const [address, bits] of IPV4) {
  notPublic.addSubnet(address, bits, "ipv4");
  const hex = Buffer.from(address.split(".").map(Number)).toString("hex");
  const words = `${hex.slice(0, 4)}:${hex.slice(4)}`;
  for (const embedding of EMBEDDINGS) {
    notPublic.addSubnet(embedding.write(words), embedding.bits + bits, "ipv6");
  }
}

/** True for an address that is on no public network: loopback, private, link-local, reserved, multicast. */
export function isPublicAddress(address: string): boolean {
  return !notPublic.check(address, familyOf(address));
}

/** True for an address of this link alone, where clouds keep their metadata services. */
export function isLinkLocal(address: string): boolean {
  return linkLocal.check(address, familyOf(address));
}

function familyOf(address: string): "ipv4" | "ipv6" {
  return isIP(address) === 6 ? "ipv6" : "ipv4";
}

/** A URL's hostname as an address: without the brackets of IPv6; undefined for a name. */
export function literalAddress(hostname: string): string | undefined {
  const bare = hostname.replace(/^\[|\]$/g, "");
  return isIP(bare) === 0 ? undefined : bare;
}

/** Lets calls out, or not. */
export interface AddressGuard {
  /** Looks at a URL's hostname; throws, or rejects with, OutboundError `address_refused`. Nothing to wait for while it is known. */
  admit(hostname: string): Promise<void> | undefined;
}

/** Every address a name has. */
export type LookUp = (hostname: string) => Promise<readonly { readonly address: string }[]>;

/** What a guard goes by. */
export interface AddressGuardOptions {
  /** Hostnames, and addresses without brackets, that may be called whatever they resolve to; in lower case. */
  readonly trustedHosts: ReadonlySet<string>;
  /** Told of each refusal, with the address that callers must not learn. */
  readonly onRefuse?: (hostname: string, address: string) => void;
  readonly lookUp?: LookUp;
  readonly nowMs?: () => number;
}

/** A guard for calls to hosts that other people's servers are supposed to be on. */
export function guardAddresses({
  trustedHosts,
  onRefuse = () => {},
  lookUp = (hostname) => lookUpAddress(hostname, { all: true }),
  nowMs = () => performance.now(),
}: AddressGuardOptions): AddressGuard {
  const admittedUntilMs = new Map<string, number>();

  function check(hostname: string, addresses: readonly string[]): void {
    const inside = addresses.find((address) => !isPublicAddress(address));
    if (inside === undefined) return;
    onRefuse(hostname, inside);
    const problem = "its address is not a public one, and it is not among the trusted hosts";
    throw new OutboundError("address_refused", hostname, problem);
  }

  async function resolve(hostname: string): Promise<void> {
    const found = await lookUp(hostname).catch(() => []);
    check(
      hostname,
      found.map(({ address }) => address),
    );
    if (admittedUntilMs.size >= MAX_GUARDED_HOSTS) admittedUntilMs.clear();
    if (found.length > 0) admittedUntilMs.set(hostname, nowMs() + ADDRESS_TTL_MS);
  }

  return {
    admit: (hostname) => {
      const literal = literalAddress(hostname);
      if (trustedHosts.has(literal ?? hostname)) return undefined;
      if (literal !== undefined) {
        check(hostname, [literal]);
        return undefined;
      }
      if ((admittedUntilMs.get(hostname) ?? 0) > nowMs()) return undefined;
      return resolve(hostname);
    },
  };
}
