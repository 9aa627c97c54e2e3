// What a gateway counts of its requests, for Prometheus: taken from the account of each request when it is over, so
// that nothing is counted between two bytes. Labels hold what the operator configured, never what a caller wrote.

import type { Labels, Metrics } from "#platform";
import type { Usage } from "#wire";
import type { CatalogModel } from "../models/catalog.ts";
import { costNanoUsd } from "../pricing/price.ts";
import type { PriceOf } from "../pricing/prices.ts";
import type { ObserveSettlement, Settlement } from "../pipeline/settlement.ts";

/** Upper bounds for the wait for a first byte, in seconds: a local answer to a long thought. */
export const FIRST_BYTE_BUCKETS = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 180];
/** Upper bounds for the length of a stream, in seconds. */
export const STREAM_BUCKETS = [0.1, 0.5, 1, 5, 10, 30, 60, 180, 600, 1_800];

const ANSWER = "answer";
const NANO_PER_USD = 1e9;
const NONE = "none";
const OTHER = "other";

/** Counts settled requests in `metrics`. */
export function countSettlements(metrics: Metrics, priceOf: PriceOf): ObserveSettlement {
  const countTokens = tokenCounters(metrics);
  const countCost = costCounter(metrics, priceOf);
  const countWays = wayCounters(metrics);
  const countStream = streamMetrics(metrics);
  const requests = metrics.counter({
    name: "gateway_requests_total",
    help: "Model requests by the caller's dialect, what was asked for, the upstream that served or refused last, and status class.",
    labels: ["format", "endpoint", "provider", "status"],
  });
  const firstByte = metrics.histogram({
    name: "gateway_first_byte_seconds",
    help: "From a request's arrival to the first byte of its answer.",
    labels: ["format", "stream"],
    buckets: FIRST_BYTE_BUCKETS,
  });
  return (settlement) => {
    const { format, endpoint = ANSWER, isStream, model, status, firstByteMs, usage } = settlement;
    const provider = model?.provider.id ?? NONE;
    requests.inc({ format, endpoint, provider, status: `${Math.floor(status / 100)}xx` });
    if (firstByteMs !== undefined && endpoint === ANSWER) {
      firstByte.observe({ format, stream: String(isStream) }, firstByteMs / 1_000);
    }
    countWays(settlement);
    if (usage && model && !usage.isEstimated) {
      countTokens(model, usage);
      countCost(model, usage);
    }
    if (isStream) countStream(settlement);
  };
}

/** Counts accounts that begin to rest. */
export function countRests(metrics: Metrics): (providerId: string) => void {
  const rests = metrics.counter({
    name: "gateway_cool_downs_total",
    help: "Accounts that began to rest after a failure.",
    labels: ["provider"],
  });
  return (provider) => rests.inc({ provider });
}

function tokenCounters(metrics: Metrics) {
  const counter = (kind: string, help: string) =>
    metrics.counter({
      name: `gateway_${kind}_tokens_total`,
      help: `${help}, as providers reported them.`,
      labels: ["provider", "model"],
    });
  const kinds = {
    input: counter("input", "Tokens read, caches not counted"),
    output: counter("output", "Tokens written, reasoning included"),
    cacheRead: counter("cache_read", "Tokens read from a cache"),
    cacheWrite: counter("cache_write", "Tokens written to a cache"),
    reasoning: counter("reasoning", "Tokens spent on reasoning"),
  };
  return ({ provider, model }: CatalogModel, usage: Usage): void => {
    const labels = modelLabels(provider, model);
    for (const kind of ["input", "output", "cacheRead", "cacheWrite", "reasoning"] as const) {
      const tokens = usage[kind];
      if (tokens) kinds[kind].inc(labels, tokens);
    }
  };
}

function costCounter(metrics: Metrics, priceOf: PriceOf) {
  const cost = metrics.counter({
    name: "gateway_cost_usd_total",
    help: "What priced models cost, in US dollars; what has no price is not in it.",
    labels: ["provider", "model"],
  });
  return (target: CatalogModel, usage: Usage): void => {
    const nanoUsd = costNanoUsd(priceOf(target), usage);
    if (nanoUsd) cost.inc(modelLabels(target.provider, target.model), nanoUsd / NANO_PER_USD);
  };
}

/** A model that nobody listed is a caller's word. */
function modelLabels(
  provider: CatalogModel["provider"],
  { id }: CatalogModel["model"],
): Labels<"provider" | "model"> {
  const isListed = provider.models.some((model) => model.id === id);
  return { provider: provider.id, model: isListed ? id : OTHER };
}

function wayCounters(metrics: Metrics) {
  const failures = metrics.counter({
    name: "gateway_upstream_failures_total",
    help: "Ways that failed before their first byte, by upstream and what went wrong.",
    labels: ["provider", "code"],
  });
  const failovers = metrics.counter({
    name: "gateway_failovers_total",
    help: "Ways that were tried because the one before had failed.",
    labels: ["provider"],
  });
  return ({ attempts }: Settlement): void => {
    for (const [index, { provider, failure }] of attempts.entries()) {
      if (failure) failures.inc({ provider, code: failure.kind });
      if (index > 0) failovers.inc({ provider });
    }
  };
}

function streamMetrics(metrics: Metrics) {
  const ends = metrics.counter({
    name: "gateway_streams_total",
    help: "Streams that had begun, by how they ended: completed, failed, cut, client_gone.",
    labels: ["format", "end"],
  });
  const duration = metrics.histogram({
    name: "gateway_stream_duration_seconds",
    help: "From the first byte of a stream to its last.",
    labels: ["format"],
    buckets: STREAM_BUCKETS,
  });
  return ({ format, outcome, firstByteMs, elapsedMs }: Settlement): void => {
    if (outcome === "refused") return;
    ends.inc({ format, end: outcome });
    duration.observe({ format }, (elapsedMs - (firstByteMs ?? elapsedMs)) / 1_000);
  };
}
