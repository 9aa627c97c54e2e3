// Where a server listens, as people write it: host:port. Refuses shorthand that hides the host,
// because binding one address too many is how a local server becomes a public one.

import { z } from "zod";

/** A parsed `host:port`; IPv6 hostnames carry no brackets, port 0 asks the system for a free one. */
export interface BindAddress {
  readonly hostname: string;
  readonly port: number;
}

/** The text is not a bind address; the message names the expected form. */
export class BindAddressError extends Error {
  readonly code = "bind_address_invalid";

  constructor(text: string, problem: string) {
    super(
      `${JSON.stringify(text.slice(0, 100))} is not a bind address: ${problem}. ` +
        "Write host:port, for example 127.0.0.1:4000, [::1]:4000 or localhost:0 (0 picks a free port).",
    );
    this.name = "BindAddressError";
  }
}

const MAX_PORT = 65_535;
const MAX_HOSTNAME_LENGTH = 253;
const BRACKETED = /^\[([^\]]*)\]:([^:]*)$/;
const PLAIN = /^([^:[\]]*):([^:]*)$/;
const IPV6 = /^[0-9a-f:]{2,39}(?:\d+\.\d+\.\d+\.\d+)?$/i;
const HOSTNAME = /^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/i;
const LOOPBACK_IPV4 = /^127\.(?:\d{1,3})\.(?:\d{1,3})\.(?:\d{1,3})$/;

/** Reads `127.0.0.1:4000`, `[::1]:0` or `localhost:0`; throws BindAddressError. */
export function parseBindAddress(text: string): BindAddress {
  const bracketed = BRACKETED.exec(text);
  const match = bracketed ?? PLAIN.exec(text);
  if (match === null) throw new BindAddressError(text, missingPart(text));
  const [, hostname = "", portText = ""] = match;
  if (bracketed === null) checkHostname(text, hostname);
  else if (!isIpv6(hostname)) throw new BindAddressError(text, "the brackets hold no IPv6 address");
  return { hostname: hostname.toLowerCase(), port: parsePort(text, portText) };
}

/** Writes an address so that parseBindAddress reads it back; IPv6 in brackets. */
export function formatBindAddress({ hostname, port }: BindAddress): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

/** True only for names and literals that cannot be reached from another machine. */
export function isLoopback(hostname: string): boolean {
  const host = hostname.toLowerCase().replace(/^\[(.*)\]$/, "$1");
  if (host === "localhost" || host === "::1" || host === "0:0:0:0:0:0:0:1") return true;
  const ipv4 = host.startsWith("::ffff:") ? host.slice("::ffff:".length) : host;
  return LOOPBACK_IPV4.test(ipv4) && ipv4.split(".").every((part) => Number(part) <= 255);
}

function isIpv6(hostname: string): boolean {
  return IPV6.test(hostname) && URL.canParse(`http://[${hostname}]/`);
}

function checkHostname(text: string, hostname: string): void {
  if (hostname === "") throw new BindAddressError(text, "the host is missing");
  if (hostname === "*") {
    throw new BindAddressError(text, "a wildcard hides which interfaces are opened");
  }
  if (hostname.length > MAX_HOSTNAME_LENGTH || !HOSTNAME.test(hostname)) {
    throw new BindAddressError(text, "the host is neither a name nor an IP address");
  }
}

function parsePort(text: string, portText: string): number {
  const port = /^\d{1,5}$/.test(portText) ? Number(portText) : Number.NaN;
  if (!(port <= MAX_PORT)) {
    throw new BindAddressError(text, `the port must be a number from 0 to ${MAX_PORT}`);
  }
  return port;
}

function missingPart(text: string): string {
  if (/^\d+$/.test(text)) return "the host is missing";
  if (text.includes("://")) return "it is a URL";
  if (text.includes(":")) return "an IPv6 address needs brackets";
  return "the port is missing";
}

/** A setting that holds a bind address as text. */
export const BindAddressText = z.string().superRefine((text, context) => {
  try {
    parseBindAddress(text);
  } catch (error) {
    const message = error instanceof BindAddressError ? error.message : "must be host:port";
    context.addIssue({ code: "custom", message });
  }
});
