// A broker for tests of its clients: the real protocol on a real socket, a vault of plain objects behind it,
// and the means to misbehave. Refuses nothing by itself; a test scripts what should go wrong.

import { Secret } from "#platform";
import {
  BROKER_MODE_HEADER,
  type Credential,
  LEASED_KEY,
  type SnapshotEntry,
  type SnapshotStreamEvent,
  streamFrame,
} from "#wire";
import { BrokerClient } from "./broker-client.ts";

/** What a client sent. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Headers;
  readonly body: string;
}

/** Answers in place of the broker; undefined leaves it to the broker. */
export type Script = (request: SeenRequest) => Response | Promise<Response> | undefined;

/** The only token it knows. */
export const SCRIPTED_TOKEN = "plb_scripted-broker-0123456789";

const REFRESHER = { enabled: true, intervalMs: 60_000, skewMs: 300_000, nextSweepInMs: 10_000 };

interface Stream {
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
  readonly isLeaseOnly: boolean;
}

/** One broker. */
export class ScriptedBroker implements AsyncDisposable {
  readonly seen: SeenRequest[] = [];
  script: Script = () => undefined;
  nowMs: () => number = Date.now;
  generation = 1;
  leaseMs = 60_000;
  readonly #stored = new Map<number, SnapshotEntry>();
  readonly #streams = new Set<Stream>();
  readonly #unix: string | undefined;
  #server: Bun.Server<undefined> | undefined;
  #port = 0;

  constructor({ unix }: { unix?: string } = {}) {
    this.#unix = unix;
    this.start();
  }

  get url(): string {
    return this.#unix === undefined ? `http://127.0.0.1:${this.#port}` : `unix:${this.#unix}`;
  }

  client({ isLeaseOnly = false }: { isLeaseOnly?: boolean } = {}): BrokerClient {
    return new BrokerClient({ url: this.url, token: new Secret(SCRIPTED_TOKEN), isLeaseOnly });
  }

  /** Listens, on the port it had before. */
  start(): void {
    const fetch = (request: Request) => this.#answer(request);
    this.#server = this.#unix
      ? Bun.serve({ unix: this.#unix, fetch })
      : Bun.serve({ hostname: "127.0.0.1", port: this.#port, idleTimeout: 0, fetch });
    this.#port = this.#server.port ?? 0;
  }

  /** Is gone, with every connection. */
  async stop(): Promise<void> {
    this.#streams.clear();
    await this.#server?.stop(true);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Stores a credential and tells everyone who follows. */
  put(id: number, provider: string, credential: Credential): void {
    const entry = { id, provider, credential, identityKey: null, rotatesInMs: null };
    this.#stored.set(id, entry);
    this.#tell(() => ({ kind: "entry", ...this.#change(), entry }));
  }

  /** Takes a credential away and tells everyone who follows. */
  remove(id: number): void {
    this.#stored.delete(id);
    this.#tell(() => ({ kind: "removed", ...this.#change(), id }));
  }

  /** How many follow it now. */
  get followers(): number {
    return this.#streams.size;
  }

  /** Sends anything to all who follow. */
  push(text: string): void {
    for (const { controller } of this.#streams) controller.enqueue(Buffer.from(text));
  }

  /** Ends every stream. */
  cut(): void {
    for (const { controller } of this.#streams) controller.close();
    this.#streams.clear();
  }

  /** The requests of one route. */
  of(method: string, path: string): readonly SeenRequest[] {
    return this.seen.filter((request) => request.method === method && request.path === path);
  }

  #change() {
    return { generation: this.generation, serverNowMs: this.nowMs(), refresher: REFRESHER };
  }

  #tell(event: () => SnapshotStreamEvent): void {
    const after = this.generation++;
    for (const { controller, isLeaseOnly } of this.#streams) {
      controller.enqueue(Buffer.from(streamFrame(seenBy(event(), isLeaseOnly), { after })));
    }
  }

  async #answer(request: Request): Promise<Response> {
    const { pathname, search } = new URL(request.url);
    const path = pathname + search;
    const { method, headers } = request;
    const seen = { method, path, headers, body: await request.text() };
    this.seen.push(seen);
    return (await this.script(seen)) ?? this.#route(seen, request.signal);
  }

  #route({ method, path, headers }: SeenRequest, signal: AbortSignal): Response {
    const isLeaseOnly = headers.get(BROKER_MODE_HEADER) === "lease";
    if (path.startsWith("/v1/snapshot/stream")) return this.#stream(headers, isLeaseOnly, signal);
    if (path.startsWith("/v1/snapshot")) return Response.json(this.snapshot({ isLeaseOnly }));
    const [, id, action] = /^\/v1\/credential\/(\d+)\/(\w+)$/.exec(path) ?? [];
    const entry = this.#stored.get(Number(id));
    if (!entry) return Response.json({ error: `No route: ${method} ${path}` }, { status: 404 });
    const { rotatesInMs: _, identityKey, ...row } = entry;
    if (action === "refresh") return Response.json({ entry: { ...row, identityKey } });
    if (action !== "lease") return Response.json({ ok: true });
    return Response.json({ lease: { ...row, leasedUntilMs: this.nowMs() + this.leaseMs } });
  }

  /** What `GET /v1/snapshot` says now. */
  snapshot({ isLeaseOnly = false }: { isLeaseOnly?: boolean } = {}) {
    const credentials = [...this.#stored.values()];
    return {
      generation: this.generation,
      generatedAt: this.nowMs(),
      serverNowMs: this.nowMs(),
      refresher: REFRESHER,
      credentials: isLeaseOnly ? credentials.map(withoutKey) : credentials,
    };
  }

  // Resumes only what is current: a test of a real resume scripts its frames.
  #stream(headers: Headers, isLeaseOnly: boolean, signal: AbortSignal): Response {
    const isCurrent = headers.get("last-event-id") === String(this.generation);
    const whole = { kind: "snapshot", ...this.snapshot({ isLeaseOnly }) } as const;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        const stream = { controller, isLeaseOnly };
        this.#streams.add(stream);
        signal.addEventListener("abort", () => this.#streams.delete(stream));
        controller.enqueue(Buffer.from(isCurrent ? ": resumed\n\n" : streamFrame(whole)));
      },
    });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  }
}

function seenBy(event: SnapshotStreamEvent, isLeaseOnly: boolean): SnapshotStreamEvent {
  return isLeaseOnly && event.kind === "entry"
    ? { ...event, entry: withoutKey(event.entry) }
    : event;
}

function withoutKey(entry: SnapshotEntry): SnapshotEntry {
  if (entry.credential.type !== "api_key") return entry;
  return { ...entry, credential: { type: "api_key", key: LEASED_KEY } };
}

/** Resolves once a condition holds; looks again each time the event loop has turned. */
export async function until(holds: () => boolean, { timeoutMs = 5_000 } = {}): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  while (!holds()) {
    if (performance.now() > deadlineMs) throw new Error(`never came true: ${holds}`);
    await Bun.sleep(1);
  }
}
