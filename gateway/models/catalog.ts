// From the model id in a request to the upstream that serves it. `provider/model` always works; a bare id
// works while exactly one usable provider has it. Refuses to choose between two: it names both.

import { closest, distance } from "fastest-levenshtein";
import { GatewayError } from "../errors.ts";
import type { ModelDiscovery } from "./discovery.ts";
import type { ModelInfo, Provider } from "../providers/provider.ts";

/** A model with the provider that serves it. */
export interface CatalogModel {
  /** `provider/model`, unique. */
  readonly id: string;
  readonly provider: Provider;
  readonly model: ModelInfo;
}

/** No provider has the model; the message suggests a near one. */
export class UnknownModel extends GatewayError {
  constructor(id: string, hint: string) {
    const message = `The model "${id}" is not known here. ${hint}`;
    super({ kind: "unknown_model", message, code: "model_not_found", param: "model" });
  }
}

/** Two providers have the bare id. */
export class AmbiguousModel extends GatewayError {
  constructor(id: string, choices: readonly string[]) {
    const message = `The model "${id}" is served by several providers; ask for one of: ${choices.join(", ")}.`;
    super({ kind: "bad_request", message, code: "model_ambiguous", param: "model" });
  }
}

type Discovery = Pick<ModelDiscovery, "known" | "refresh">;

/** The models of every provider, looked up by id. */
export class ModelCatalog {
  readonly #providers: ReadonlyMap<string, Provider>;
  readonly #isUsable: (provider: Provider) => boolean;
  readonly #discovery: Discovery | undefined;

  /**
   * `isUsable` says whether a provider has a credential now; it is asked on each look-up. `discovery` knows the models
   * of providers that list them themselves.
   */
  constructor(
    providers: readonly Provider[],
    { isUsable, discovery }: { isUsable: (provider: Provider) => boolean; discovery?: Discovery },
  ) {
    this.#providers = new Map(providers.map((provider) => [provider.id, provider]));
    this.#isUsable = isUsable;
    this.#discovery = discovery;
  }

  /** Lets usable providers that list their models do so again; the ids of those that did not answer. */
  async refresh(): Promise<readonly string[]> {
    const usable = [...this.#providers.values()].filter((provider) => this.#isUsable(provider));
    return (await this.#discovery?.refresh(usable)) ?? [];
  }

  /** Listed models of usable providers, in provider order. */
  list(): readonly CatalogModel[] {
    return [...this.#providers.values()]
      .filter((provider) => this.#isUsable(provider))
      .flatMap((provider) => this.#modelsOf(provider).map((model) => entry(provider, model)));
  }

  /** Throws UnknownModel or AmbiguousModel. */
  resolve(id: string): CatalogModel {
    const slash = id.indexOf("/");
    const named = slash > 0 ? this.#providers.get(id.slice(0, slash)) : undefined;
    if (named) return this.#ofProvider(named, id, id.slice(slash + 1));

    const all = [...this.#providers.values()];
    const having = all.filter((provider) =>
      this.#modelsOf(provider).some((model) => model.id === id),
    );
    const usable = having.filter((provider) => this.#isUsable(provider));
    const candidates = usable.length > 0 ? usable : having;
    if (candidates.length > 1) {
      throw new AmbiguousModel(
        id,
        candidates.map((provider) => `${provider.id}/${id}`),
      );
    }
    const owner =
      candidates[0] ??
      all.find((provider) => provider.takesUnlistedModels && provider.modelPattern?.test(id));
    if (!owner) throw new UnknownModel(id, this.#hint(id));
    return this.#ofProvider(owner, id, id);
  }

  #ofProvider(provider: Provider, asked: string, modelId: string): CatalogModel {
    const model = this.#modelsOf(provider).find((candidate) => candidate.id === modelId);
    if (model) return entry(provider, model);
    if (modelId === "" || !provider.takesUnlistedModels) {
      throw new UnknownModel(asked, this.#hint(asked));
    }
    return entry(provider, { id: modelId });
  }

  #modelsOf(provider: Provider): readonly ModelInfo[] {
    if (!provider.listsModels || !this.#discovery) return provider.models;
    const named = new Set(provider.models.map(({ id }) => id));
    const listed = this.#discovery.known(provider).filter(({ id }) => !named.has(id));
    return [...provider.models, ...listed];
  }

  #hint(id: string): string {
    const ids = this.list().map((model) => model.id);
    const bare = ids.map((full) => full.slice(full.indexOf("/") + 1));
    const near = closest(id, [...ids, ...bare]);
    const isNear = near !== "" && distance(id, near) <= Math.max(2, id.length / 3);
    return isNear ? `Did you mean "${near}"?` : "GET /v1/models lists those that are.";
  }
}

function entry(provider: Provider, model: ModelInfo): CatalogModel {
  return { id: `${provider.id}/${model.id}`, provider, model };
}
