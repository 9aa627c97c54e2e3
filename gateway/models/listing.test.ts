// The model lists, as the two vendors' clients page through them.

import { describe, expect, test } from "bun:test";
import { InvalidRequest } from "../errors.ts";
import { simulator } from "../providers/simulator.ts";
import type { CatalogModel } from "./catalog.ts";
import { anthropicList, openaiList } from "./listing.ts";

const models: readonly CatalogModel[] = ["a", "b", "c", "d", "e"].map((id) => ({
  id: `sim/${id}`,
  provider: simulator,
  model: { id },
}));

const page = (query: string) => {
  const list = anthropicList(models, new URLSearchParams(query));
  const data = list["data"] as { id: string }[];
  return { ids: data.map(({ id }) => id.slice(4)).join(""), hasMore: list["has_more"], list };
};

describe("Anthropic's list", () => {
  test("comes whole without a query, with its ends named", () => {
    const { ids, hasMore, list } = page("");
    expect([ids, hasMore]).toEqual(["abcde", false]);
    expect(list).toMatchObject({ first_id: "sim/a", last_id: "sim/e" });
  });

  test("is paged forwards and backwards", () => {
    expect(page("limit=2")).toMatchObject({ ids: "ab", hasMore: true });
    expect(page("limit=2&after_id=sim/b")).toMatchObject({ ids: "cd", hasMore: true });
    expect(page("limit=2&after_id=sim/d")).toMatchObject({ ids: "e", hasMore: false });
    expect(page("limit=2&before_id=sim/e")).toMatchObject({ ids: "cd", hasMore: true });
    expect(page("limit=2&before_id=sim/c")).toMatchObject({ ids: "ab", hasMore: false });
    expect(page("before_id=sim/a").list).toMatchObject({ data: [], first_id: null, last_id: null });
  });

  test("refuses limits out of range, unknown cursors and two at once, by name", () => {
    for (const query of ["limit=0", "limit=1001", "limit=many", "limit=1.5"]) {
      expect(() => page(query)).toThrow("limit: expected a whole number from 1 to 1000");
    }
    expect(() => page("after_id=sim/z")).toThrow('after_id: no model "sim/z"');
    expect(() => page("before_id=sim/z")).toThrow(InvalidRequest);
    expect(() => page("after_id=sim/a&before_id=sim/c")).toThrow("not both");
  });
});

test("OpenAI's list comes whole, or as many as were asked for", () => {
  const count = (query: string) =>
    (openaiList(models, new URLSearchParams(query))["data"] as unknown[]).length;
  expect([count(""), count("limit=3"), count("limit=1000")]).toEqual([5, 3, 5]);
  expect(() => count("limit=-1")).toThrow(InvalidRequest);
});
