// A provider that answers as told: a real server on port 0 that plays a recorded body in reads of a
// chosen size and keeps what it was asked. Refuses to interpret requests.

/** Bodies above this size are never sent byte by byte; one read per byte would take seconds. */
export const MAX_SINGLE_BYTE_BODY = 20 * 1024;

/** One answer of the scripted upstream. */
export interface ScriptedAnswer {
  /** 200 when absent. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: Uint8Array<ArrayBuffer>;
  /** Bytes per write, each flushed; reads at the far end may merge some. The whole body at once when absent. */
  readonly readBytes?: number;
}

/** A request as it arrived. */
export interface ReceivedRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Aborts when the caller closes the connection. */
  readonly signal: AbortSignal;
}

/** What decides the answers: a recording to replay, or a Response of the test's own. */
export type Script = (
  request: ReceivedRequest,
) => ScriptedAnswer | Response | Promise<ScriptedAnswer | Response>;

/** A running scripted upstream. */
export interface ScriptedUpstream extends AsyncDisposable {
  /** Base URL without a trailing slash. */
  readonly url: string;
  /** Everything asked so far, oldest first. */
  readonly received: readonly ReceivedRequest[];
}

/** Starts an upstream on loopback that answers each request with what `answer` returns. */
export function startScriptedUpstream(answer: Script): ScriptedUpstream {
  const received: ReceivedRequest[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    async fetch(request) {
      const { pathname, search } = new URL(request.url);
      const seen = {
        method: request.method,
        path: pathname + search,
        headers: Object.fromEntries(request.headers),
        body: await request.text(),
        signal: request.signal,
      };
      received.push(seen);
      const answered = await answer(seen);
      return answered instanceof Response ? answered : respond(answered);
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}`,
    received,
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}

/** An event stream of given pieces, each a write of its own; `hold` keeps it open after them. */
export function eventStream(
  pieces: readonly string[],
  { hold }: { hold?: Promise<unknown> } = {},
): Response {
  const source: Bun.DirectUnderlyingSource = {
    type: "direct",
    async pull(controller) {
      for (const piece of pieces) {
        controller.write(piece);
        await controller.flush();
      }
      await hold;
      controller.close();
    },
  };
  return new Response(new ReadableStream(source), {
    headers: { "content-type": "text/event-stream" },
  });
}

/** The pieces a body arrives in. */
export function inReads(body: Uint8Array<ArrayBuffer>, readBytes = body.length) {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  for (let at = 0; at < body.length; at += readBytes)
    pieces.push(body.subarray(at, at + readBytes));
  return pieces;
}

// Of a recording, only these are replayed: lengths and encodings described other bytes.
const REPLAYED = /^(content-type|retry-after|.*ratelimit.*|.*request-id|x-should-retry)$/i;

function respond({ status = 200, headers = {}, body, readBytes }: ScriptedAnswer): Response {
  const replayed = Object.entries(headers).filter(([name]) => REPLAYED.test(name));
  const init = { status, headers: Object.fromEntries(replayed) };
  if (readBytes === undefined) return new Response(body, init);
  return new Response(stream(inReads(body, readBytes)), init);
}

function stream(pieces: readonly Uint8Array<ArrayBuffer>[]): ReadableStream {
  const source: Bun.DirectUnderlyingSource = {
    type: "direct",
    async pull(controller) {
      for (const [position, piece] of pieces.entries()) {
        controller.write(piece);
        await controller.flush();
        await pause(position);
      }
      controller.close();
    },
  };
  return new ReadableStream(source);
}

// The far end merges what arrives while it is busy. A timer tick per write would part all reads, at a
// millisecond or more each; so the head of a body, where framing mistakes show, gets them, then every 64th.
function pause(position: number): Promise<unknown> {
  const isTimed = position < 64 || position % 64 === 0;
  return new Promise((resume) => (isTimed ? setTimeout(resume, 0) : setImmediate(resume)));
}
