// Log lines: valid JSON, bounded, and free of secrets wherever a caller puts one.

import { describe, expect, test } from "bun:test";
import { createLogger, type LogFields } from "./log.ts";
import { MAX_LOGGED_STRING } from "./log-value.ts";

const SECRET = "sk-ant-api03-canary-0123456789";
const NOON_MS = Date.UTC(2030, 0, 2, 12, 0, 0, 250);

function capture({ isPretty = false, level = "debug" as const } = {}) {
  const lines: string[] = [];
  const log = createLogger({
    level,
    isPretty,
    nowMs: () => NOON_MS,
    write: (line) => void lines.push(line),
  });
  return { log, lines };
}

function logged(fields: LogFields): Record<string, unknown> {
  const { log, lines } = capture();
  log.info("event", fields);
  return JSON.parse(lines.join(""));
}

describe("no secret passes", () => {
  class Odd {
    apiToken = "plain-canary";
    text = SECRET;
  }
  const nested = new Error("outer", { cause: new TypeError(`inner ${SECRET}`) });
  const places: [string, LogFields][] = [
    ["a field", { note: SECRET }],
    ["a field named like a secret", { apiKey: "plain-canary" }],
    ["everything below such a field", { tokens: { a: ["plain-canary"] } }],
    ["a key", { [SECRET]: 1 }],
    ["a nested object", { a: { b: [{ c: `Bearer ${SECRET}` }] } }],
    ["an error's message", { error: new Error(`refused ${SECRET}`) }],
    ["an error's cause", { error: nested }],
    ["an error's own fields", { error: Object.assign(new Error("x"), { body: SECRET }) }],
    ["an aggregate error", { error: new AggregateError([new Error(SECRET)]) }],
    [
      "headers",
      { headers: new Headers({ "x-api-key": "plain-canary", cookie: "a=plain-canary" }) },
    ],
    ["headers as pairs", { headers: [["x-api-key", "plain-canary"]] }],
    ["a map", { map: new Map([["password", "plain-canary"]]) }],
    ["a set", { set: new Set([SECRET]) }],
    ["a URL", { url: new URL("https://u:plain-canary@h.example/?key=plain-canary") }],
    ["query parameters", { query: new URLSearchParams({ api_key: "plain-canary" }) }],
    ["a request", { request: new Request("https://h.example/?token=plain-canary") }],
    ["an instance", { odd: new Odd() }],
    ["bytes", { body: new TextEncoder().encode(SECRET) }],
    ["JSON inside a string", { body: JSON.stringify({ password: "plain-canary" }) }],
    ["what follows an escaped newline", { text: `line\n${SECRET}` }],
  ];
  for (const [place, fields] of places) {
    test(`in ${place}, as JSON, as a pretty line, and in a child`, () => {
      for (const isPretty of [false, true]) {
        const { log, lines } = capture({ isPretty });
        log.error("failed", fields);
        log.child(fields).info("again");
        expect(lines).toHaveLength(2);
        expect(lines.join("")).not.toContain("canary");
      }
    });
  }

  test("in the message", () => {
    const { log, lines } = capture();
    log.warn(`GET https://h.example/?key=plain-canary with Bearer ${SECRET}`);
    expect(lines.join("")).not.toContain("canary");
  });
});

describe("a line", () => {
  test("is one JSON object with level, time, message and fields", () => {
    const { log, lines } = capture();
    log.child({ id: "r1" }).info("served", { status: 200, ms: 1.5, ok: true, none: null });
    expect(lines[0]).toEndWith("}\n");
    expect(JSON.parse(lines[0] ?? "")).toEqual({
      level: "info",
      time: "2030-01-02T12:00:00.250Z",
      id: "r1",
      status: 200,
      ms: 1.5,
      ok: true,
      none: null,
      message: "served",
    });
  });

  test("keeps its own level, time and message when a field has such a name", () => {
    expect(logged({ level: "fatal", message: "forged", time: 0 })).toMatchObject({
      level: "info",
      message: "event",
      "field.level": "fatal",
      "field.message": "forged",
    });
  });

  test("shows an error with its type, code and cause", () => {
    const error = Object.assign(new RangeError("outer", { cause: new Error("inner") }), {
      code: "c",
    });
    expect(logged({ error }).error).toMatchObject({
      type: "RangeError",
      message: "outer",
      code: "c",
      cause: { message: "inner" },
    });
  });

  test("survives cycles, throwing getters, huge values and deep nesting", () => {
    const cycle: Record<string, unknown> = {};
    cycle["self"] = cycle;
    const hostile = {
      get boom(): string {
        throw new Error("getter");
      },
    };
    const wide = Array.from({ length: 5000 }, (_, index) => index);
    const line = JSON.stringify(
      logged({ cycle, hostile, wide, long: "x".repeat(1_000_000), big: 10n, nan: Number.NaN }),
    );
    expect(line.length).toBeLessThan(MAX_LOGGED_STRING * 4);
    expect(line).toContain("[unreadable]");
  });

  test("below the level is not written, and its fields are not looked at", () => {
    const lines: string[] = [];
    const log = createLogger({ level: "warn", write: (line) => void lines.push(line) });
    log.info("quiet", {
      get field(): string {
        throw new Error("was read");
      },
    });
    log.warn("loud");
    expect(lines).toHaveLength(1);
  });

  test("silent writes nothing", () => {
    const lines: string[] = [];
    createLogger({ level: "silent", write: (line) => void lines.push(line) }).error("x");
    expect(lines).toEqual([]);
  });
});

test("a pretty line is readable, and its values cannot drive the terminal", () => {
  const { log, lines } = capture({ isPretty: true });
  log.warn("slow\u001b[2J", { path: "/v1/x", note: "a b", evil: "\u001b]52;c;x\u0007\u202e" });
  expect(lines.join("")).toBe(
    "12:00:00.250 WARN  slow\\u001b[2J  path=/v1/x" +
      '  note="a b"  evil="\\u001b]52;c;x\\u0007\\u202e"\n',
  );
});

test("a foreseen error is logged by what it says, an unforeseen one with where it was thrown", () => {
  const lines: string[] = [];
  const log = createLogger({ level: "warn", write: (line) => lines.push(line) });
  const cause = Object.assign(new Error("connection refused"), { code: "ECONNREFUSED" });
  const foreseen = new Error("the broker does not answer", { cause });
  log.warn("retrying", { error: Object.assign(foreseen, { code: "broker_unreachable" }) });
  log.warn("failed", { error: new TypeError("x is not a function") });
  const [first, second] = lines.map((line) => JSON.parse(line).error);
  expect(first).toEqual({
    type: "Error",
    message: "the broker does not answer",
    code: "broker_unreachable",
    cause: "Error ECONNREFUSED: connection refused",
  });
  expect(second.stack).toContain("log.test.ts");
});
