// Request bodies that arrive compressed: unpacked while they arrive, so that a bomb costs no more than the limit of any
// other body, and most of them far less. Refuses encodings it does not know, lists of them, and what does not unpack.

import { pipeline } from "node:stream/promises";
import {
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createZstdDecompress,
  type Zlib,
} from "node:zlib";
import { BodyError, BodyTooLargeError, type Unpack } from "./body-limit.ts";

/** Unpacked bytes for each packed one, above which a body is taken for a bomb; text and JSON stay far below. */
export const MAX_BODY_RATIO = 200;
/** Unpacked bytes up to which no ratio is asked about: a short body of spaces is no harm. */
export const FREE_UNPACKED_BYTES = 1024 * 1024;
/** RFC 8878 asks every decoder of zstd for so much of what came before (8 MB), as a power of two. */
const LEAST_ZSTD_WINDOW_LOG = 23;

/** A body that is packed in a way this server does not know. */
class UnknownEncodingError extends BodyError {
  constructor(encoding: string) {
    const shown = JSON.stringify(encoding.slice(0, 100));
    const known = BODY_ENCODINGS.join(", ");
    const message = `content-encoding: ${shown} is not accepted; send the body as it is, or as one of ${known}.`;
    super(415, "unsupported_encoding", message);
  }
}

/** A body that is not what its content-encoding says. */
class CorruptBodyError extends BodyError {
  constructor(encoding: string, cause: unknown) {
    super(400, "body_corrupt", `The body is not valid ${encoding}, as content-encoding says.`, {
      cause,
    });
  }
}

class BodyRatioError extends BodyError {
  constructor() {
    const message = `The body unpacks to more than ${MAX_BODY_RATIO} times its size; send it uncompressed.`;
    super(413, "body_ratio", message);
  }
}

type Unpacker = NodeJS.ReadWriteStream & Pick<Zlib, "bytesWritten">;
type MakeUnpacker = (maxBytes: number) => Unpacker;

const UNPACKERS = new Map<string, MakeUnpacker>([
  ["gzip", () => createGunzip()],
  ["deflate", () => createInflate()],
  ["br", () => createBrotliDecompress()],
  ["zstd", (maxBytes) => createZstdDecompress({ params: zstdParams(maxBytes) })],
]);

/** The values of content-encoding that are undone. */
export const BODY_ENCODINGS: readonly string[] = [...UNPACKERS.keys()];

// The frame itself says how much memory its reader needs; nobody needs more than the body may be.
function zstdParams(maxBytes: number): Record<number, number> {
  const log = Math.max(LEAST_ZSTD_WINDOW_LOG, Math.ceil(Math.log2(maxBytes)));
  return { [constants.ZSTD_d_windowLogMax]: Math.min(27, log) };
}

/** How to undo the body's encoding; undefined when there is none to undo. Throws BodyError (415). */
export function unpackerOf(headers: Headers): Unpack | undefined {
  const encoding = headers.get("content-encoding")?.trim().toLowerCase() ?? "";
  if (encoding === "" || encoding === "identity") return undefined;
  const name = encoding === "x-gzip" ? "gzip" : encoding;
  const make = UNPACKERS.get(name);
  if (!make) throw new UnknownEncodingError(encoding);
  return (pieces, { maxBytes }) => unpack(pieces, { name, unpacker: make(maxBytes), maxBytes });
}

/** The whole body unpacked. Throws BodyError: 413 beyond a limit, 400 for what does not unpack. */
async function unpack(
  pieces: AsyncIterable<Uint8Array>,
  { name, unpacker, maxBytes }: { name: string; unpacker: Unpacker; maxBytes: number },
): Promise<Uint8Array> {
  const unpacked: Uint8Array[] = [];
  let packedBytes = 0;
  let bytes = 0;
  async function* counted() {
    for await (const piece of pieces) {
      packedBytes += piece.byteLength;
      yield piece;
    }
  }
  try {
    await pipeline(counted, unpacker, async (source: AsyncIterable<Uint8Array>) => {
      for await (const piece of source) {
        bytes += piece.byteLength;
        if (bytes > maxBytes) throw new BodyTooLargeError(maxBytes);
        // By what was unpacked so far: of a bomb most may be here already.
        if (bytes > FREE_UNPACKED_BYTES && bytes > unpacker.bytesWritten * MAX_BODY_RATIO) {
          throw new BodyRatioError();
        }
        unpacked.push(piece);
      }
    });
  } catch (error) {
    throw isOfTheUnpacker(error) ? new CorruptBodyError(name, error) : error;
  }
  // A zstd frame that breaks off ends here without a word.
  if (bytes === 0 && packedBytes > 0) throw new CorruptBodyError(name, undefined);
  return new Uint8Array(Buffer.concat(unpacked));
}

function isOfTheUnpacker(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return /^(?:Z_|ZSTD_|ERR_)/.test(code);
}
