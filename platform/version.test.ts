// The version everybody prints is the one that was released.

import { expect, test } from "bun:test";
import { VERSION } from "./version.ts";

test("the version is package.json's", async () => {
  const { version } = await Bun.file(new URL("../package.json", import.meta.url)).json();
  expect(VERSION).toBe(version);
  expect(VERSION).toMatch(/^\d+\.\d+\.\d+/);
});
