// From the model id in a request to the upstream that serves it. `provider/model` always works; a bare id
// works while exactly one usable provider has it. Refuses to choose between two, unless a route of the operator does: it
// names both.

import { closest, distance } from "fastest-levenshtein";
import { GatewayError } from "../errors.ts";
import type { ModelDiscovery } from "./discovery.ts";
import type { ModelInfo, Provider } from "../providers/provider.ts";
import { RouteTable, type RoutesConfig, type RouteTarget } from "../routing/route-table.ts";

/** A model with the provider that serves it. */
export interface CatalogModel {
  /** `provider/model`, unique. */
  readonly id: string;
  readonly provider: Provider;
  readonly model: ModelInfo;
}

/** A model that may serve a request, and how it ranks among others. */
export interface Candidate extends Pick<RouteTarget, "priority" | "weight" | "credentials"> {
  readonly target: CatalogModel;
}

/** A route of the configuration names a model that no provider here can have. */
export class RouteConfigError extends Error {
  readonly code = "route_config_unknown_model";
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

/** What a catalog is made with. */
export interface CatalogOptions {
  readonly isUsable: (provider: Provider) => boolean;
  readonly discovery?: Discovery;
  readonly routes?: RoutesConfig;
}

/** The models of every provider, looked up by id. */
export class ModelCatalog {
  readonly #providers: ReadonlyMap<string, Provider>;
  readonly #isUsable: (provider: Provider) => boolean;
  readonly #discovery: Discovery | undefined;
  readonly #routes: RouteTable;

  /**
   * `isUsable` says whether a provider has a credential now; it is asked on each look-up. `discovery` knows the models
   * of providers that list them themselves. Throws RouteConfigError for a route to a model that cannot be.
   */
  constructor(
    providers: readonly Provider[],
    { isUsable, discovery, routes = {} }: CatalogOptions,
  ) {
    this.#providers = new Map(providers.map((provider) => [provider.id, provider]));
    this.#isUsable = isUsable;
    this.#discovery = discovery;
    this.#routes = new RouteTable(routes);
    for (const [name, targets] of Object.entries(routes)) this.#check(name, targets);
  }

  /** Lets usable providers that list their models do so again; the ids of those that did not answer. */
  async refresh(): Promise<readonly string[]> {
    const usable = [...this.#providers.values()].filter((provider) => this.#isUsable(provider));
    return (await this.#discovery?.refresh(usable)) ?? [];
  }

  /** Listed models of usable providers and of `others`, in provider order, then the operator's aliases. */
  list(others: readonly string[] = []): readonly CatalogModel[] {
    const listed = [...this.#providers.values()]
      .filter((provider) => this.#isUsable(provider) || others.includes(provider.id))
      .flatMap((provider) => this.#modelsOf(provider).map((model) => entry(provider, model)));
    const ids = new Set(listed.map(({ id }) => id));
    const aliases = [...this.#routes.aliases].flatMap(([id, targets]) => {
      const usable = targets
        .map(({ model }) => this.#resolve(model))
        .find(({ provider }) => this.#isUsable(provider));
      return usable && !ids.has(id) ? [{ ...usable, id }] : [];
    });
    return [...listed, ...aliases];
  }

  /** The models that may serve an id: those of its route, else the one that has it. Throws UnknownModel or AmbiguousModel. */
  candidates(id: string): readonly [Candidate, ...Candidate[]] {
    const [first, ...others] = this.#routes.find(id) ?? [];
    if (!first) return [{ target: this.#resolve(id), priority: 0, weight: 1 }];
    const candidate = ({ model, ...rank }: RouteTarget) => ({
      ...rank,
      target: this.#resolve(model),
    });
    return [candidate(first), ...others.map(candidate)];
  }

  /** The first of `candidates`, usable ones before others. Throws UnknownModel or AmbiguousModel. */
  resolve(id: string): CatalogModel {
    const candidates = this.candidates(id);
    const usable = candidates.find(({ target }) => this.#isUsable(target.provider));
    return (usable ?? candidates[0]).target;
  }

  #check(name: string, targets: readonly RouteTarget[]): void {
    for (const { model } of targets) {
      const slash = model.indexOf("/");
      const provider = this.#providers.get(model.slice(0, slash));
      const hasModel =
        provider &&
        (provider.takesUnlistedModels ||
          model.includes("*") ||
          provider.models.some(({ id }) => id === model.slice(slash + 1)));
      if (hasModel) continue;
      throw new RouteConfigError(
        `gateway.routes.${name}: ${provider ? `provider "${provider.id}" has no such model` : "there is no such provider"}: "${model}". \`agent config\` shows the providers that are configured.`,
      );
    }
  }

  #resolve(id: string): CatalogModel {
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
