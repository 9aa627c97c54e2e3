// Reasoning state must come back to its maker unchanged and reach nobody else.

import { expect, test } from "bun:test";
import { encodeCarrier, type JsonObject } from "#wire";
import { dropCarriers, slotOf } from "./carriers.ts";

const native = { format: "responses", kind: "encrypted", data: "blob", id: "rs_1" } as const;

test("native state goes out as it is under its own id, wrapped under another", () => {
  expect(slotOf(native, "rs_1")).toBe("blob");
  expect(slotOf(native, "rs_2")).toBe(encodeCarrier(native));
});

test("items with carriers are removed before a provider sees them, native ones stay", () => {
  const slot = encodeCarrier({ format: "messages", kind: "signature", data: "s" });
  const kept = { type: "reasoning", summary: [], encrypted_content: "blob" };
  const said = { role: "user", content: slot };
  const body: JsonObject = {
    input: [{ type: "reasoning", summary: [], encrypted_content: slot }, kept, said],
  };
  expect(dropCarriers(body)).toBe(true);
  expect(body["input"]).toEqual([kept, said]);
  expect(dropCarriers(body)).toBe(false);
  expect(dropCarriers({ input: "hi" })).toBe(false);
});
