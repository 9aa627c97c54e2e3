// The gateway's configuration keys: one record each, from which the parser, --help, the reference page and
// the JSON schema are made. A project's file may tighten limits here and set no destination.

import { z } from "zod";
import { BindAddressText, defineKey } from "#platform";
import { responsesKeys } from "./continuation/responses-config.ts";
import {
  gatewayAdminBind,
  gatewayLedgerDays,
  gatewayPolicy,
  gatewayPrices,
} from "./keys/config.ts";
import { ProvidersConfig } from "./providers/operator.ts";
import { RoutesConfig } from "./routing/route-table.ts";

const isLower = (operator: number, project: number) => project <= operator;

/** Where the gateway listens. */
export const gatewayBind = defineKey({
  name: "gateway.bind",
  schema: BindAddressText,
  default: "127.0.0.1:4000",
  env: "PARLEY_GATEWAY_BIND",
  flag: "--gateway-bind",
  placeholder: "<host:port>",
  project: "refused",
  doc: "Address the gateway listens on; port 0 takes a free one.",
});

/** How many processes serve. */
export const gatewayWorkers = defineKey({
  name: "gateway.workers",
  schema: z.int().min(1).max(64),
  default: 1,
  env: "PARLEY_GATEWAY_WORKERS",
  flag: "--workers",
  placeholder: "<n>",
  project: "refused",
  doc: "Processes that serve on the one address, 1 to 64; more than one needs Linux. Limits, budgets and metrics are those of all together.",
});

/** Whether callers need no key. */
export const gatewayNoAuth = defineKey({
  name: "gateway.noAuth",
  schema: z.boolean(),
  default: false,
  env: "PARLEY_GATEWAY_NO_AUTH",
  flag: "--no-auth",
  project: "refused",
  doc: "Serve anybody on this machine without a key, as the owner; refused for an address beyond loopback.",
});

const isOrigin = (text: string) =>
  /^https?:/.test(text)
    ? !text.includes("*") && URL.parse(text)?.origin === text
    : /^[a-z][a-z0-9+.-]*:\/\/[a-z0-9.-]+$/.test(text);

/** Web pages that may call. */
export const gatewayCorsOrigins = defineKey<readonly string[]>({
  name: "gateway.corsOrigins",
  schema: z.array(
    z.string().refine(isOrigin, {
      error:
        "expected an origin as a browser sends it, such as https://chat.example: no path, no *",
    }),
  ),
  default: [],
  env: "PARLEY_GATEWAY_CORS_ORIGINS",
  project: "refused",
  doc: "Origins of web pages that may call the gateway and read its answers, exactly as browsers send them; none unless listed here.",
});

const HOST = /^(?:[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_])?|[0-9a-f:.]*:[0-9a-f:.]*)$/i;

/** Hosts of upstreams in the operator's own network. */
export const gatewayTrustedHosts = defineKey<readonly string[]>({
  name: "gateway.trustedHosts",
  schema: z.array(
    z.string().max(253).regex(HOST, {
      error: "expected a host's exact name or address, such as vllm.lan or 10.0.0.9: no port, no *",
    }),
  ),
  default: [],
  env: "PARLEY_GATEWAY_TRUSTED_HOSTS",
  project: "refused",
  doc: "Hosts of upstreams, exactly as their baseUrl has them, that may resolve to loopback, private or link-local addresses. An address or localhost written in a baseUrl needs no entry, nor does the host of ollama, lm-studio, vllm and llama-cpp; a link-local one always does.",
});

/** Largest request body. */
export const gatewayMaxBodyBytes = defineKey({
  name: "gateway.maxBodyBytes",
  schema: z.int().positive(),
  default: 32 * 1024 * 1024,
  env: "PARLEY_GATEWAY_MAX_BODY_BYTES",
  project: { isTighter: isLower },
  doc: "Largest request body in bytes, as it arrives and as it unpacks; a larger one is answered with 413.",
});

/** Most requests at once. */
export const gatewayMaxInFlight = defineKey({
  name: "gateway.maxInFlight",
  schema: z.int().positive(),
  default: 2_000,
  env: "PARLEY_GATEWAY_MAX_IN_FLIGHT",
  project: { isTighter: isLower },
  doc: "Requests served at the same time; further ones are answered with 503 and retry-after.",
});

/** How long an upstream may take to begin its answer. */
export const gatewayHeadersTimeoutMs = defineKey({
  name: "gateway.headersTimeoutMs",
  schema: z.int().positive(),
  default: 10 * 60_000,
  env: "PARLEY_GATEWAY_HEADERS_TIMEOUT_MS",
  project: { isTighter: isLower },
  doc: "Milliseconds an upstream may take until its answer begins.",
});

/** How long an upstream may pause. */
export const gatewayIdleTimeoutMs = defineKey({
  name: "gateway.idleTimeoutMs",
  schema: z.int().positive(),
  default: 5 * 60_000,
  env: "PARLEY_GATEWAY_IDLE_TIMEOUT_MS",
  project: { isTighter: isLower },
  doc: "Milliseconds an upstream may be silent in the middle of an answer.",
});

