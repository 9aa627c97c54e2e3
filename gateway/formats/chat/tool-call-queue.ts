// Puts a host's tool call deltas in order: by index, id or place, one call open at a time, the others
// waiting. Refuses a call without a name; makes up an id when none came.

import { isJsonObject, type Json, type JsonObject } from "#wire";
import type { BlockWriter } from "./block-writer.ts";

/** How often an open call is tested for completeness when another one waits; parsing is not free. */
const MAX_COMPLETENESS_CHECKS = 16;

interface Call {
  id: string;
  name: string;
  isFreeform: boolean;
  state: "waiting" | "open" | "closed";
  readonly pieces: string[];
  checks: number;
}

interface CallDelta {
  readonly index: number | undefined;
  readonly id: string;
  readonly name: string;
  readonly isFreeform: boolean;
  readonly text: string;
}

function argumentText(value: Json | undefined): string {
  if (typeof value === "string") return value;
  // Ollama and its kin hand over the object itself.
  return isJsonObject(value) ? JSON.stringify(value) : "";
}

function readDelta(call: JsonObject): CallDelta {
  const { function: named, custom } = call;
  // Snowflake sends both members, one of them blank.
  const isFreeform = isJsonObject(custom) && (call["type"] === "custom" || !isJsonObject(named));
  const body = isFreeform ? custom : named;
  const fields = isJsonObject(body) ? body : {};
  return {
    index: typeof call["index"] === "number" ? call["index"] : undefined,
    id: typeof call["id"] === "string" ? call["id"] : "",
    name: typeof fields["name"] === "string" ? fields["name"] : "",
    isFreeform,
    text: argumentText(isFreeform ? fields["input"] : fields["arguments"]),
  };
}

function isWholeObject(text: string): boolean {
  if (!text.trimEnd().endsWith("}")) return false;
  try {
    return isJsonObject(JSON.parse(text));
  } catch {
    return false;
  }
}

/** The tool calls of one reply. */
export class ToolCallQueue {
  readonly #writer: BlockWriter;
  readonly #newId: (position: number) => string;
  readonly #calls: Call[] = [];
  readonly #byIndex = new Map<number, Call>();
  #open: Call | undefined;
  #opened = 0;

  constructor(writer: BlockWriter, newId: (position: number) => string) {
    this.#writer = writer;
    this.#newId = newId;
  }

  /** Calls that became blocks. */
  get opened(): number {
    return this.#opened;
  }

  /** True while a call is open that may still get arguments, or one waits: text must not cut in. */
  get isBusy(): boolean {
    this.#advance();
    return this.#open !== undefined || this.#calls.some((call) => call.state === "waiting");
  }

  /** The `tool_calls` of one delta, in order. */
  pushAll(calls: readonly Json[]): void {
    for (const [position, call] of calls.entries()) {
      if (isJsonObject(call)) this.#push(readDelta(call), calls.length > 1 ? position : undefined);
    }
  }

  /** A piece of the one call that legacy `function_call` allows. */
  pushLegacy(call: JsonObject): void {
    const delta = readDelta({ function: call, index: 0 });
    if (delta.name !== "" || delta.text !== "") this.#push(delta, undefined);
  }

  /** Emits all that still waits; false when a call has arguments but no name. */
  end(): boolean {
    this.#closeOpen();
    for (const call of this.#calls) {
      if (call.state !== "waiting" || isVoid(call)) continue;
      if (call.name === "") return false;
      this.#start(call);
      this.#closeOpen();
    }
    return true;
  }

  #push(delta: CallDelta, position: number | undefined): void {
    const call = this.#find(delta, position) ?? this.#add(delta);
    if (call.state === "closed") return;
    call.id ||= delta.id;
    call.name ||= delta.name;
    call.isFreeform ||= delta.isFreeform;
    if (delta.text !== "") {
      call.pieces.push(delta.text);
      if (call.state === "open") this.#writer.argument(delta.text);
    }
    if (call.state === "waiting") this.#advance();
  }

  #find(delta: CallDelta, position: number | undefined): Call | undefined {
    if (delta.index !== undefined) {
      const call = this.#byIndex.get(delta.index);
      // Some hosts number every parallel call 0; a new id with a name is a new call.
      return call && isAnother(call, delta) ? undefined : call;
    }
    if (delta.id !== "") return this.#calls.findLast((call) => call.id === delta.id);
    if (delta.name !== "") return undefined;
    return position === undefined ? this.#calls.at(-1) : this.#calls[position];
  }

  #add(delta: CallDelta): Call {
    const call: Call = {
      id: delta.id,
      name: delta.name,
      isFreeform: delta.isFreeform,
      state: "waiting",
      pieces: [],
      checks: 0,
    };
    this.#calls.push(call);
    if (delta.index !== undefined) this.#byIndex.set(delta.index, call);
    return call;
  }

  /** Opens the next waiting call when the open one is surely complete. */
  #advance(): void {
    if (this.#open && this.#isComplete(this.#open)) this.#closeOpen();
    while (!this.#open) {
      const next = this.#calls.find((call) => call.state === "waiting" && !isVoid(call));
      if (!next || next.name === "" || (next.id === "" && next.pieces.length === 0)) return;
      this.#start(next);
      const isLast = !this.#calls.some((call) => call.state === "waiting");
      if (isLast || !this.#isComplete(next)) return;
      this.#closeOpen();
    }
  }

  #isComplete(call: Call): boolean {
    if (call.isFreeform || call.checks >= MAX_COMPLETENESS_CHECKS) return false;
    call.checks += 1;
    return isWholeObject(call.pieces.join(""));
  }

  #start(call: Call): void {
    const position = this.#opened;
    this.#opened += 1;
    call.id ||= this.#newId(position);
    this.#writer.openTool(call);
    const text = call.pieces.join("");
    if (text !== "") this.#writer.argument(text);
    call.state = "open";
    this.#open = call;
  }

  #closeOpen(): void {
    if (!this.#open) return;
    this.#open.state = "closed";
    this.#open = undefined;
    this.#writer.close();
  }
}

function isVoid(call: Call): boolean {
  return call.id === "" && call.name === "" && call.pieces.length === 0;
}

function isAnother(call: Call, delta: CallDelta): boolean {
  return delta.id !== "" && delta.name !== "" && call.id !== "" && call.id !== delta.id;
}
