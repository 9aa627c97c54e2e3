// What the bench asks for is what the mock reads, whatever stands around it.

import { expect, test } from "bun:test";
import { CLIENT_MARK, clientMark, planWords, readPlan, type Plan } from "./plan.ts";

test.each<Plan>([
  { kind: "burst", deltas: 200 },
  { kind: "paced", deltas: 140, everyMs: 25 },
  { kind: "flood", mib: 50 },
  { kind: "silent" },
])("%p is read as it was written, inside JSON", (plan) => {
  const prompt = `${planWords(plan)} Tell me.`.replace(CLIENT_MARK, clientMark(37));
  expect(readPlan(JSON.stringify({ content: prompt }))).toEqual({ plan, client: 37 });
});

test("a client's number changes no length", () => {
  expect(clientMark(2_199)).toHaveLength(CLIENT_MARK.length);
});

test("a request without a plan is refused", () => {
  expect(() => readPlan('{"model":"m"}')).toThrow("no plan");
});
