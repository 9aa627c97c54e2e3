// The price of a model: the operator's, else the bundled one of the vendor's own API. Refuses to price a host that
// only speaks a vendor's dialect: what it charges nobody knows here.

import { z } from "zod";
import type { CatalogModel } from "../models/catalog.ts";
import type { Provider } from "../providers/provider.ts";
import type { ModelPrice } from "./price.ts";
import { PRICE_TABLE } from "./price-table.ts";

/** Highest price taken, in USD per million tokens; a larger one is a slip of the pen. */
export const MAX_USD_PER_MILLION = 1_000_000;

const NANO_PER_TOKEN = 1_000;

const UsdPerMillion = z
  .number()
  .nonnegative()
  .max(MAX_USD_PER_MILLION)
  .refine((usd) => Math.abs(usd * NANO_PER_TOKEN - Math.round(usd * NANO_PER_TOKEN)) < 1e-6, {
    error: "the smallest step is 0.001 USD per million tokens",
  })
  .transform((usd) => Math.round(usd * NANO_PER_TOKEN));

/** Dearest tier taken, as a multiple of the usual price. */
export const MAX_TIER_SHARE = 100;

const SHARES_PER_UNIT = 1_000;

const Share = z
  .number()
  .positive()
  .max(MAX_TIER_SHARE)
  .refine(
    (share) => Math.abs(share * SHARES_PER_UNIT - Math.round(share * SHARES_PER_UNIT)) < 1e-6,
    {
      error: "the smallest step is 0.001",
    },
  )
  .transform((share) => ({ times: Math.round(share * SHARES_PER_UNIT), per: SHARES_PER_UNIT }));

const ConfiguredPrice = z.strictObject({
  input: UsdPerMillion,
  output: UsdPerMillion,
  cacheRead: UsdPerMillion.optional(),
  cacheWrite5m: UsdPerMillion.optional(),
  cacheWrite1h: UsdPerMillion.optional(),
  reasoning: UsdPerMillion.optional(),
  tiers: z.record(z.string(), Share).optional(),
});

/** The `gateway.prices` section: `provider/model` → USD per million tokens, tiers as shares of that. */
export const PricesConfig = z.record(
  z.string().regex(/^[^/\s]+\/\S+$/, "a priced model is provider/model"),
  ConfiguredPrice,
);
/** As parsed: nano-USD per token. */
export type PricesConfig = z.infer<typeof PricesConfig>;

/** Finds prices. */
export type PriceOf = (model: CatalogModel) => ModelPrice | undefined;

/** Models of one provider whose price is remembered: asked twice for each request, and the same every time. */
const MAX_REMEMBERED = 1_000;

/** Looks into the operator's prices, then into the bundled ones. */
export function priceList(configured: PricesConfig): PriceOf {
  const own = new Map(Object.entries(configured));
  const find = (model: CatalogModel) => {
    const configuredPrice = own.get(model.id);
    return configuredPrice ? known(configuredPrice) : bundledPrice(model);
  };
  const remembered = new WeakMap<Provider, Map<string, ModelPrice | undefined>>();
  return (model) => {
    const ofProvider = remembered.get(model.provider) ?? new Map<string, ModelPrice | undefined>();
    const { id } = model;
    if (ofProvider.has(id)) return ofProvider.get(id);
    const price = find(model);
    if (ofProvider.size < MAX_REMEMBERED) ofProvider.set(id, price);
    remembered.set(model.provider, ofProvider);
    return price;
  };
}

// exactOptionalPropertyTypes: a field that the schema left undefined must be absent.
function known(price: PricesConfig[string]): ModelPrice {
  const entries = Object.entries(price).filter(([, value]) => value !== undefined);
  return { input: price.input, output: price.output, ...Object.fromEntries(entries) };
}

const SNAPSHOT = /-(?:\d{8}|\d{4}-\d{2}-\d{2})$/;

function bundledPrice({ provider, model }: CatalogModel): ModelPrice | undefined {
  const host = URL.parse(provider.baseUrl)?.host ?? "";
  if (!Object.hasOwn(PRICE_TABLE, host)) return undefined;
  const listed = PRICE_TABLE[host] ?? {};
  const id = [model.id, model.id.replace(SNAPSHOT, "")].find((name) => Object.hasOwn(listed, name));
  return id === undefined ? undefined : listed[id];
}
