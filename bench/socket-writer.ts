// Writes to a raw Bun socket without losing what the kernel did not take: the rest waits for `drain`.
// Keeps no queue beyond the bytes it was given.

/** The part of a Bun socket that is written to. */
export interface Writable {
  write(data: Uint8Array): number;
}

/** One socket's outgoing bytes. */
export class SocketWriter {
  #rest: Uint8Array | undefined;

  /** True while bytes wait for `drain`. */
  get isWaiting(): boolean {
    return this.#rest !== undefined;
  }

  /** Sends `bytes` after whatever still waits. */
  write(socket: Writable, bytes: Uint8Array): void {
    if (this.#rest) {
      this.#rest = Buffer.concat([this.#rest, bytes]);
      return;
    }
    const written = Math.max(0, socket.write(bytes));
    if (written < bytes.length) this.#rest = bytes.subarray(written);
  }

  /** Call from the socket's `drain`. */
  drain(socket: Writable): void {
    const rest = this.#rest;
    if (!rest) return;
    this.#rest = undefined;
    this.write(socket, rest);
  }
}
