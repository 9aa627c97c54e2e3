// Hosts in the operator's own network, and how each of them comes to be trusted.

import { expect, test } from "bun:test";
import { trustedHosts } from "./trusted-hosts.ts";

const trusted = (baseUrl: string, more: object = {}, listed: string[] = []) => [
  ...trustedHosts([{ baseUrl, ...more }], listed),
];

test("an address that an upstream's URL spells out is trusted, in whatever spelling", () => {
  expect(trusted("http://10.0.0.9:8000/v1")).toEqual(["10.0.0.9"]);
  expect(trusted("http://[::1]:8000")).toEqual(["::1"]);
  expect(trusted("http://127.1:8000")).toEqual(["127.0.0.1"]);
  expect(trusted("http://localhost:8000")).toEqual(["localhost"]);
});

test("an address of this link is trusted only when it is listed", () => {
  expect(trusted("http://169.254.169.254/v1")).toEqual([]);
  expect(trusted("http://169.254.169.254/v1", {}, ["169.254.169.254"])).toEqual([
    "169.254.169.254",
  ]);
});

test("a name is trusted when it is listed, or names a model server of the operator's own", () => {
  expect(trusted("http://vllm.lan:8000/v1")).toEqual([]);
  expect(trusted("http://vllm.lan:8000/v1", {}, ["VLLM.lan"])).toEqual(["vllm.lan"]);
  expect(trusted("http://vllm.lan:8000/v1", { isServedWith: "entry" })).toEqual(["vllm.lan"]);
  expect(trusted("https://api.openai.com/v1")).toEqual([]);
});
