// The bodies that clients send: bounded, and refused at the place that is wrong.

import { describe, expect, test } from "bun:test";
import type { z } from "zod";
import { CredentialBlock } from "./block.ts";
import { DisableRequest } from "./disable.ts";
import { LimitsUpload, MAX_LIMIT_HEADERS } from "./limits.ts";
import { MAX_OBSERVED_ENTRIES, ObservedUsageUpload } from "./observed-usage.ts";
import { UsageReports } from "./usage.ts";

function problems(schema: z.ZodType, value: unknown): string[] {
  const result = schema.safeParse(value);
  return result.success ? [] : result.error.issues.map((issue) => issue.path.join("."));
}

const used = {
  at: 1,
  provider: "openai",
  model: "m",
  requests: 1,
  inputTokens: 2,
  outputTokens: 3,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  costUsd: 0.5,
};

function entries(length: number) {
  return Array.from({ length }, () => ({ ...used }));
}

describe("an upload of observed usage", () => {
  const upload = { installId: "i-1", hostname: "h", app: "a", entries: [used] };

  test("is accepted whole, and up to its bound", () => {
    expect(problems(ObservedUsageUpload, upload)).toEqual([]);
    const full = { installId: "i-1", entries: entries(MAX_OBSERVED_ENTRIES) };
    expect(problems(ObservedUsageUpload, full)).toEqual([]);
  });

  test.each([
    ["entries", { ...upload, entries: entries(MAX_OBSERVED_ENTRIES + 1) }],
    ["installId", { ...upload, installId: "" }],
    ["entries.0.model", { ...upload, entries: [{ ...used, model: "m".repeat(257) }] }],
    ["entries.0.requests", { ...upload, entries: [{ ...used, requests: -1 }] }],
    ["entries.0.costUsd", { ...upload, entries: [{ ...used, costUsd: Infinity }] }],
    ["", { ...upload, more: 1 }],
  ])("is refused at %j", (place, value) => {
    expect(problems(ObservedUsageUpload, value)).toEqual([place]);
  });
});

test("a cool-down and a cause are refused with a key too many", () => {
  const block = { providerKey: "openai", blockScope: "all", blockedUntilMs: 9 };
  expect(problems(CredentialBlock, block)).toEqual([]);
  expect(problems(CredentialBlock, { ...block, more: 1 })).toEqual([""]);
  expect(problems(DisableRequest, {})).toEqual([]);
  expect(problems(DisableRequest, { cause: "c", more: 1 })).toEqual([""]);
});

test("limits are a bounded set of header lines", () => {
  expect(problems(LimitsUpload, { headers: { "x-ratelimit-remaining": "1" } })).toEqual([]);
  expect(problems(LimitsUpload, { headers: { "Bad Name": "1" } })).toHaveLength(1);
  const many = Array.from({ length: MAX_LIMIT_HEADERS + 1 }, (_, i) => [`h-${i}`, "1"]);
  expect(problems(LimitsUpload, { headers: Object.fromEntries(many) })).toEqual(["headers"]);
});

test("a unit and a status of the future read as unknown", () => {
  const limit = { id: "5h", label: "5 hours", scope: { provider: "p" }, status: "odd" };
  const report = { provider: "p", fetchedAt: 1, limits: [{ ...limit, amount: { unit: "bits" } }] };
  const read = UsageReports.parse({ generatedAt: 1, reports: [report] });
  expect(read.reports[0]?.limits[0]).toMatchObject({
    status: "unknown",
    amount: { unit: "unknown" },
  });
});
