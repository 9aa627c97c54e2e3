// Whether a caller may use a model, and what the operator's rules make of a request, for every dialect and both
// lanes. Decides by the model that would serve, so that no alias gets around a rule.

import { readJson } from "#platform";
import { type SpokenFormatId, isJsonObject } from "#wire";
import type { GatewayError } from "../errors.ts";
import type { CatalogModel } from "../models/catalog.ts";
import type { Caller } from "../pipeline/caller.ts";
import type { Exchange } from "../pipeline/exchange.ts";
import type { WayOffer } from "../pipeline/route.ts";
import { matchesAny } from "./glob.ts";
import { forbidden } from "./key-refusal.ts";
import { SPOKEN_FORMATS } from "./key-rules.ts";
import type { PolicyRule } from "./policy-rules.ts";
import { filterTools, type ToolRule } from "./tool-filter.ts";

/** A request that rules are applied to. */
interface Ruling {
  /** The model to route to. */
  readonly model: string;
  /** The caller's own bytes where no rule touched them. */
  readonly bytes: Uint8Array;
}

/** A request as the rules leave it. */
export interface Ruled extends Ruling {
  /** True when nothing of it may be lost on the way. */
  readonly isStrict: boolean;
}

/** Finds the models that an id may mean; none where it means nothing. */
export type FindModels = (id: string) => readonly CatalogModel[];

/** Keys' rules and the operator's. */
export class Policy {
  readonly #rules: readonly PolicyRule[];
  readonly #find: FindModels;

  constructor(rules: readonly PolicyRule[], { find }: { find: FindModels }) {
    this.#rules = rules;
    this.#find = find;
  }

  /** True when nothing here can concern the caller. */
  isOpenTo({ rules }: Caller): boolean {
    return rules === undefined && this.#rules.length === 0;
  }

  /** Applies the operator's rules in order. Throws RuleRefusal. */
  apply({ model: asked, bytes: given, exchange }: Ruling & { exchange: Exchange }): Ruled {
    let model = asked;
    let bytes = given;
    let isStrict = exchange.caller.rules?.strict ?? false;
    for (const rule of this.#rules) {
      if (!this.#covers(rule, model, exchange)) continue;
      if (rule.deny !== undefined) throw denied(rule.deny);
      if (rule.rewriteModel !== undefined && rule.rewriteModel !== model) {
        exchange.trail.push(`policy serves ${rule.rewriteModel} instead of ${model}`);
        model = rule.rewriteModel;
      }
      if (rule.strict) isStrict = true;
      if (rule.tools) bytes = withoutTools(bytes, rule.tools, exchange);
    }
    this.#refuseHopeless(model, exchange);
    return { model, bytes, isStrict };
  }

  // Before any credential is looked for: who may not use a provider learns nothing of its state.
  #refuseHopeless(model: string, { caller, format }: Exchange): void {
    if (this.isOpenTo(caller)) return;
    const refusals = this.#find(model).map((target) => this.refusal(target, caller, format.id));
    const [first] = refusals;
    if (first && refusals.every((refusal) => refusal !== undefined)) throw first;
  }

  /** Why the caller may not be served by the model; undefined when it may. */
  refusal(target: CatalogModel, caller: Caller, format: SpokenFormatId): GatewayError | undefined {
    const rule = this.#rules.find(
      (one) => one.deny !== undefined && isFor(one, caller, format) && coversModel(one, target),
    );
    if (rule?.deny !== undefined) return denied(rule.deny);
    return keyRefusal(target, caller, format);
  }

  /** True when a listing may show the caller the model: one format that reaches it is enough. */
  shows(target: CatalogModel, caller: Caller): boolean {
    const formats = caller.rules?.formats ?? SPOKEN_FORMATS;
    return formats.some((format) => this.refusal(target, caller, format) === undefined);
  }

  /** True when the caller may know of the provider. */
  showsProvider(id: string, { rules }: Caller): boolean {
    return rules === undefined || matchesAny(rules.providers, id);
  }

  #covers(rule: PolicyRule, model: string, { caller, format }: Exchange): boolean {
    if (!isFor(rule, caller, format.id)) return false;
    if (!rule.models && !rule.providers) return true;
    const targets = this.#find(model);
    if (targets.length === 0) {
      return rule.providers === undefined && matchesAny(rule.models ?? [], model);
    }
    // One way that is denied leaves the others; what changes a request must cover all it might reach.
    const isCovered = (target: CatalogModel) => coversModel(rule, target);
    return rule.deny === undefined ? targets.some(isCovered) : targets.every(isCovered);
  }
}

function isFor({ keys, formats }: PolicyRule, { name }: Caller, format: SpokenFormatId): boolean {
  return (!keys || matchesAny(keys, name)) && (!formats || formats.includes(format));
}

function coversModel({ models, providers }: PolicyRule, target: CatalogModel): boolean {
  if (providers && !matchesAny(providers, target.provider.id)) return false;
  return !models || matchesModel(models, target);
}

function matchesModel(globs: readonly string[], { id, model }: CatalogModel): boolean {
  return matchesAny(globs, id) || matchesAny(globs, model.id);
}

function keyRefusal(target: CatalogModel, { rules }: Caller, format: SpokenFormatId) {
  if (!rules) return undefined;
  const { models, providers, formats } = rules;
  if (formats && !formats.includes(format)) {
    return forbidden("format_not_allowed", `This key may not use the ${format} API.`);
  }
  if (!matchesAny(providers, target.provider.id)) {
    const message = `This key may not use the provider ${target.provider.id}.`;
    return forbidden("provider_not_allowed", message);
  }
  if (matchesModel(models.allow, target) && !matchesModel(models.deny, target)) return undefined;
  const message = `This key may not use the model ${target.id}; GET /v1/models lists those it may.`;
  return forbidden("model_not_allowed", message);
}

/** Why a key may not use an account; `credentialId` is absent for keys that are not the broker's. */
export function accountRefusal(
  { target: { provider }, credentialId, isOwn }: WayOffer,
  { rules }: Caller,
): GatewayError | undefined {
  const bound = rules?.credentials;
  // What the caller brings is no account of ours.
  if (!bound || isOwn) return undefined;
  const isBound = credentialId === undefined ? !provider.needsKey : bound.includes(credentialId);
  if (isBound) return undefined;
  const message = `This key is bound to certain accounts, and none of them serves this at ${provider.name}.`;
  return forbidden("credential_not_allowed", message);
}

function denied(reason: string) {
  return forbidden("denied_by_policy", `The gateway's policy refuses this: ${reason}`);
}

function withoutTools(bytes: Uint8Array, rule: ToolRule, { trail }: Exchange): Uint8Array {
  const body = readJson(bytes);
  if (!isJsonObject(body)) return bytes;
  const filtered = filterTools(body, rule);
  if (filtered.removed.length === 0) return bytes;
  trail.push(`policy took out tools: ${filtered.removed.join(", ")}`);
  return new TextEncoder().encode(JSON.stringify(filtered.body));
}
