// Addresses that no upstream may have, in every spelling, and names that begin to point at one.

import { expect, test } from "bun:test";
import { ADDRESS_TTL_MS, guardAddresses, isLinkLocal, isPublicAddress } from "./address-guard.ts";
import { createOutbound } from "./outbound.ts";

const INSIDE = [
  "0.0.0.0 10.0.0.1 100.64.0.1 127.0.0.1 127.255.255.254 169.254.169.254",
  "172.16.0.1 172.31.255.255 192.168.1.1 198.18.0.1 224.0.0.1 255.255.255.255",
  ":: ::1 fc00::1 fd12::1 fe80::1 fec0::1 ff02::1",
  "::ffff:10.0.0.1 ::ffff:7f00:1 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 2002:a00:1::",
].flatMap((line) => line.split(" "));
const OUTSIDE = [
  "8.8.8.8 100.63.255.255 100.128.0.1 172.32.0.1 192.169.0.1 198.20.0.1",
  "2606:4700::1111 ::ffff:8.8.8.8 64:ff9b::808:808 2002:808:808::",
].flatMap((line) => line.split(" "));

test.each(INSIDE)("%s is not public", (address) => expect(isPublicAddress(address)).toBe(false));
test.each(OUTSIDE)("%s is public", (address) => expect(isPublicAddress(address)).toBe(true));

test("only the addresses of a link are link-local", () => {
  expect([...INSIDE, ...OUTSIDE].filter(isLinkLocal)).toEqual(["169.254.169.254", "fe80::1"]);
});

/** A guard over a name service of the test's own. */
function guarded(names: Record<string, string[]>, trusted: readonly string[] = []) {
  const asked: string[] = [];
  const refused: [string, string][] = [];
  let nowMs = 0;
  const guard = guardAddresses({
    trustedHosts: new Set(trusted),
    onRefuse: (...what) => refused.push(what),
    lookUp: (hostname) => {
      asked.push(hostname);
      const addresses = names[hostname];
      return addresses
        ? Promise.resolve(addresses.map((address) => ({ address })))
        : Promise.reject(new Error("ENOTFOUND"));
    },
    nowMs: () => nowMs,
  });
  return { guard, asked, refused, names, wait: (ms: number) => void (nowMs += ms) };
}

async function admitted(guard: ReturnType<typeof guarded>["guard"], hostname: string) {
  try {
    await guard.admit(hostname);
    return true;
  } catch (error) {
    expect(error).toMatchObject({ code: "address_refused" });
    // Callers read what follows the host; where it leads to is for the operator alone.
    expect(String(error).replace(hostname, "")).not.toMatch(/\d+\.\d+|::/);
    return false;
  }
}

test("a name with one inner address among public ones is refused, and the operator learns which", async () => {
  const { guard, refused } = guarded({ "mixed.example": ["8.8.8.8", "10.0.0.5"] });
  expect(await admitted(guard, "mixed.example")).toBe(false);
  expect(refused).toEqual([["mixed.example", "10.0.0.5"]]);
});

test("a name that was public is looked at again, and refused once it points inside", async () => {
  const { guard, asked, names, wait } = guarded({ "a.example": ["8.8.8.8"] });
  expect(await admitted(guard, "a.example")).toBe(true);
  names["a.example"] = ["127.0.0.1"];
  expect(guard.admit("a.example")).toBeUndefined();
  wait(ADDRESS_TTL_MS + 1);
  expect(await admitted(guard, "a.example")).toBe(false);
  expect(await admitted(guard, "a.example")).toBe(false);
  expect(asked).toHaveLength(3);
});

test("a trusted name, or address, is not looked up", async () => {
  const { guard, asked } = guarded({}, ["vllm.lan", "10.0.0.9", "::1"]);
  for (const host of ["vllm.lan", "10.0.0.9", "[::1]"]) expect(guard.admit(host)).toBeUndefined();
  expect(asked).toEqual([]);
  expect(await admitted(guard, "10.0.0.8")).toBe(false);
  expect(await admitted(guard, "[fe80::1]")).toBe(false);
});

test("a name that nobody knows is left to fail by itself", async () => {
  const { guard } = guarded({});
  expect(await admitted(guard, "no-such.example")).toBe(true);
});

test("a refused call reaches no socket", async () => {
  let calls = 0;
  const outbound = createOutbound({
    guard: guardAddresses({ trustedHosts: new Set() }),
    fetch: () => {
      calls += 1;
      return Promise.resolve(new Response());
    },
  });
  for (const url of [
    "http://127.0.0.1:9/",
    "http://localhost:9/",
    "http://2130706433/",
    "http://[::ffff:10.0.0.1]/",
  ]) {
    const call = outbound.send({ url, headers: {}, signal: new AbortController().signal });
    await expect(call).rejects.toMatchObject({ code: "address_refused" });
  }
  expect(calls).toBe(0);
});
