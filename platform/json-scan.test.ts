// What a body may cost before it is parsed, where it is wrong, and where its fields lie.

import { describe, expect, test } from "bun:test";
import { type JsonObject } from "#wire";
import { MAX_JSON_DEPTH, MAX_JSON_NODES, readJson, scanJson } from "./json-scan.ts";
import { JsonScanError } from "./json-scan-error.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);

function refusal(action: () => unknown): JsonScanError {
  try {
    action();
  } catch (error) {
    if (error instanceof JsonScanError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("scanJson finds top-level values", () => {
  function found(text: string, ...fields: string[]): Record<string, string> {
    const bytes = bytesOf(text);
    const decoder = new TextDecoder();
    const { fields: ranges } = scanJson(bytes, { fields });
    return Object.fromEntries(
      [...ranges].map(([name, { start, end }]) => [
        name,
        decoder.decode(bytes.subarray(start, end)),
      ]),
    );
  }

  test("of every kind, as exact bytes", () => {
    const text = '{ "s" : "a\\"é" ,"n":-1.5e+3, "b":true,"z":null,"a":[1,{}],"o":{"x":[]} }';
    expect(found(text, "s", "n", "b", "z", "a", "o")).toEqual({
      s: '"a\\"é"',
      n: "-1.5e+3",
      b: "true",
      z: "null",
      a: "[1,{}]",
      o: '{"x":[]}',
    });
  });

  test("under a key written with escapes", () => {
    expect(found('{"\\u006do\\u0064el":"x"}', "model")).toEqual({ model: '"x"' });
  });

  test("not inside nested objects, strings or arrays", () => {
    expect(found('{"a":{"model":1},"b":"\\"model\\":2","c":[{"model":3}]}', "model")).toEqual({});
  });

  test("behind a byte order mark", () => {
    expect(found('\ufeff{"model":1}', "model")).toEqual({ model: "1" });
  });

  test("after strings whose end is hidden by backslashes, short and long", () => {
    for (const filler of ["", "x".repeat(31), "x".repeat(500)]) {
      for (const tail of ["\\\\", '\\\\\\"', '\\"\\\\', "\\\\".repeat(40), '\\"'.repeat(40)]) {
        expect(found(`{"a":"${filler}${tail}","model":1}`, "model")).toEqual({ model: "1" });
      }
    }
  });

  test("and none in a body that is no object", () => {
    expect(found('["model"]', "model")).toEqual({});
  });
});

describe("scanJson refuses", () => {
  test("a requested key that occurs twice, however it is spelled", () => {
    const error = refusal(() =>
      scanJson(bytesOf('{"model":1,"\\u006dodel":2}'), { fields: ["model"] }),
    );
    expect(error).toMatchObject({ code: "json_duplicate_key", offset: 11 });
  });

  test("one container too deep, and takes one less", () => {
    const nested = (depth: number) => bytesOf("[".repeat(depth) + "]".repeat(depth));
    expect(() => scanJson(nested(MAX_JSON_DEPTH), { fields: [] })).not.toThrow();
    const error = refusal(() => scanJson(nested(MAX_JSON_DEPTH + 1), { fields: [] }));
    expect(error).toMatchObject({ code: "json_too_deep", offset: MAX_JSON_DEPTH });
  });

  test("one value too many, and takes one less", () => {
    const list = (values: number) => bytesOf(`[${"1,".repeat(values - 2)}1]`);
    expect(() => scanJson(list(MAX_JSON_NODES), { fields: [] })).not.toThrow();
    const error = refusal(() => scanJson(list(MAX_JSON_NODES + 1), { fields: [] }));
    expect(error.code).toBe("json_too_many_nodes");
  });

  test("100,000 unclosed arrays without descending into them", () => {
    expect(refusal(() => scanJson(bytesOf("[".repeat(100_000)), { fields: [] })).code).toBe(
      "json_too_deep",
    );
  });

  const malformed: [string, number, string][] = [
    ["", 0, "empty"],
    ["  ", 2, "empty"],
    ["[", 1, "expected a JSON value"],
    ["[1,]", 3, "expected a JSON value"],
    ["[1 2]", 3, "expected , or ]"],
    ["{", 1, "expected a key"],
    ['{"a"}', 4, "expected :"],
    ['{"a":}', 5, "expected a JSON value"],
    ['{"a":1,}', 7, "expected a key"],
    ['{"a":1 "b":2}', 7, "expected , or }"],
    ["{'a':1}", 1, "expected a key"],
    ['{"a":1]', 6, "expected , or }"],
    ["nul", 3, "expected a JSON value"],
    ["NaN", 0, "expected a JSON value"],
    ["01", 1, "unexpected text"],
    ["1.", 2, "lacks a digit"],
    ["-", 1, "lacks a digit"],
    ["1e+", 3, "lacks a digit"],
    ["+1", 0, "expected a JSON value"],
    ['"abc', 0, "no closing quote"],
    ['"abc\\"', 0, "no closing quote"],
    [`"${"x".repeat(100)}`, 0, "no closing quote"],
    ["{} {}", 3, "unexpected text"],
    ["// x\n1", 0, "expected a JSON value"],
  ];
  for (const [text, offset, problem] of malformed) {
    test(`${JSON.stringify(text.slice(0, 20))}: ${problem}, at byte ${offset}`, () => {
      const error = refusal(() => scanJson(bytesOf(text), { fields: [] }));
      expect(error).toMatchObject({ code: "json_malformed", offset });
      expect(error.message).toContain(problem);
    });
  }
});

describe("readJson", () => {
  test("gives what was sent, integers beyond 2^53 digit by digit", () => {
    const text = '{"id":12345678901234567890,"a":[1,"é",null]}';
    expect(JSON.stringify(readJson(bytesOf(text)))).toBe(text);
  });

  test("keeps a __proto__ key as data", () => {
    const value = readJson(bytesOf('{"__proto__":{"admin":true}}')) as JsonObject;
    expect(Object.keys(value)).toEqual(["__proto__"]);
    expect(Reflect.get({}, "admin")).toBeUndefined();
  });

  test("names line and column in characters, of what only strings hide too", () => {
    const places: [string, number, number][] = [
      ['{\n "é": 1,\n "é": x}', 3, 7],
      ['{"a":\n"b\\x"}', 2, 3],
      ['["a\tb"]', 1, 4],
      ['["\\u12g4"]', 1, 3],
    ];
    for (const [text, line, column] of places) {
      const error = refusal(() => readJson(bytesOf(text)));
      expect(error).toMatchObject({ code: "json_malformed", line, column });
      expect(error.message).toContain(`line ${line}, column ${column}`);
    }
  });

  test("quotes nothing of the body in its errors", () => {
    const error = refusal(() => readJson(bytesOf('{"key":"canary\\x"}')));
    expect(error.message).not.toContain("canary");
  });

  test("points at the first byte that is not UTF-8, across chunk borders", () => {
    for (const before of ["a", "é".repeat(5), "a".repeat(65_533) + "€", "é".repeat(70_000)]) {
      const valid = bytesOf(`"${before}`);
      const error = refusal(() => readJson(new Uint8Array([...valid, 0xff, 0x22])));
      expect(error.message).toContain("invalid UTF-8");
      expect(error.offset).toBe(valid.length);
    }
  });
});
