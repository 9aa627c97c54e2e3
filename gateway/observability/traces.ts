// OpenTelemetry traces of finished requests: one span for the request, one for each upstream that was asked, with the
// GenAI attributes and no content. Loaded only where a collector is configured; a collector that fails costs spans.

import {
  type Attributes,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Tracer,
} from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  AlwaysOnSampler,
  BatchSpanProcessor,
  type SpanExporter,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { type Logger, redact, VERSION } from "#platform";
import { callerFormats } from "../formats/index.ts";
import type { ObserveSettlement, SettledAttempt, Settlement } from "../pipeline/settlement.ts";
import { beginTrace, type RequestTrace } from "./trace-context.ts";

/** Finished spans that may wait for a slow collector; later ones are dropped. */
export const MAX_WAITING_SPANS = 2_048;
/** How long spans wait to be sent together. */
export const EXPORT_DELAY_MS = 2_000;
/** How long one export may take. */
export const EXPORT_TIMEOUT_MS = 10_000;
/** How long a stopping gateway tries to send what is left. */
export const LAST_EXPORT_MS = 2_000;

/** Where traces go. */
export interface TracesOptions {
  /** Base URL of an OTLP/HTTP collector; `/v1/traces` is added. */
  readonly endpoint: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Tell upstreams of the trace. */
  readonly propagates: boolean;
  readonly log: Logger;
}

/** Open traces. */
export interface Traces {
  /** Asked for each request as it comes; undefined when it is not traced. */
  readonly begin: (headers: Headers) => RequestTrace | undefined;
  readonly record: ObserveSettlement;
  /** Sends what is left, for LAST_EXPORT_MS at most. */
  stop(): Promise<void>;
}

/** Opens them; nothing is sent yet. */
export function openTraces({ endpoint, headers, propagates, log }: TracesOptions): Traces {
  const ids = new GivenIds();
  const exporter = new OTLPTraceExporter({
    url: tracesUrl(endpoint),
    headers: { ...headers },
    timeoutMillis: EXPORT_TIMEOUT_MS,
  });
  const provider = new TracerProvider({
    sampler: new AlwaysOnSampler(),
    idGenerator: ids,
    resource: resourceFromAttributes({
      "service.name": "parley-gateway",
      "service.version": VERSION,
    }),
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: warnWhenFailing(exporter, log),
        maxQueueSize: MAX_WAITING_SPANS,
        scheduledDelayMillis: EXPORT_DELAY_MS,
        exportTimeoutMillis: EXPORT_TIMEOUT_MS,
      }),
    ],
  });
  const tracer = provider.getTracer("parley-gateway", VERSION);
  return {
    begin: (requestHeaders) => beginTrace(requestHeaders, { propagates }),
    record: (settlement) => writeSpans(settlement, tracer, ids),
    stop: () => Promise.race([provider.shutdown().catch(() => {}), Bun.sleep(LAST_EXPORT_MS)]),
  };
}

function tracesUrl(endpoint: string): string {
  const base = endpoint.replace(/\/+$/, "");
  return base.endsWith("/v1/traces") ? base : `${base}/v1/traces`;
}

/** Hands out ids that were made before. */
class GivenIds {
  #next: { readonly traceId: string; readonly spanId: string } = { traceId: "", spanId: "" };

  give(next: { readonly traceId: string; readonly spanId: string }): void {
    this.#next = next;
  }

  generateTraceId(): string {
    return this.#next.traceId;
  }

  generateSpanId(): string {
    return this.#next.spanId;
  }
}

/** Says once that a collector does not take spans, and once that it does again. */
function warnWhenFailing(exporter: SpanExporter, log: Logger): SpanExporter {
  let isFailing = false;
  return {
    export: (spans, done) =>
      exporter.export(spans, (result) => {
        const hasFailed = result.code !== 0;
        if (hasFailed && !isFailing) {
          log.warn("the collector does not take traces; they are dropped", { error: result.error });
        }
        if (!hasFailed && isFailing) log.info("the collector takes traces again");
        isFailing = hasFailed;
        done(result);
      }),
    shutdown: () => exporter.shutdown(),
    forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
  };
}

