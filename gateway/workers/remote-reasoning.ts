// Remembered reasoning for a worker: it is the primary's, so that a conversation may go on at any worker.

import { z } from "zod";
import type { ReasoningKeeper, SealedReasoning } from "../continuation/reasoning-store.ts";
import type { ToPrimary } from "./protocol.ts";

/** The primary's store. */
export class RemoteReasoning implements ReasoningKeeper {
  readonly #primary: ToPrimary;
  readonly isEmpty = false;

  constructor(primary: ToPrimary) {
    this.#primary = primary;
  }

  async find(
    callerId: string,
    callIds: readonly string[],
  ): Promise<readonly (SealedReasoning | undefined)[]> {
    const texts = await this.#primary.ask("findReasoning", { callerId, callIds: [...callIds] });
    return texts.map((text) => (text === null ? undefined : readReasoning(text)));
  }

  put(callerId: string, callId: string, reasoning: SealedReasoning): void {
    this.#primary.tell("putReasoning", { callerId, callId, text: JSON.stringify(reasoning) });
  }
}

const Carrier = z.object({
  format: z.enum(["chat", "responses", "messages", "generate"]),
  kind: z.enum(["signature", "redacted", "encrypted", "details"]),
  data: z.string(),
  id: z.exactOptional(z.string()),
  provider: z.exactOptional(z.string()),
});
const Reasoning = z.array(
  z.discriminatedUnion("kind", [
    z.object({
      kind: z.literal("thinking"),
      text: z.string(),
      isRaw: z.exactOptional(z.boolean()),
      carrier: z.exactOptional(Carrier),
    }),
    z.object({ kind: z.literal("redacted"), carrier: Carrier }),
  ]),
);

/** What `JSON.stringify` has made of it. Throws ZodError. */
export function readReasoning(text: string): SealedReasoning {
  return Reasoning.parse(JSON.parse(text));
}
