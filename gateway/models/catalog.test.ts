// Which upstream a model id means, and what is said when it means none or two.

import { describe, expect, test } from "bun:test";
import { describeProvider } from "../providers/operator.ts";
import { anthropic } from "../providers/anthropic.ts";
import { openai } from "../providers/openai.ts";
import { simulator } from "../providers/simulator.ts";
import type { RoutesConfig } from "../routing/route-table.ts";
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

describe("a route", () => {
  const routed = (routes: RoutesConfig, usable: readonly string[] = ["openai", "mylab"]) =>
    new ModelCatalog([anthropic, openai, lab, simulator], {
      isUsable: (provider) => usable.includes(provider.id),
      routes,
    });
  const way = (model: string, priority = 0) => ({ model, priority, weight: 1 });

  test("decides what two providers have, and has all its ways as candidates", () => {
    const found = routed({ "gpt-5": [way("mylab/gpt-5"), way("openai/gpt-5", 1)] });
    expect(found.candidates("gpt-5").map(({ target, priority }) => [target.id, priority])).toEqual([
      ["mylab/gpt-5", 0],
      ["openai/gpt-5", 1],
    ]);
  });

  test("resolves to its first way that can be used now, and is listed only with one", () => {
    const routes = {
      best: [way("anthropic/claude-x"), way("openai/gpt-5")],
      "a*": [way("sim/echo")],
    };
    const found = routed(routes);
    expect(found.resolve("best").id).toBe("openai/gpt-5");
    const listed = found.list().map(({ id }) => id);
    expect(listed.filter((id) => id === "best" || id.includes("*"))).toEqual(["best"]);
    expect(
      routed({ best: [way("anthropic/claude-x")] })
        .list()
        .at(-1)?.id,
    ).not.toBe("best");
  });

  test("to what cannot be is refused when the gateway starts, with its name", () => {
    expect(() => routed({ best: [way("nowhere/m")] })).toThrow("gateway.routes.best: there is no");
    expect(() => routed({ best: [way("mylab/other")] })).toThrow('"mylab" has no such model');
  });
});
