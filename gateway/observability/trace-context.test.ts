// Which traceparents are believed, and what is made of them.

import { describe, expect, test } from "bun:test";
import { beginTrace, readTraceparent } from "./trace-context.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";

describe("a traceparent", () => {
  test("of version 00, and of a later one with more fields, is read", () => {
    const parent = { traceId: TRACE, spanId: SPAN, isSampled: true };
    expect(readTraceparent(`00-${TRACE}-${SPAN}-01`)).toEqual(parent);
    expect(readTraceparent(`01-${TRACE}-${SPAN}-03-more`)).toEqual(parent);
    expect(readTraceparent(`00-${TRACE}-${SPAN}-02`)?.isSampled).toBe(false);
  });

  test.each([
    null,
    "",
    `ff-${TRACE}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-01-more`,
    `00-${"0".repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${"0".repeat(16)}-01`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}`,
  ])("%p is none", (text) => {
    expect(readTraceparent(text)).toBeUndefined();
  });
});

test("a request goes on with its caller's trace, or begins one, or is not traced at all", () => {
  let made = 0;
  const options = {
    propagates: true,
    newHex: (bytes: number) => `${(made += 1)}`.repeat(bytes * 2),
  };
  const continued = beginTrace(new Headers({ traceparent: `00-${TRACE}-${SPAN}-01` }), options);
  expect(continued).toMatchObject({ traceId: TRACE, parentSpanId: SPAN, spanId: "1".repeat(16) });
  expect(continued?.traceparent).toBeUndefined();
  continued?.beginAttempt();
  expect(continued?.traceparent).toBe(`00-${TRACE}-${"2".repeat(16)}-01`);
  expect(beginTrace(new Headers(), options)?.parentSpanId).toBeUndefined();
  const unsampled = new Headers({ traceparent: `00-${TRACE}-${SPAN}-00` });
  expect(beginTrace(unsampled, options)).toBeUndefined();
});
