// The store's bounds, and its walls between callers.

import { describe, expect, test } from "bun:test";
import { continueFrom, inputItems } from "./continued-request.ts";
import { SWEEP_MS } from "./caller-store.ts";
import { ResponseStore, type StoredResponse } from "./response-store.ts";

let nowMs = 0;
const open = (limits = {}) =>
  new ResponseStore(
    { maxEntries: 3, maxBytes: 10_000, ttlMs: 1_000, ...limits },
    { nowMs: () => nowMs },
  );

const stored = (id: string, text = ""): StoredResponse => ({
  response: { id, output: [] },
  input: [text],
});

const ids = (store: ResponseStore, ...asked: string[]) =>
  asked.filter((id) => store.get("ann", id)).join("");

describe("a stored response", () => {
  test("is found by the caller who made it, and by nobody else", () => {
    const store = open();
    store.put("ann", stored("a"));
    expect(store.get("ann", "a")?.response.id).toBe("a");
    expect(store.get("bob", "a")).toBeUndefined();
    expect(store.delete("bob", "a")).toBe(false);
    expect(store.get('ann","a', "")).toBeUndefined();
  });

  test("is gone once deleted, or when its time is over", () => {
    const store = open();
    store.put("ann", stored("a"));
    store.put("ann", stored("b"));
    expect([store.delete("ann", "a"), store.delete("ann", "a")]).toEqual([true, false]);
    nowMs += 999;
    expect(ids(store, "a", "b")).toBe("b");
    nowMs += 1;
    expect(ids(store, "b")).toBe("");
  });

  test("that was used least lately makes room, by number and by size", () => {
    const store = open();
    for (const id of ["a", "b", "c"]) store.put("ann", stored(id));
    store.get("ann", "a");
    store.put("ann", stored("d"));
    expect(ids(store, "a", "b", "c", "d")).toBe("acd");
    store.put("ann", stored("e", "x".repeat(9_920)));
    expect(ids(store, "a", "c", "d", "e")).toBe("e");
  });

  test("is not pushed out by another caller, who makes room from what is its own", () => {
    const store = open();
    store.put("ann", stored("a"));
    for (let turn = 0; turn < 50; turn += 1) store.put("bob", stored(`b${turn}`));
    expect(store.get("ann", "a")).toBeDefined();
    expect(["b47", "b48", "b49"].filter((id) => store.get("bob", id))).toEqual(["b48", "b49"]);
    store.put("ann", stored("large", "x".repeat(4_000)));
    for (let turn = 0; turn < 50; turn += 1)
      store.put("bob", stored(`b${turn}`, "x".repeat(3_500)));
    expect(ids(store, "large")).toBe("large");
    expect(store.get("bob", "b49")).toBeDefined();
  });

  test("of a caller who is gone makes room once its time is over", () => {
    const store = open();
    for (const id of ["a", "b", "c"]) store.put("gone", stored(id));
    nowMs += SWEEP_MS;
    for (const id of ["a", "b", "c"]) store.put("ann", stored(id));
    expect(ids(store, "a", "b", "c")).toBe("abc");
  });

  test("that is too large alone is not kept, and pushes nothing out", () => {
    const store = open();
    store.put("ann", stored("a"));
    store.put("ann", stored("b", "x".repeat(10_000)));
    expect(ids(store, "a", "b")).toBe("a");
  });

  test("takes no more room when it is put again", () => {
    const store = open({ maxBytes: 300 });
    for (let turn = 0; turn < 50; turn += 1) store.put("ann", stored("a", "x".repeat(150)));
    store.put("ann", stored("b"));
    expect(ids(store, "a", "b")).toBe("ab");
  });
});

test("a continued request holds the whole history, but no reasoning that cannot be handed back", () => {
  const reasoning = { type: "reasoning", id: "rs_1", summary: [] };
  const sealed = { ...reasoning, id: "rs_2", encrypted_content: "s" };
  const message = { type: "message", role: "assistant", content: [] };
  const previous = {
    response: { id: "resp_1", output: [reasoning, sealed, message] },
    input: inputItems({ input: "one" }),
  };
  const body = { model: "m", previous_response_id: "resp_1", input: "two", tools: [] };
  expect(continueFrom(body, previous)).toEqual({
    model: "m",
    tools: [],
    input: [...inputItems({ input: "one" }), sealed, message, ...inputItems({ input: "two" })],
  });
});
