// The place of one request in a trace, in W3C's terms: whose child it is, and the ids that its spans will have. The ids
// are made when the request comes, because an upstream is told of one long before any span is written.

/** One request's place. */
export interface RequestTrace {
  /** 32 lower-case hex digits. */
  readonly traceId: string;
  /** 16 lower-case hex digits, of the span for the whole request. */
  readonly spanId: string;
  /** The caller's span, if it named one. */
  readonly parentSpanId?: string;
  /** The span of each way that was tried, in order. */
  readonly attemptSpanIds: string[];
  /** What the upstream of the last way is told; undefined where it is told nothing. */
  readonly traceparent: string | undefined;
  /** Another way is tried. */
  beginAttempt(): void;
}

/** Version, trace id, span id, flags; later versions may add fields. */
const TRACEPARENT = /^(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const NO_ID = /^0+$/;
const SAMPLED = 1;

interface Parent {
  readonly traceId: string;
  readonly spanId: string;
  readonly isSampled: boolean;
}

/** The caller's `traceparent`; undefined without one, and for one that is not W3C's. */
export function readTraceparent(text: string | null): Parent | undefined {
  const [, version, traceId = "", spanId = "", flags = "", more] =
    TRACEPARENT.exec(text ?? "") ?? [];
  if (version === undefined || NO_ID.test(traceId) || NO_ID.test(spanId)) return undefined;
  if (version === "00" && more !== undefined) return undefined;
  return { traceId, spanId, isSampled: (Number.parseInt(flags, 16) & SAMPLED) === SAMPLED };
}

/** Begins a request's part of a trace; undefined when its caller wants none recorded. */
export function beginTrace(
  headers: Headers,
  { propagates, newHex = randomHex }: { propagates: boolean; newHex?: (bytes: number) => string },
): RequestTrace | undefined {
  const parent = readTraceparent(headers.get("traceparent"));
  if (parent && !parent.isSampled) return undefined;
  const traceId = parent?.traceId ?? newHex(16);
  const attemptSpanIds: string[] = [];
  return {
    traceId,
    spanId: newHex(8),
    ...(parent && { parentSpanId: parent.spanId }),
    attemptSpanIds,
    get traceparent() {
      const spanId = attemptSpanIds.at(-1);
      return propagates && spanId !== undefined ? `00-${traceId}-${spanId}-01` : undefined;
    },
    beginAttempt: () => void attemptSpanIds.push(newHex(8)),
  };
}

function randomHex(bytes: number): string {
  return crypto.getRandomValues(new Uint8Array(bytes)).toHex();
}