/** How often a silent stream is kept alive. */
export const gatewayKeepAliveMs = defineKey({
  name: "gateway.keepAliveMs",
  schema: z.int().positive(),
  default: 15_000,
  env: "PARLEY_GATEWAY_KEEP_ALIVE_MS",
  project: "chosen",
  doc: "Milliseconds of silence after which a caller's stream gets a comment or ping.",
});

/** What happens to tools another provider would run. */
export const gatewayHostedTools = defineKey<"drop" | "reject">({
  name: "gateway.hostedTools",
  schema: z.enum(["drop", "reject"]),
  default: "drop",
  env: "PARLEY_GATEWAY_HOSTED_TOOLS",
  project: { isTighter: (_operator, project) => project === "reject" },
  doc: "Search-like tools that only another provider can run: drop them, named in x-parley-lossy, or reject the request.",
});

/** Names and ways of the operator's own. */
export const gatewayRoutes = defineKey({
  name: "gateway.routes",
  schema: RoutesConfig,
  default: {},
  project: "refused",
  doc: "Models by alias or glob (one `*`): a list of ways to serve them, each a provider/model with priority, weight and credentials. They decide before providers do.",
});

/** How many ways are tried for one request. */
export const gatewayMaxAttempts = defineKey({
  name: "gateway.maxAttempts",
  schema: z.int().min(1).max(10),
  default: 3,
  env: "PARLEY_GATEWAY_MAX_ATTEMPTS",
  project: { isTighter: isLower },
  doc: "Most calls to upstreams for one request, all before its first byte.",
});

/** How long other ways are looked for. */
export const gatewayFailoverTimeoutMs = defineKey({
  name: "gateway.failoverTimeoutMs",
  schema: z.int().positive(),
  default: 2 * 60_000,
  env: "PARLEY_GATEWAY_FAILOVER_TIMEOUT_MS",
  project: { isTighter: isLower },
  doc: "Milliseconds after a request's arrival in which another way may still be begun.",
});

/** Whether the simulator is served. */
export const gatewaySimulator = defineKey({
  name: "gateway.simulator",
  schema: z.boolean(),
  default: true,
  env: "PARLEY_GATEWAY_SIMULATOR",
  project: { isTighter: (_operator: boolean, project: boolean) => !project },
  doc: "Serve the built-in sim/* models, which answer offline.",
});

/** Whether finished requests are kept. */
export const gatewayAccessLog = defineKey({
  name: "gateway.accessLog",
  schema: z.boolean(),
  default: true,
  env: "PARLEY_GATEWAY_ACCESS_LOG",
  project: { isTighter: (_operator: boolean, project: boolean) => !project },
  doc: "Keep the last 100,000 requests of seven days for `agent auth-gateway explain`: what was decided, nothing of what was said.",
});

/** Where traces go. */
export const telemetryOtlpEndpoint = defineKey({
  name: "telemetry.otlpEndpoint",
  schema: z.union([z.literal(""), z.url({ protocol: /^https?$/ })]),
  default: "",
  env: "PARLEY_TELEMETRY_OTLP_ENDPOINT",
  placeholder: "<url>",
  project: "refused",
  doc: "OTLP/HTTP collector that OpenTelemetry traces of requests are sent to, such as http://127.0.0.1:4318; empty for none. No content is ever in them.",
});

/** What the collector is shown. */
export const telemetryOtlpHeaders = defineKey<Readonly<Record<string, string>>>({
  name: "telemetry.otlpHeaders",
  schema: z.record(z.string().regex(/^[\w-]+$/), z.string()),
  default: {},
  env: "PARLEY_TELEMETRY_OTLP_HEADERS",
  project: "refused",
  isSecret: true,
  doc: "Headers for the collector, by name: each value a literal, the name of an environment variable, or !command.",
});

/** Whether upstreams hear of traces. */
export const telemetryPropagate = defineKey({
  name: "telemetry.propagate",
  schema: z.boolean(),
  default: false,
  env: "PARLEY_TELEMETRY_PROPAGATE",
  project: "refused",
  doc: "Send W3C traceparent to upstreams, for those that are traced by you too.",
});

/** Operator-defined upstreams and overrides of the built-in ones. */
export const providersKey = defineKey({
  name: "providers",
  schema: ProvidersConfig,
  default: {},
  project: "refused",
  doc: "Upstreams by id: api (messages, chat or responses), baseUrl, apiKey (a literal, the name of an environment variable, or !command), models. A built-in id overrides only what is given.",
});

/** Every key of this part. */
export const gatewayKeys = [
  gatewayBind,
  gatewayWorkers,
  gatewayNoAuth,
  gatewayCorsOrigins,
  gatewayTrustedHosts,
  gatewayMaxBodyBytes,
  gatewayMaxInFlight,
  gatewayHeadersTimeoutMs,
  gatewayIdleTimeoutMs,
  gatewayKeepAliveMs,
  gatewayHostedTools,
  gatewayRoutes,
  gatewayMaxAttempts,
  gatewayFailoverTimeoutMs,
  ...responsesKeys,
  gatewaySimulator,
  gatewayAccessLog,
  telemetryOtlpEndpoint,
  telemetryOtlpHeaders,
  telemetryPropagate,
  gatewayPolicy,
  gatewayPrices,
  gatewayLedgerDays,
  gatewayAdminBind,
  providersKey,
] as const;
