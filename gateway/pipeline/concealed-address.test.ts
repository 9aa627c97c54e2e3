// An operator's host becomes the provider's id; a vendor's public one, and ordinary words, stay.

import { expect, test } from "bun:test";
import { anthropic } from "../providers/anthropic.ts";
import { concealerOf } from "./concealed-address.ts";

const at = (baseUrl: string) => concealerOf({ ...anthropic, id: "lab", baseUrl });

test.each([
  [
    "http://10.0.0.7:8000/v1",
    "no route to 10.0.0.7:8000, nor 10.0.0.7",
    "no route to lab, nor lab",
  ],
  [
    "http://10.0.0.7/v1",
    "110.0.0.7 and 10.0.0.71 are others",
    "110.0.0.7 and 10.0.0.71 are others",
  ],
  ["https://llm.corp.example/v1", "GET https://LLM.corp.example/v1", "GET https://lab/v1"],
  ["https://llm.corp.example/v1", "my-llm.corp.example", "my-llm.corp.example"],
  [
    "http://model:8000/v1",
    "the model at http://model:8000 is a model",
    "the model at http://lab is a model",
  ],
  ["http://[::1]:8000/v1", "refused by [::1]:8000", "refused by lab"],
  ["https://api.anthropic.com", "see api.anthropic.com", "see api.anthropic.com"],
])("of %s, %p is %p", (baseUrl, text, shown) => {
  expect(at(baseUrl)(text)).toBe(shown);
});
