// From a call to an exchange that the pipeline can serve: the body as it came, a place among those in flight, the
// time. Refuses requests beyond the limit.

import type { Logger, Metrics } from "#platform";
import type { RequestTrace } from "../observability/trace-context.ts";
import { clientRequestId } from "../pipeline/client-request-id.ts";
import type { Exchange } from "../pipeline/exchange.ts";
import type { Places } from "./in-flight.ts";
import type { Call } from "./route.ts";

/** What exchanges are opened with. */
export interface ExchangeParts {
  readonly inFlight: Places;
  readonly nowMs: () => number;
  readonly metrics: Metrics;
  /** Asked for each request; absent where nothing is traced. */
  readonly beginTrace?: (headers: Headers) => RequestTrace | undefined;
  readonly log: Logger;
}

/** What is asked for: an answer in a dialect, or an endpoint of it. */
export type ExchangeKind = Pick<Exchange, "format" | "endpoint">;

/** Serves one exchange; it must see to its release once it has returned. */
export type ServeExchange = (exchange: Exchange) => Promise<Response>;

/** Opens exchanges, as many at once as there may be. */
export class Exchanges {
  readonly #parts: ExchangeParts;

  constructor(parts: ExchangeParts) {
    this.#parts = parts;
    const { inFlight } = parts;
    parts.metrics.readGauge({
      name: "gateway_in_flight",
      help: "Model requests being served.",
      read: () => inFlight.count,
    });
  }

  /** Serves `call`; gives its place back when serving throws. */
  async serve(call: Call, kind: ExchangeKind, serve: ServeExchange): Promise<Response> {
    const place = this.#parts.inFlight.enter();
    const exchange = this.#open(call, kind, place instanceof Promise ? await place : place);
    try {
      return await serve(exchange);
    } catch (error) {
      exchange.release();
      throw error;
    }
  }

  #open(
    { request, requestId, caller, own }: Call,
    kind: ExchangeKind,
    release: () => void,
  ): Exchange {
    const { headers, url, signal } = request;
    const query = url.indexOf("?");
    const clientId = clientRequestId(headers);
    const trace = this.#parts.beginTrace?.(headers);
    return {
      id: requestId,
      ...(clientId !== undefined && { clientId }),
      ...(trace && { trace }),
      caller,
      ...(own && { own }),
      ...kind,
      headers,
      query: query === -1 ? "" : url.slice(query),
      signal,
      startedAtMs: this.#parts.nowMs(),
      log: this.#parts.log,
      trail: [],
      release,
    };
  }
}
