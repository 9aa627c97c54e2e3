// Reads a request body whole, and never more of it than allowed. Refuses by the announced length before
// a byte is read, and by counting when no length was announced.

/** The body is larger than the limit; nothing of it was kept. */
export class BodyTooLargeError extends Error {
  readonly code = "body_too_large";
  readonly maxBytes: number;

  constructor(maxBytes: number) {
    super(`The request body is larger than ${maxBytes} bytes, the limit of this server.`);
    this.name = "BodyTooLargeError";
    this.maxBytes = maxBytes;
  }
}

/** True when the headers announce a body, of known length or chunked. */
export function hasBody(headers: Headers): boolean {
  const length = headers.get("content-length");
  return length === null ? headers.has("transfer-encoding") : length !== "0";
}

/** The whole body; throws BodyTooLargeError, or what the runtime throws when the client is gone. */
export async function readBody(
  request: Request,
  { maxBytes }: { maxBytes: number },
): Promise<Uint8Array> {
  const announced = request.headers.get("content-length");
  if (announced === null) return readCounted(request, maxBytes);
  if (!(Number(announced) <= maxBytes)) throw new BodyTooLargeError(maxBytes);
  return request.bytes();
}

async function readCounted(request: Request, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  const reader = request.body?.getReader();
  for (;;) {
    const { value, done = true } = (await reader?.read()) ?? {};
    if (done || value === undefined) break;
    total += value.byteLength;
    if (total > maxBytes) {
      // Not awaited: the client may never stop sending.
      reader?.cancel().catch(() => {});
      throw new BodyTooLargeError(maxBytes);
    }
    chunks.push(value);
  }
  const whole = new Uint8Array(total);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.byteLength;
  }
  return whole;
}
