// Opaque state wrapped for another dialect comes back as it was, and damage is never taken for state.

import { expect, test } from "bun:test";
import { decodeCarrier, encodeCarrier, isCarrier } from "./carrier.ts";
import type { Carrier } from "./conversation.ts";

const carrier: Carrier = {
  format: "messages",
  kind: "signature",
  data: "Eu/+= \u6f22",
  id: "rs_1",
  provider: "anthropic",
};

test("what is wrapped is unwrapped", () => {
  const text = encodeCarrier(carrier);
  expect(text).toMatch(/^gw1\.[A-Za-z0-9_-]+$/);
  expect(isCarrier(text)).toBe(true);
  expect(decodeCarrier(text)).toEqual(carrier);
});

test("anything else is none", () => {
  const cut = encodeCarrier(carrier).slice(0, -5);
  for (const text of ["", "EuYBCk", "gw1.", "gw1.!!!", "gw1.e30", cut])
    expect(decodeCarrier(text)).toBeUndefined();
});
