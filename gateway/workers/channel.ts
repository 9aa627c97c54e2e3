// Questions and answers between the primary and one worker over a pipe that keeps order. What arrives is parsed by its
// contract before anybody acts on it; an error is told in words, never with its stack. Refuses to wait for somebody who
// is gone.

import { z } from "zod";
import { FAILURE_KINDS } from "#wire";
import { GatewayError } from "../errors.ts";

/** What one side answers, by name. */
export type Contract = Readonly<Record<string, { asks: z.ZodType; answers: z.ZodType }>>;

type Name<C extends Contract> = keyof C & string;
type Answer<C extends Contract, N extends keyof C> = z.input<C[N]["answers"]>;

/** Answers to everything in a contract. */
export type Handlers<C extends Contract> = {
  readonly [N in keyof C]: (body: z.output<C[N]["asks"]>) => Answer<C, N> | Promise<Answer<C, N>>;
};

const ToldFailure = z.object({
  message: z.string(),
  code: z.string().optional(),
  fix: z.string().optional(),
  /** Of an error that is meant for a caller. */
  failure: z
    .object({
      kind: z.enum(FAILURE_KINDS),
      message: z.string(),
      code: z.string().optional(),
      param: z.string().optional(),
      status: z.int().optional(),
    })
    .optional(),
  headers: z.record(z.string(), z.string()).optional(),
});

const Message = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("ask"), id: z.int(), name: z.string(), body: z.unknown() }),
  z.object({ kind: z.literal("tell"), name: z.string(), body: z.unknown() }),
  z.object({ kind: z.literal("answer"), id: z.int(), body: z.unknown() }),
  z.object({ kind: z.literal("failure"), id: z.int(), failed: ToldFailure }),
]);

/** The other side is gone, or has said something that is no answer. */
export class ChannelError extends Error {
  readonly code = "worker_gone";
}

/** The other side failed; in its words. */
export class ToldError extends Error {
  readonly code: string;
  readonly fix: string | undefined;

  constructor({ message, code = "worker_failed", fix }: z.infer<typeof ToldFailure>) {
    super(message);
    this.code = code;
    this.fix = fix;
  }
}

/** What a channel is made of. */
export interface ChannelOptions<Own extends Contract, Other extends Contract> {
  readonly own: Own;
  readonly handlers: Handlers<Own>;
  readonly other: Other;
  /** Sends one message; may throw when the other side is gone. */
  readonly send: (message: unknown) => void;
  /** Told what went wrong with a message that nobody waits for. */
  readonly onError: (error: unknown) => void;
}

/** One side of the pipe. */
export class Channel<Own extends Contract, Other extends Contract> {
  readonly #options: ChannelOptions<Own, Other>;
  readonly #asked = new Map<number, PromiseWithResolvers<unknown>>();
  #lastId = 0;
  #isClosed = false;

  constructor(options: ChannelOptions<Own, Other>) {
    this.#options = options;
  }

  /** Asks and waits. Rejects with GatewayError or ToldError as the other side failed, ChannelError when it is gone. */
  async ask<N extends Name<Other>>(
    name: N,
    question: z.input<Other[N]["asks"]>,
  ): Promise<z.output<Other[N]["answers"]>> {
    if (this.#isClosed) throw gone();
    this.#lastId += 1;
    const id = this.#lastId;
    const asked = Promise.withResolvers<unknown>();
    this.#asked.set(id, asked);
    try {
      this.#options.send({ kind: "ask", id, name, body: question });
    } catch (cause) {
      this.#asked.delete(id);
      throw gone(cause);
    }
    const body = await asked.promise;
    const exchange: Other[N] = this.#options.other[name];
    return z.parse<Other[N]["answers"]>(exchange.answers, body);
  }

  /** Says something that needs no answer; lost when the other side is gone. */
  tell<N extends Name<Other>>(name: N, body: z.input<Other[N]["asks"]>): void {
    if (this.#isClosed) return;
    try {
      this.#options.send({ kind: "tell", name, body });
    } catch (error) {
      this.#options.onError(error);
    }
  }

  /** Takes a message of the other side, whatever it is. */
  receive(given: unknown): void {
    const { data: message, error } = Message.safeParse(given);
    if (!message) return this.#options.onError(error);
    const { kind } = message;
    if (kind === "ask") return void this.#answer(message);
    if (kind === "tell") return void this.#hear(message);
    const asked = this.#asked.get(message.id);
    this.#asked.delete(message.id);
    if (kind === "failure") asked?.reject(thrownAs(message.failed));
    else asked?.resolve(message.body);
  }

  /** The other side is gone: whoever waits for it waits no longer. */
  close(): void {
    this.#isClosed = true;
    for (const { reject } of this.#asked.values()) reject(gone());
    this.#asked.clear();
  }

  async #answer({ id, name, body }: { id: number; name: string; body?: unknown }): Promise<void> {
    try {
      const answer = await this.#run(name, body);
      this.#send({ kind: "answer", id, body: answer ?? null });
    } catch (error) {
      this.#send({ kind: "failure", id, failed: toldAs(error) });
    }
  }

  async #hear({ name, body }: { name: string; body?: unknown }): Promise<void> {
    try {
      await this.#run(name, body);
    } catch (error) {
      this.#options.onError(error);
    }
  }

  #run<N extends Name<Own>>(name: N, body: unknown): Promise<unknown> | unknown {
    const { own, handlers } = this.#options;
    if (!Object.hasOwn(own, name)) throw new ChannelError(`nobody answers ${name}`);
    const exchange: Own[N] = own[name];
    return handlers[name](z.parse<Own[N]["asks"]>(exchange.asks, body));
  }

  #send(message: unknown): void {
    if (this.#isClosed) return;
    try {
      this.#options.send(message);
    } catch (error) {
      this.#options.onError(error);
    }
  }
}

function gone(cause?: unknown): ChannelError {
  return new ChannelError("the process that should answer is gone", { cause });
}

function toldAs(error: unknown): z.infer<typeof ToldFailure> {
  if (error instanceof GatewayError) {
    const { message, failure, headers } = error;
    return { message, failure, headers };
  }
  if (!(error instanceof Error)) return { message: "it failed without saying why" };
  const { message } = error;
  const code = "code" in error && typeof error.code === "string" ? { code: error.code } : {};
  const fix = "fix" in error && typeof error.fix === "string" ? { fix: error.fix } : {};
  return { message, ...code, ...fix };
}

function thrownAs(told: z.infer<typeof ToldFailure>): Error {
  const { failure, headers = {} } = told;
  if (!failure) return new ToldError(told);
  const { kind, message, ...more } = failure;
  const known = Object.fromEntries(Object.entries(more).filter(([, value]) => value !== undefined));
  return new GatewayError({ kind, message, ...known }, { headers });
}