function writeSpans(settlement: Settlement, tracer: Tracer, ids: GivenIds): void {
  const { trace: place, startedAtMs, elapsedMs, status, attempts } = settlement;
  if (!place) return;
  const { traceId, spanId, parentSpanId } = place;
  ids.give({ traceId, spanId });
  const parent = { traceId, traceFlags: TraceFlags.SAMPLED };
  const outside =
    parentSpanId === undefined
      ? ROOT_CONTEXT
      : trace.setSpanContext(ROOT_CONTEXT, { ...parent, spanId: parentSpanId, isRemote: true });
  const request = tracer.startSpan(
    `POST ${settlement.endpoint ?? callerFormats[settlement.format].path}`,
    {
      kind: SpanKind.SERVER,
      startTime: hrTime(startedAtMs),
      attributes: requestAttributes(settlement),
    },
    outside,
  );
  const hasFailed = settlement.outcome === "failed" || settlement.outcome === "cut";
  if (hasFailed || status >= 500) request.setStatus({ code: SpanStatusCode.ERROR });
  const inside = trace.setSpanContext(ROOT_CONTEXT, { ...parent, spanId });
  for (const [index, attempt] of attempts.entries()) {
    ids.give({ traceId, spanId: place.attemptSpanIds[index] ?? "" });
    const { beganMs, decidedMs, failure } = attempt;
    const call = tracer.startSpan(
      `${settlement.endpoint ?? "chat"} ${redact(attempt.upstreamModel)}`,
      {
        kind: SpanKind.CLIENT,
        startTime: hrTime(startedAtMs + beganMs),
        attributes: attemptAttributes(attempt, settlement),
      },
      inside,
    );
    if (failure) call.setStatus({ code: SpanStatusCode.ERROR });
    call.end(hrTime(startedAtMs + (failure ? (decidedMs ?? elapsedMs) : elapsedMs)));
  }
  request.end(hrTime(startedAtMs + elapsedMs));
}

function requestAttributes(settlement: Settlement): Attributes {
  const { requestId, clientRequestId, caller, format, endpoint, asked } = settlement;
  const { status, code, outcome, firstByteMs } = settlement;
  return {
    "http.request.method": "POST",
    ...(endpoint === undefined && { "http.route": callerFormats[format].path }),
    "http.response.status_code": status,
    "gen_ai.operation.name": endpoint ?? "chat",
    "gen_ai.request.model": redact(asked),
    ...usageAttributes(settlement),
    ...(code !== undefined && { "error.type": code }),
    ...(firstByteMs !== undefined && { "parley.first_byte_ms": firstByteMs }),
    ...(clientRequestId !== undefined && { "parley.client_request_id": redact(clientRequestId) }),
    "parley.request_id": requestId,
    "parley.caller": caller.name,
    "parley.outcome": outcome,
  };
}

function attemptAttributes(attempt: SettledAttempt, settlement: Settlement): Attributes {
  const { provider, upstreamModel, format, keySource, failure, upstreamRequestId } = attempt;
  return {
    "gen_ai.operation.name": settlement.endpoint ?? "chat",
    "gen_ai.provider.name": provider,
    // The name before GenAI conventions 1.37; dashboards still ask for it.
    "gen_ai.system": provider,
    "gen_ai.request.model": redact(upstreamModel),
    ...(!failure && usageAttributes(settlement)),
    ...(failure && { "error.type": failure.code }),
    ...(failure?.status !== undefined && { "http.response.status_code": failure.status }),
    ...(upstreamRequestId !== undefined && {
      "parley.upstream_request_id": redact(upstreamRequestId),
    }),
    ...(attempt.credentialId !== undefined && { "parley.credential_id": attempt.credentialId }),
    "parley.key_source": keySource,
    "parley.upstream_format": format,
  };
}

/** Input counts what came from caches and went there, as the convention has it. */
function usageAttributes({ usage }: Settlement): Attributes {
  if (!usage || usage.isEstimated) return {};
  const { input, output, cacheRead, cacheWrite } = usage;
  return {
    "gen_ai.usage.input_tokens": input + cacheRead + cacheWrite,
    "gen_ai.usage.output_tokens": output,
    "gen_ai.usage.cache_read.input_tokens": cacheRead,
    "gen_ai.usage.cache_creation.input_tokens": cacheWrite,
  };
}

/** Seconds and nanoseconds: a plain number could be taken for time since the process began. */
function hrTime(ms: number): [number, number] {
  const seconds = Math.floor(ms / 1_000);
  return [seconds, Math.round((ms - seconds * 1_000) * 1e6)];
}
