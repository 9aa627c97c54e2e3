// Bytes of a stream → text, wherever the reads cut its characters. Streams are mostly ASCII, and for that a copy
// is enough: a streaming TextDecoder costs as much as parsing what it decodes.

import { isAscii } from "node:buffer";

/** Decodes one stream, in order. Malformed bytes become U+FFFD. */
export class Utf8Chunks {
  #decoder: TextDecoder | undefined;
  /** True while the decoder may hold the beginning of a character. */
  #isMidCharacter = false;

  /** The text that this read completes. */
  decode(bytes: Uint8Array): string {
    if (!this.#isMidCharacter && isAscii(bytes)) {
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
    }
    this.#isMidCharacter = (bytes.at(-1) ?? 0x80) >= 0x80;
    // A mark at the start of the stream is the SSE parser's to drop; elsewhere it is text.
    this.#decoder ??= new TextDecoder("utf-8", { ignoreBOM: true });
    return this.#decoder.decode(bytes, { stream: true });
  }

  /** What is left at the end: U+FFFD for a character that was cut off, else "". */
  end(): string {
    return this.#decoder?.decode() ?? "";
  }
}
