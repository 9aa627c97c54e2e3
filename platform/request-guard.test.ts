// Who may call a server on loopback, judged by method, Host, Origin and Sec-Fetch-Site alone.

import { describe, expect, test } from "bun:test";
import {
  type GuardCode,
  type GuardOptions,
  guardRequest,
  listedHosts,
  loopbackHosts,
} from "./request-guard.ts";

const HOST = "127.0.0.1:4000";
const LOOPBACK: GuardOptions = {
  allowedHosts: loopbackHosts(4000),
  allowedOrigins: new Set(["https://app.example"]),
};

function guard(headers: Record<string, string>, { method = "POST", options = LOOPBACK } = {}) {
  return guardRequest({ method, headers: new Headers(headers) }, options);
}

describe("a server on loopback accepts", () => {
  const accepted: [string, Record<string, string>][] = [
    ["its own address", { host: HOST }],
    ["localhost", { host: "localhost:4000" }],
    ["localhost in capitals", { host: "LOCALHOST:4000" }],
    ["IPv6 loopback", { host: "[::1]:4000" }],
    ["its own origin", { host: HOST, origin: `http://${HOST}` }],
    [
      "an origin on the list",
      { host: HOST, origin: "https://app.example", "sec-fetch-site": "cross-site" },
    ],
    ["a typed address", { host: HOST, "sec-fetch-site": "none" }],
    ["its own page", { host: HOST, "sec-fetch-site": "same-origin" }],
  ];
  for (const [name, headers] of accepted) {
    test(name, () => expect(guard(headers)).toBeUndefined());
  }

  test("a Host without port only on port 80", () => {
    const headers = new Headers({ host: "localhost" });
    const on80 = guardRequest({ method: "GET", headers }, { allowedHosts: loopbackHosts(80) });
    expect(on80).toBeUndefined();
    expect(guard({ host: "localhost" })?.code).toBe("host_refused");
  });
});

describe("a page that holds nothing by itself", () => {
  const options: GuardOptions = { ...LOOPBACK, pages: new Set(["/page"]) };
  const tab = {
    host: HOST,
    "sec-fetch-site": "cross-site",
    "sec-fetch-mode": "navigate",
    "sec-fetch-dest": "document",
  };
  const open = (headers: Record<string, string>, { method = "GET", path = "/page" } = {}) =>
    guardRequest({ method, headers: new Headers(headers), url: `http://${HOST}${path}` }, options)
      ?.code;

  test("may be opened in a tab by a link on another site", () => {
    expect(open(tab)).toBeUndefined();
    expect(open(tab, { path: "/page?x=1" })).toBeUndefined();
  });

  test("may not be embedded, fetched or posted to from there, nor called by another name", () => {
    expect(open({ ...tab, "sec-fetch-dest": "iframe" })).toBe("cross_site_refused");
    expect(open({ ...tab, "sec-fetch-mode": "no-cors" })).toBe("cross_site_refused");
    expect(open(tab, { method: "POST" })).toBe("cross_site_refused");
    expect(open({ ...tab, origin: "https://evil.example" })).toBe("origin_refused");
    expect(open({ ...tab, host: "evil.example:4000" })).toBe("host_refused");
  });

  test("opens no other path", () => {
    for (const path of ["/", "/page/", "/page/data", "//page", "/x/page"]) {
      expect(open(tab, { path })).toBe("cross_site_refused");
    }
  });
});

test("a Host without port is accepted where the scheme implies it", () => {
  expect(loopbackHosts(443, { scheme: "https" }).has("localhost")).toBe(true);
  expect(loopbackHosts(80, { scheme: "https" }).has("localhost")).toBe(false);
});

test("a listed name stands for itself and for the port that is bound; with a port, for that only", () => {
  expect([...listedHosts(["A.example", "b.example:1", "[::2]"], 4000)]).toEqual([
    "a.example",
    "a.example:4000",
    "b.example:1",
    "[::2]",
    "[::2]:4000",
  ]);
});

describe("a server on loopback refuses", () => {
  const refused: [string, Record<string, string>, number, GuardCode][] = [
    ["no Host", {}, 400, "host_missing"],
    ["an empty Host", { host: "" }, 400, "host_missing"],
    ["a rebound name", { host: "evil.example:4000" }, 403, "host_refused"],
    ["another port", { host: "127.0.0.1:4001" }, 403, "host_refused"],
    ["a name that starts well", { host: "127.0.0.1:4000.evil.example" }, 400, "host_refused"],
    ["a loopback look-alike", { host: "127.0.0.2:4000" }, 403, "host_refused"],
    ["two Hosts joined by the server", { host: `${HOST}, evil.example` }, 400, "host_refused"],
    ["a Host with a user part", { host: "127.0.0.1:4000@evil.example" }, 400, "host_refused"],
    ["a Host with a path", { host: `${HOST}/x` }, 400, "host_refused"],
    ["a foreign origin", { host: HOST, origin: "https://evil.example" }, 403, "origin_refused"],
    ["the null origin", { host: HOST, origin: "null" }, 403, "origin_refused"],
    ["an empty origin", { host: HOST, origin: "" }, 403, "origin_refused"],
    [
      "another port's origin",
      { host: HOST, origin: "http://127.0.0.1:3000" },
      403,
      "origin_refused",
    ],
    [
      "another name's origin",
      { host: HOST, origin: "http://localhost:4000" },
      403,
      "origin_refused",
    ],
    [
      "two origins",
      { host: HOST, origin: `http://${HOST}, https://evil.example` },
      403,
      "origin_refused",
    ],
    [
      "a cross-site image",
      { host: HOST, "sec-fetch-site": "cross-site" },
      403,
      "cross_site_refused",
    ],
    [
      "a page on another port",
      { host: HOST, "sec-fetch-site": "same-site" },
      403,
      "cross_site_refused",
    ],
  ];
  for (const [name, headers, status, code] of refused) {
    test(name, () => expect(guard(headers)).toMatchObject({ status, code }));
  }

  for (const method of ["CONNECT", "TRACE", "PROPFIND", "get"]) {
    test(`the method ${method}`, () =>
      expect(guard({ host: HOST }, { method })).toMatchObject({ status: 405 }));
  }
});

test("a server beyond loopback takes any single Host, but no foreign origin", () => {
  const open = { options: { allowedHosts: undefined } };
  expect(guard({ host: "team.example" }, open)).toBeUndefined();
  expect(guard({ host: "team.example", origin: "https://team.example" }, open)).toBeUndefined();
  expect(guard({ host: "a.example, b.example" }, open)?.code).toBe("host_refused");
  expect(guard({ host: "team.example", origin: "https://b.example" }, open)?.code).toBe(
    "origin_refused",
  );
});
