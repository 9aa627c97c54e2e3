// The configuration keys about keys and money. Only the operator may set them: a checkout that could name prices or
// rules could spend.

import { z } from "zod";
import { BindAddressText, defineKey } from "#platform";
import { PricesConfig } from "../pricing/prices.ts";
import { MIN_LEDGER_DAYS } from "../ledger/ledger-retention.ts";
import { PolicyConfig } from "./policy-rules.ts";

/** The operator's policy. */
export const gatewayPolicy = defineKey({
  name: "gateway.policy",
  schema: PolicyConfig,
  default: [],
  project: "refused",
  doc: "Rules in order, for every dialect. Each says whom it is for (models, providers, keys: globs; formats) and does one thing: deny (with a reason), rewriteModel, tools (allow and deny globs), or strict: true (a translation that would lose anything is refused).",
});

/** The operator's prices. */
export const gatewayPrices = defineKey({
  name: "gateway.prices",
  schema: PricesConfig,
  default: {},
  project: "refused",
  doc: "USD per million tokens by provider/model: input, output, cacheRead, cacheWrite5m, cacheWrite1h, reasoning; tiers: what a service tier costs, as a multiple (flex: 0.5). Goes before the bundled prices; a model without a price costs null.",
});

/** How long the ledger keeps its rows. */
export const gatewayLedgerDays = defineKey({
  name: "gateway.ledgerDays",
  schema: z.int().min(MIN_LEDGER_DAYS).max(36_500),
  default: 400,
  env: "PARLEY_GATEWAY_LEDGER_DAYS",
  project: "refused",
  doc: "Days that the ledger keeps a row for each request; what each key has spent by day stays, so budgets hold whatever this says.",
});

/** Where keys are administered over HTTP. */
export const gatewayAdminBind = defineKey({
  name: "gateway.adminBind",
  schema: z.union([z.literal("off"), BindAddressText]),
  default: "off",
  env: "PARLEY_GATEWAY_ADMIN_BIND",
  project: "refused",
  doc: "Address of /admin/keys, for the gateway's own token only; off, or host:port on this machine.",
});
