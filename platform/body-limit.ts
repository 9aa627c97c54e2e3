// Reads a request body whole, and never more of it than allowed. Refuses by the announced length before
// a byte is read, and by counting when no length was announced.

/** A body that is not taken; nothing of it was kept. The message is safe to show. */
export class BodyError extends Error {
  /** HTTP status of the refusal. */
  readonly status: 400 | 413 | 415;
  readonly code: string;

  constructor(
    status: BodyError["status"],
    code: string,
    message: string,
    { cause }: { cause?: unknown } = {},
  ) {
    super(message, { cause });
    this.name = new.target.name;
    this.status = status;
    this.code = code;
  }
}

/** The body is larger than the limit. */
export class BodyTooLargeError extends BodyError {
  constructor(maxBytes: number) {
    const message = `The request body is larger than ${maxBytes} bytes, the limit of this server.`;
    super(413, "body_too_large", message);
  }
}

/** Takes a body apart that is not as its sender wrote it. */
export type Unpack = (
  pieces: AsyncIterable<Uint8Array>,
  limits: { readonly maxBytes: number },
) => Promise<Uint8Array>;

/** True when the headers announce a body, of known length or chunked. */
export function hasBody(headers: Headers): boolean {
  const length = headers.get("content-length");
  return length === null ? headers.has("transfer-encoding") : length !== "0";
}

/**
 * The whole body, undone by `unpack` where that is given: the limit is one on both sides of it. Throws BodyError, or
 * what the runtime throws when the client is gone.
 */
export async function readBody(
  request: Request,
  { maxBytes, unpack }: { maxBytes: number; unpack?: Unpack | undefined },
): Promise<Uint8Array> {
  const announced = request.headers.get("content-length");
  if (announced !== null && !(Number(announced) <= maxBytes)) throw new BodyTooLargeError(maxBytes);
  if (unpack) return unpack(pieces(request, maxBytes), { maxBytes });
  return announced === null ? readCounted(request, maxBytes) : request.bytes();
}

async function readCounted(request: Request, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of pieces(request, maxBytes)) chunks.push(chunk);
  return new Uint8Array(Buffer.concat(chunks));
}

/** The body as it arrives. Throws BodyTooLargeError once there is more than `maxBytes`. */
async function* pieces(request: Request, maxBytes: number): AsyncGenerator<Uint8Array, void> {
  const reader = request.body?.getReader();
  let total = 0;
  let isWhole = false;
  try {
    for (;;) {
      const { value, done = true } = (await reader?.read()) ?? {};
      isWhole = done || value === undefined;
      if (done || value === undefined) return;
      total += value.byteLength;
      if (total > maxBytes) throw new BodyTooLargeError(maxBytes);
      yield value;
    }
  } finally {
    // Not awaited: the client may never stop sending.
    if (!isWhole) reader?.cancel().catch(() => {});
  }
}
