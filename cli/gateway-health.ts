// Asks whether a gateway answers at an address, and says in the same words everywhere that none does.

import { z } from "zod";
import { createOutbound, readJson } from "#platform";
import { CliError, EXIT_CODES } from "./cli-error.ts";

/** How long an answer is waited for, in ms. */
export const HEALTH_TIMEOUT_MS = 3_000;

const HealthBody = z.object({ ok: z.literal(true), version: z.string() });

/** What was found there. */
export type Health = z.infer<typeof HealthBody> | { ok: false; reason: string };

/** Asks; a silent or strange address is an answer too. */
export async function askHealth(url: string): Promise<Health> {
  try {
    const response = await createOutbound().send({
      url: `${url}/healthz`,
      headers: {},
      signal: AbortSignal.timeout(HEALTH_TIMEOUT_MS),
      attempts: 1,
    });
    const health = HealthBody.safeParse(readJson(await response.bytes()));
    if (response.status === 200 && health.success) return health.data;
    return { ok: false, reason: `something else answers there (HTTP ${response.status})` };
  } catch (error) {
    return { ok: false, reason: message(error) };
  }
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** No gateway answers there: exit code 4, and what to do. */
export function unreachable(url: string, reason: string): CliError {
  return new CliError("gateway_unreachable", `No gateway answers at ${url}: ${reason}`, {
    exitCode: EXIT_CODES.unreachable,
    hint: "Start it with `agent up` or `agent auth-gateway serve`; gateway.bind says where it is looked for.",
  });
}
