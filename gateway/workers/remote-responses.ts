// Kept responses for a worker: they are the primary's, so that a conversation may go on at any worker. As text, because
// a number that JavaScript cannot hold would not survive being parsed on the way.

import { z } from "zod";
import { isJsonObject, type Json, type JsonObject, parseJson } from "#wire";
import type { ResponseKeeper, StoredResponse } from "../continuation/response-store.ts";
import type { ToPrimary } from "./protocol.ts";

/** The primary's store. */
export class RemoteResponses implements ResponseKeeper {
  readonly #primary: ToPrimary;

  constructor(primary: ToPrimary) {
    this.#primary = primary;
  }

  async get(callerId: string, id: string): Promise<StoredResponse | undefined> {
    const text = await this.#primary.ask("getResponse", { callerId, id });
    return text === null ? undefined : readStored(text);
  }

  async put(callerId: string, stored: StoredResponse): Promise<void> {
    const { id } = stored.response;
    await this.#primary.ask("putResponse", { callerId, id, text: JSON.stringify(stored) });
  }

  async delete(callerId: string, id: string): Promise<boolean> {
    return this.#primary.ask("deleteResponse", { callerId, id });
  }
}

const Stored = z.object({
  response: z.custom<JsonObject & { readonly id: string }>(
    (value) => isJsonObject(value) && typeof value["id"] === "string",
  ),
  input: z.custom<readonly Json[]>((value) => Array.isArray(value)),
});

/** What `JSON.stringify` has made of one. Throws ZodError. */
export function readStored(text: string): StoredResponse {
  return Stored.parse(parseJson(text));
}
