// Reads HTTP/1.1 answers off a raw socket, one after the other: head, then a body of known length or in
// chunks, unchunked in place. Just enough for the servers of the bench; answers without either framing are
// refused, because their end could not be told from a cut.

import { BenchError } from "./bench-error.ts";

/** A whole answer; `body` is a view into the reader and holds only until the next push. */
export interface Answer {
  readonly status: number;
  /** Status line and headers. */
  readonly head: string;
  readonly body: Buffer;
}

const HEAD_END = Buffer.from("\r\n\r\n");
const LINE_END = Buffer.from("\r\n");
const FIRST_CAPACITY_BYTES = 256 * 1024;

/** One connection's incoming bytes. */
export class ResponseReader {
  #bytes: Buffer;
  #length = 0;
  #head = "";
  #status = 0;
  /** Where the body begins; 0 while the head is incomplete. */
  #bodyStart = 0;
  /** Where unchunked body bytes end. */
  #bodyEnd = 0;
  /** Where the next chunk's size line begins; undefined when the length is known. */
  #nextChunk: number | undefined;

  constructor(firstCapacityBytes = FIRST_CAPACITY_BYTES) {
    this.#bytes = Buffer.allocUnsafe(firstCapacityBytes);
  }

  /** Of the answer being read, once its head is whole. */
  get status(): number {
    return this.#status;
  }

  /** True once the first byte of the body is here. */
  get hasBody(): boolean {
    return this.#bodyStart > 0 && this.#length > this.#bodyStart;
  }

  /** Takes bytes; returns the answer when they complete it. Throws BenchError for what it cannot frame. */
  push(bytes: Uint8Array): Answer | undefined {
    this.#append(bytes);
    if (this.#bodyStart === 0 && !this.#readHead()) return undefined;
    const isWhole = this.#nextChunk === undefined ? this.#length >= this.#bodyEnd : this.#unchunk();
    if (!isWhole) return undefined;
    const answer = {
      status: this.#status,
      head: this.#head,
      body: this.#bytes.subarray(this.#bodyStart, this.#bodyEnd),
    };
    this.#length = 0;
    this.#bodyStart = 0;
    return answer;
  }

  #append(bytes: Uint8Array): void {
    const needed = this.#length + bytes.length;
    if (needed > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(needed * 2);
      this.#bytes.copy(larger, 0, 0, this.#length);
      this.#bytes = larger;
    }
    this.#bytes.set(bytes, this.#length);
    this.#length = needed;
  }

  #find(what: Buffer, from: number): number {
    const at = this.#bytes.indexOf(what, from);
    // Beyond the length lie the bytes of an earlier answer.
    return at === -1 || at + what.length > this.#length ? -1 : at;
  }

  #readHead(): boolean {
    const end = this.#find(HEAD_END, 0);
    if (end === -1) return false;
    const head = this.#bytes.toString("latin1", 0, end);
    this.#head = head;
    this.#status = Number(head.slice(9, 12));
    this.#bodyStart = end + HEAD_END.length;
    this.#bodyEnd = this.#bodyStart;
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    if (length !== undefined) {
      this.#bodyEnd += Number(length);
      this.#nextChunk = undefined;
    } else if (/\r\ntransfer-encoding: *chunked/i.test(head)) {
      this.#nextChunk = this.#bodyStart;
    } else {
      throw new BenchError("bad_answer", `answer ${this.#status} has neither length nor chunks`);
    }
    return true;
  }

  /** Moves what has arrived of the chunks together; true after the last one. */
  #unchunk(): boolean {
    let at = this.#nextChunk ?? this.#bodyStart;
    for (;;) {
      const lineEnd = this.#find(LINE_END, at);
      if (lineEnd === -1) break;
      const size = Number.parseInt(this.#bytes.toString("latin1", at, lineEnd), 16);
      if (Number.isNaN(size)) throw new BenchError("bad_answer", "a chunk without a size");
      const start = lineEnd + LINE_END.length;
      const end = start + size;
      if (end + LINE_END.length > this.#length) break;
      if (size === 0) return true;
      this.#bytes.copyWithin(this.#bodyEnd, start, end);
      this.#bodyEnd += size;
      at = end + LINE_END.length;
    }
    this.#nextChunk = at;
    return false;
  }
}
