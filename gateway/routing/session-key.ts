// What makes two requests one conversation: the client's own word where it gives one, else how the conversation began.
// Everything is hashed with a key of this process, so nothing of a prompt is kept; a caller's sessions are its own.
// Reads the few fields it needs from the bytes and parses no more of the body.

import { createHmac, randomBytes, type Hmac } from "node:crypto";
import { JsonScanError, scanJson, type JsonScan } from "#platform";
import { isJsonObject, type Json, parseJson } from "#wire";

/** Headers in which clients name their session, the most deliberate first. */
export const SESSION_HEADERS = [
  "x-parley-session",
  "x-claude-code-session-id",
  "session-id",
  "session_id",
  "x-session-id",
  "x-session-affinity",
  "conversation_id",
] as const;

/** How far into the messages the first one of the user is looked for, in messages. */
const MAX_LEADING_MESSAGES = 16;

const FIELDS = [
  "prompt_cache_key",
  "conversation",
  "metadata",
  "system",
  "instructions",
  "tools",
  "messages",
  "input",
] as const;

const utf8 = new TextDecoder();

/** What a session is recognised by. */
export interface SessionRequest {
  readonly callerId: string;
  readonly model: string;
  readonly headers: Headers;
  readonly bytes: Uint8Array;
}

/** How a session was recognised, for the trail. */
export type SessionSource = "header" | "prompt_cache_key" | "conversation" | "beginning";

/** A recognised session. */
export interface SessionKey {
  readonly key: string;
  readonly source: SessionSource;
}

/** Makes keys of sessions. */
export class SessionKeys {
  readonly #secret = randomBytes(32);

  /** The session of a request; undefined for a body that says nothing. */
  of({ callerId, model, headers, bytes }: SessionRequest): SessionKey | undefined {
    const given = SESSION_HEADERS.map((name) => headers.get(name)).find(Boolean);
    const whose = [callerId, model];
    if (given) return this.#named("header", whose, given);
    const body = Body.read(bytes);
    if (!body) return undefined;
    const cacheKey = body.text("prompt_cache_key");
    if (cacheKey) return this.#named("prompt_cache_key", whose, cacheKey);
    const conversation = body.conversation();
    if (conversation) return this.#named("conversation", whose, conversation);
    const first = body.firstUserText();
    if (first === undefined) return undefined;
    const hash = this.#hash(whose);
    for (const name of ["system", "instructions", "tools"]) hash.update(body.bytesOf(name));
    return { key: hash.update(first).digest("base64"), source: "beginning" };
  }

  #named(source: SessionSource, whose: readonly string[], name: string): SessionKey {
    return { key: this.#hash([...whose, source, name]).digest("base64"), source };
  }

  #hash(parts: readonly string[]): Hmac {
    return createHmac("sha256", this.#secret).update(JSON.stringify(parts));
  }
}

const NOTHING = new Uint8Array(0);

/** The fields of a body that a session may be recognised by. */
class Body {
  readonly #bytes: Uint8Array;
  readonly #scan: JsonScan;

  private constructor(bytes: Uint8Array, scan: JsonScan) {
    this.#bytes = bytes;
    this.#scan = scan;
  }

  static read(bytes: Uint8Array): Body | undefined {
    try {
      return new Body(bytes, scanJson(bytes, { fields: FIELDS }));
    } catch (error) {
      // What is wrong with it is for others to say.
      if (error instanceof JsonScanError) return undefined;
      throw error;
    }
  }

  bytesOf(name: string): Uint8Array {
    const range = this.#scan.fields.get(name);
    return range ? this.#bytes.subarray(range.start, range.end) : NOTHING;
  }

  text(name: string): string | undefined {
    const value = parse(this.bytesOf(name));
    return typeof value === "string" ? value : undefined;
  }

  /** The id of a conversation: of Responses, or the one that Claude Code puts into `metadata.user_id`. */
  conversation(): string | undefined {
    const value = parse(this.bytesOf("conversation"));
    if (typeof value === "string") return value;
    if (isJsonObject(value) && typeof value["id"] === "string") return value["id"];
    const metadata = parse(this.bytesOf("metadata"));
    const user = isJsonObject(metadata) ? metadata["user_id"] : undefined;
    // Of other clients it names a person, who may have any number of conversations.
    return typeof user === "string" && user.includes("session") ? user : undefined;
  }

  /** What the user said first. Only the words: clients move cache marks about from turn to turn. */
  firstUserText(): string | undefined {
    const input = parseString(this.bytesOf("input"));
    if (input !== undefined) return input;
    const list = this.#scan.fields.has("messages") ? "messages" : "input";
    for (const item of leadingItems(this.bytesOf(list))) {
      const message = parse(item);
      if (isJsonObject(message) && message["role"] === "user") return textOf(message["content"]);
    }
    return undefined;
  }
}

const QUOTE = 0x22;

function parseString(bytes: Uint8Array): string | undefined {
  const value = bytes[0] === QUOTE ? parse(bytes) : undefined;
  return typeof value === "string" ? value : undefined;
}

function parse(bytes: Uint8Array): Json | undefined {
  if (bytes.length === 0) return undefined;
  try {
    return parseJson(utf8.decode(bytes));
  } catch {
    return undefined;
  }
}

function textOf(content: Json | undefined): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content
    .map((part) => (isJsonObject(part) && typeof part["text"] === "string" ? part["text"] : ""))
    .join("\n");
}

const OPENING: ReadonlySet<number> = new Set([0x5b, 0x7b]);
const CLOSING: ReadonlySet<number> = new Set([0x5d, 0x7d]);
const BACKSLASH = 0x5c;

/** The bytes of a list's first objects, found without parsing; the scan has checked the grammar. */
function* leadingItems(list: Uint8Array): Generator<Uint8Array> {
  let depth = 0;
  let start = 0;
  let count = 0;
  for (let at = 0; at < list.length && count < MAX_LEADING_MESSAGES; at++) {
    const byte = list[at] ?? 0;
    if (byte === QUOTE) at = endOfString(list, at);
    else if (OPENING.has(byte) && ++depth === 2) start = at;
    else if (CLOSING.has(byte) && depth-- === 2) {
      count += 1;
      yield list.subarray(start, at + 1);
    }
  }
}

/** Index of the closing quote. */
function endOfString(bytes: Uint8Array, quote: number): number {
  let at = quote + 1;
  while (at < bytes.length && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1;
  return at;
}
