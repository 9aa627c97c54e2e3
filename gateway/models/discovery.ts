// The models that an upstream lists itself. It is asked when somebody wants to see them, and what it said counts for
// a moment; a host that does not answer is named, and never keeps the others from being listed.

import { z } from "zod";
import type { Logger, Outbound } from "#platform";
import type { KeyLeases } from "../pipeline/lease.ts";
import { upstreamHeaders } from "../pipeline/crossing-headers.ts";
import { modelsUrl, type ModelInfo, type Provider } from "../providers/provider.ts";

/** How long a list counts, in milliseconds. */
export const LIST_TTL_MS = 30_000;

/** How long a host that did not answer is left alone, in milliseconds. */
export const SILENT_TTL_MS = 5_000;

/** How long a host may take to answer, in milliseconds: everybody who lists models waits for it. */
export const LIST_TIMEOUT_MS = 3_000;

/** Longest list that is read. */
export const MAX_LIST_BYTES = 4 * 1024 * 1024;

/** Most models of one list that are taken. */
export const MAX_LISTED_MODELS = 1_000;

const Tokens = z.int().positive().optional().catch(undefined);
const ListedModel = z.object({
  id: z.string().regex(/^[\x21-\x7e]{1,200}$/),
  // The hosts' own words for one thing: vLLM, OpenRouter and kin, Groq, Mistral.
  max_model_len: Tokens,
  context_length: Tokens,
  context_window: Tokens,
  max_context_length: Tokens,
});
const ModelList = z.object({ data: z.array(z.unknown()) });

interface Answer {
  readonly models: readonly ModelInfo[];
  readonly isSilent: boolean;
  readonly atMs: number;
}

/** What a discovery is built from. */
export interface DiscoveryParts {
  readonly outbound: Outbound;
  readonly leases: Pick<KeyLeases, "lease">;
  readonly nowMs: () => number;
  readonly log: Logger;
}

/** Asks upstreams for their models, each at most once at a time. */
export class ModelDiscovery {
  readonly #parts: DiscoveryParts;
  readonly #answers = new Map<string, Answer>();
  readonly #asking = new Map<string, Promise<void>>();

  constructor(parts: DiscoveryParts) {
    this.#parts = parts;
  }

  /** What it said last; nothing before it was asked. Asks nobody. */
  known({ id }: Provider): readonly ModelInfo[] {
    return this.#answers.get(id)?.models ?? [];
  }

  /** Asks those whose list has run out, all at once; returns the ids of those that did not answer. Never rejects. */
  async refresh(providers: readonly Provider[]): Promise<readonly string[]> {
    const listing = providers.filter(({ listsModels }) => listsModels);
    await Promise.all(
      listing.filter((each) => !this.#isFresh(each)).map((each) => this.#ask(each)),
    );
    return listing.filter(({ id }) => this.#answers.get(id)?.isSilent).map(({ id }) => id);
  }

  #isFresh({ id }: Provider): boolean {
    const answer = this.#answers.get(id);
    if (!answer) return false;
    const ttlMs = answer.isSilent ? SILENT_TTL_MS : LIST_TTL_MS;
    return this.#parts.nowMs() - answer.atMs < ttlMs;
  }

  #ask(provider: Provider): Promise<void> {
    const { id } = provider;
    const asking =
      this.#asking.get(id) ?? this.#answer(provider).finally(() => this.#asking.delete(id));
    this.#asking.set(id, asking);
    return asking;
  }

  async #answer(provider: Provider): Promise<void> {
    const { nowMs, log } = this.#parts;
    try {
      const models = await this.#list(provider);
      this.#answers.set(provider.id, { models, isSilent: false, atMs: nowMs() });
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      log.warn(`${provider.name} did not list its models`, {
        provider: provider.id,
        problem,
        fix: `start it at ${provider.baseUrl}, or name its models under providers.${provider.id}`,
      });
      this.#answers.set(provider.id, { models: [], isSilent: true, atMs: nowMs() });
    }
  }

  async #list(provider: Provider): Promise<readonly ModelInfo[]> {
    const format = provider.formats[0];
    const { key } = await this.#parts.leases.lease(provider);
    const crossing = { format, isSameFormat: false, isSimulated: false, isStream: false };
    const response = await this.#parts.outbound.send({
      url: modelsUrl(provider),
      headers: {
        ...upstreamHeaders(new Headers(), crossing),
        ...provider.headers,
        ...(key !== "" && provider.authorize(key, format)),
      },
      signal: AbortSignal.timeout(LIST_TIMEOUT_MS),
      headersTimeoutMs: LIST_TIMEOUT_MS,
      maxBytes: MAX_LIST_BYTES,
      attempts: 1,
    });
    if (response.status !== 200) {
      response.cancel();
      throw new Error(`answered ${response.status}`);
    }
    return readList(await response.bytes());
  }
}

function readList(bytes: Uint8Array): readonly ModelInfo[] {
  const models = new Map<string, ModelInfo>();
  for (const entry of readEntries(bytes).slice(0, MAX_LISTED_MODELS)) {
    const parsed = ListedModel.safeParse(entry);
    // One strange entry must not hide the others.
    if (parsed.success) models.set(parsed.data.id, toModelInfo(parsed.data));
  }
  return [...models.values()];
}

function readEntries(bytes: Uint8Array): readonly unknown[] {
  try {
    return ModelList.parse(JSON.parse(new TextDecoder().decode(bytes))).data;
  } catch (cause) {
    throw new Error("answered with something that is no list of models", { cause });
  }
}

function toModelInfo(listed: z.infer<typeof ListedModel>): ModelInfo {
  const contextWindow =
    listed.max_model_len ??
    listed.context_length ??
    listed.context_window ??
    listed.max_context_length;
  return { id: listed.id, ...(contextWindow !== undefined && { contextWindow }) };
}
