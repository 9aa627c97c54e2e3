// One request on its way through the pipeline: what each step may read and what it records for the access
// log. Holds no body longer than the step that needs it, and never writes one anywhere.

import type { Logger } from "#platform";
import type { CallerFormat } from "../formats/format.ts";
import type { RequestTrace } from "../observability/trace-context.ts";
import type { Endpoint } from "../providers/endpoint.ts";
import type { Caller } from "./caller.ts";
import type { OwnCredential } from "./own-credential.ts";

/** How a stream or reply ended, for logs and metrics. */
export type Outcome = "completed" | "failed" | "cut" | "client_gone";

/** A request in flight. */
export interface Exchange {
  readonly id: string;
  /** The caller's own name for the request; told back in logs, never used as ours. */
  readonly clientId?: string;
  /** Its place in a trace; absent when it is not traced. */
  readonly trace?: RequestTrace;
  readonly caller: Caller;
  /** What it brings for the providers that its key allows it to. */
  readonly own?: OwnCredential;
  /** Dialect of the caller. */
  readonly format: CallerFormat;
  /** What is asked for when it is no answer. */
  readonly endpoint?: Endpoint;
  readonly headers: Headers;
  /** Query of the caller's URL, `?` included; "" when there is none. */
  readonly query: string;
  /** Aborted when the caller goes away. */
  readonly signal: AbortSignal;
  readonly startedAtMs: number;
  readonly log: Logger;
  /** Every decision on the way, in order, for whoever asks later why; steps append to it. */
  readonly trail: string[];
  /** Gives the request's place among those in flight free; the last step calls it, once. */
  readonly release: () => void;
}
