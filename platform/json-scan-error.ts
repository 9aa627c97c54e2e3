// Why a JSON body was refused, and where: byte, line and column, worked out only when there is an error.
// Refuses to quote the body, which may hold anything.

/** Why a body was refused. */
export type JsonScanErrorCode =
  "json_malformed" | "json_too_deep" | "json_too_many_nodes" | "json_duplicate_key";

/** The body is refused; the message says where, and is safe to show (it quotes no value). */
export class JsonScanError extends Error {
  readonly code: JsonScanErrorCode;
  /** Byte offset, from 0. */
  readonly offset: number;
  /** From 1. */
  readonly line: number;
  /** In characters, from 1. */
  readonly column: number;

  constructor(code: JsonScanErrorCode, problem: string, bytes: Uint8Array, offset: number) {
    const { line, column } = locate(bytes, offset);
    super(`${problem} at line ${line}, column ${column} (byte ${offset})`);
    this.name = "JsonScanError";
    this.code = code;
    this.offset = offset;
    this.line = line;
    this.column = column;
  }
}

const NEWLINE = 0x0a;

function locate(bytes: Uint8Array, offset: number): { line: number; column: number } {
  let line = 1;
  let lineStart = 0;
  for (
    let at = bytes.indexOf(NEWLINE);
    at !== -1 && at < offset;
    at = bytes.indexOf(NEWLINE, at + 1)
  ) {
    line++;
    lineStart = at + 1;
  }
  const before = new TextDecoder().decode(bytes.subarray(lineStart, offset));
  return { line, column: before.length + 1 };
}
