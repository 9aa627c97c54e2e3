// What counts as an address to listen on, and which ones stay on this machine.

import { describe, expect, test } from "bun:test";
import {
  BindAddressError,
  formatBindAddress,
  isLoopback,
  parseBindAddress,
} from "./bind-address.ts";

describe("parseBindAddress", () => {
  const good: [string, string, number][] = [
    ["127.0.0.1:4000", "127.0.0.1", 4000],
    ["localhost:0", "localhost", 0],
    ["[::1]:0", "::1", 0],
    ["[::ffff:127.0.0.1]:9", "::ffff:127.0.0.1", 9],
    ["0.0.0.0:65535", "0.0.0.0", 65535],
    ["Build-Host.example:80", "build-host.example", 80],
  ];
  for (const [text, hostname, port] of good) {
    test(`${text} is read, and written back equal`, () => {
      const address = parseBindAddress(text);
      expect(address).toEqual({ hostname, port });
      expect(formatBindAddress(address)).toBe(text.toLowerCase());
    });
  }

  const bad: [string, string][] = [
    ["4000", "the host is missing"],
    [":4000", "the host is missing"],
    ["127.0.0.1", "the port is missing"],
    ["127.0.0.1:", "the port must be a number"],
    ["127.0.0.1:65536", "the port must be a number"],
    ["127.0.0.1:-1", "the port must be a number"],
    ["127.0.0.1:4e3", "the port must be a number"],
    ["::1:4000", "an IPv6 address needs brackets"],
    ["[localhost]:4000", "the brackets hold no IPv6 address"],
    ["[:::::]:4000", "the brackets hold no IPv6 address"],
    ["http://127.0.0.1:4000", "it is a URL"],
    ["*:4000", "a wildcard hides"],
    ["a b:4000", "neither a name nor an IP address"],
    ["user@host:4000", "neither a name nor an IP address"],
    ["", "the port is missing"],
  ];
  for (const [text, problem] of bad) {
    test(`${JSON.stringify(text)} is refused, naming the problem and the form`, () => {
      expect(() => parseBindAddress(text)).toThrow(BindAddressError);
      expect(() => parseBindAddress(text)).toThrow(problem);
      expect(() => parseBindAddress(text)).toThrow("127.0.0.1:4000");
    });
  }
});

describe("isLoopback", () => {
  for (const hostname of ["127.0.0.1", "127.9.9.9", "localhost", "LOCALHOST", "::1", "[::1]"]) {
    test(`${hostname} stays on this machine`, () => expect(isLoopback(hostname)).toBe(true));
  }
  const open = [
    "0.0.0.0",
    "::",
    "192.168.0.1",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "127.1",
    "127.0.0.999",
    "",
  ];
  for (const hostname of open) {
    test(`${JSON.stringify(hostname)} is treated as reachable from outside`, () =>
      expect(isLoopback(hostname)).toBe(false));
  }
});
