// What an audit record says about credentials: names while they fit, numbers when they do not.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { auditContent, credentialsTarget, MAX_TEXT_CHARS } from "./audit-event.ts";

test("credentials are named by provider and id", () => {
  const credentials = [
    { id: 4, provider: "openai" },
    { id: 9, provider: "anthropic" },
    { id: 7, provider: "openai" },
  ];
  expect(credentialsTarget(credentials)).toBe("openai 4,7; anthropic 9");
  expect(credentialsTarget([])).toBe("");
});

test("too many to name are counted by provider", () => {
  const credentials = Array.from({ length: 200 }, (_, index) => ({
    id: 1_000_000 + index,
    provider: index < 50 ? "openai" : "anthropic",
  }));
  expect(credentialsTarget(credentials)).toBe("200 credentials: openai x50; anthropic x150");
});

test("any text becomes bounded, printable and stable under writing to a file and back", () => {
  const anyText = fc.string({ unit: "binary", maxLength: 700 });
  fc.assert(
    fc.property(anyText, (text) => {
      const { detail } = auditContent({ actor: "a", action: "usage.read", detail: text }, 1);
      expect(detail.length).toBeLessThanOrEqual(MAX_TEXT_CHARS);
      expect(detail).not.toMatch(/[\p{C}\uFFFD]/u);
      expect(Buffer.from(detail, "utf8").toString("utf8")).toBe(detail);
    }),
    { numRuns: 2_000 },
  );
});
