// An upstream that does what a test says: a real server on a free port, which records what it was asked and
// answers with a function of the request. It speaks no dialect; tests bring the bytes.

/** One request as the upstream saw it. */
export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly headers: Headers;
  readonly text: string;
  readonly json: Record<string, unknown>;
  /** Aborts when the caller closes the connection. */
  readonly signal: AbortSignal;
}

/** A running upstream. */
export interface ScriptedUpstream {
  readonly url: string;
  readonly seen: readonly Seen[];
  /** Replaces the script. */
  script(answer: (seen: Seen) => Response | Promise<Response>): void;
  stop(): Promise<void>;
}

/** Starts an upstream that answers 500 until a script is set. */
export function startScriptedUpstream(): ScriptedUpstream {
  const seen: Seen[] = [];
  let answer: (seen: Seen) => Response | Promise<Response> = () =>
    new Response("no script", { status: 500 });
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    async fetch(request) {
      const text = await request.text();
      const entry: Seen = {
        method: request.method,
        path: new URL(request.url).pathname,
        headers: request.headers,
        text,
        json: text.startsWith("{") ? (JSON.parse(text) as Record<string, unknown>) : {},
        signal: request.signal,
      };
      seen.push(entry);
      return answer(entry);
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}`,
    seen,
    script: (next) => {
      answer = next;
    },
    stop: () => server.stop(true),
  };
}

/** An SSE answer made of given pieces, each a write of its own; `hold` keeps the stream open after them. */
export function sse(pieces: readonly string[], { hold }: { hold?: Promise<void> } = {}): Response {
  const body = new ReadableStream({
    type: "direct",
    async pull(controller: ReadableStreamDirectController) {
      for (const piece of pieces) {
        controller.write(piece);
        await controller.flush();
      }
      await hold;
      controller.close();
    },
  });
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
}
