// Which upstream a model id means, and what is said when it means none or two.

import { describe, expect, test } from "bun:test";
import { describeProvider } from "../providers/operator.ts";
import { anthropic } from "../providers/anthropic.ts";
import { openai } from "../providers/openai.ts";
import { simulator } from "../providers/simulator.ts";
import { AmbiguousModel, ModelCatalog, UnknownModel } from "./catalog.ts";

const lab = describeProvider(
  "mylab",
  {
    api: "messages",
    baseUrl: "http://127.0.0.1:9",
    models: [{ id: "lab-large" }, { id: "gpt-5" }],
  },
  undefined,
);

function catalog(usable: readonly string[] = ["anthropic", "openai", "mylab", "sim"]) {
  return new ModelCatalog([anthropic, openai, lab, simulator], {
    isUsable: (provider) => usable.includes(provider.id),
  });
}

function target(id: string, usable?: readonly string[]): string {
  const { provider, model } = catalog(usable).resolve(id);
  return `${provider.id} ${model.id}`;
}

describe("a model id", () => {
  test("with a provider is that provider's", () => {
    expect(target("mylab/lab-large")).toBe("mylab lab-large");
    expect(target("sim/echo")).toBe("sim echo");
  });

  test("without one is found while only one provider has it", () => {
    expect(target("lab-large")).toBe("mylab lab-large");
    expect(target("echo")).toBe("sim echo");
  });

  test("that two usable providers have is refused, naming both", () => {
    expect(() => target("gpt-5")).toThrow(AmbiguousModel);
    expect(() => target("gpt-5")).toThrow("openai/gpt-5, mylab/gpt-5");
  });

  test("that two have but one can serve is that one's", () => {
    expect(target("gpt-5", ["mylab"])).toBe("mylab gpt-5");
  });

  test("newer than the list goes to the vendor whose naming it has", () => {
    expect(target("claude-next-9")).toBe("anthropic claude-next-9");
    expect(target("gpt-7-turbo")).toBe("openai gpt-7-turbo");
    expect(target("openai/some-finetune")).toBe("openai some-finetune");
  });

  test("that is nobody's is refused with a near one", () => {
    expect(() => target("sim/ehco")).toThrow(UnknownModel);
    expect(() => target("sim/ehco")).toThrow('Did you mean "sim/echo"?');
    expect(() => target("lab-larg")).toThrow('Did you mean "lab-large"?');
    expect(() => target("nothing-like-it-at-all")).toThrow("GET /v1/models");
    expect(() => target("mylab/other")).toThrow(UnknownModel);
    expect(() => target("__proto__")).toThrow(UnknownModel);
    expect(() => target("sim/constructor")).toThrow(UnknownModel);
  });
});

test("only models of usable providers are listed", () => {
  const ids = catalog(["mylab"])
    .list()
    .map(({ id }) => id);
  expect(ids).toEqual(["mylab/lab-large", "mylab/gpt-5"]);
});
