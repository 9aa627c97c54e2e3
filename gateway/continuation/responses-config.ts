// The settings of the Responses API beside POST: sockets, and responses that are kept. A project's file may only turn
// them off or tighten them.

import { z } from "zod";
import { defineKey } from "#platform";

const isOff = (_operator: boolean, project: boolean) => !project;
const isLower = (operator: number, project: number) => project <= operator;

/** Whether Responses are served over WebSockets. */
export const gatewayWebSocket = defineKey({
  name: "gateway.websocket",
  schema: z.boolean(),
  default: true,
  env: "PARLEY_GATEWAY_WEBSOCKET",
  project: { isTighter: isOff },
  doc: "Serve Responses over WebSocket (GET /v1/responses); off answers 426, and clients use POST.",
});

/** Whether responses are kept. */
export const gatewayResponseStore = defineKey({
  name: "gateway.responseStore",
  schema: z.boolean(),
  default: false,
  env: "PARLEY_GATEWAY_RESPONSE_STORE",
  project: { isTighter: isOff },
  doc: "Keep Responses in memory for previous_response_id and GET /v1/responses/:id, each for the key that made it; a restart forgets them.",
});

/** Most responses kept. */
export const gatewayResponseStoreMaxEntries = defineKey({
  name: "gateway.responseStoreMaxEntries",
  schema: z.int().positive(),
  default: 1_000,
  env: "PARLEY_GATEWAY_RESPONSE_STORE_MAX_ENTRIES",
  project: { isTighter: isLower },
  doc: "Responses kept at once; beyond it the key that keeps most gives up the one it used longest ago.",
});

/** Most bytes of responses kept. */
export const gatewayResponseStoreMaxBytes = defineKey({
  name: "gateway.responseStoreMaxBytes",
  schema: z.int().positive(),
  default: 256 * 1024 * 1024,
  env: "PARLEY_GATEWAY_RESPONSE_STORE_MAX_BYTES",
  project: { isTighter: isLower },
  doc: "Bytes of all kept responses, each with the conversation that led to it; beyond it the key that keeps most gives up some.",
});

/** How long responses are kept. */
export const gatewayResponseStoreTtlMs = defineKey({
  name: "gateway.responseStoreTtlMs",
  schema: z.int().positive(),
  default: 60 * 60_000,
  env: "PARLEY_GATEWAY_RESPONSE_STORE_TTL_MS",
  project: { isTighter: isLower },
  doc: "Milliseconds a response is kept after it was made.",
});

/** All of them. */
export const responsesKeys = [
  gatewayWebSocket,
  gatewayResponseStore,
  gatewayResponseStoreMaxEntries,
  gatewayResponseStoreMaxBytes,
  gatewayResponseStoreTtlMs,
] as const;
