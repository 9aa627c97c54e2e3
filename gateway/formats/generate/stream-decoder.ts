// Chunks of a Gemini stream → canonical events. A chunk is a whole reply in small: any number of parts, of which
// neighbours of one kind are one block. A signature goes ahead of the call, or after the text, that it came with.
// Refuses to call a stream complete that gave no reason for its end.

import type { Carrier, EmitReplyEvent, Failure, Json, JsonObject, Usage } from "#wire";
import { isJsonObject, parseJson } from "#wire";
import type { StreamDecoder, UpstreamContext } from "../format.ts";
import { makeCallId } from "./call-id.ts";
import { decodeError } from "./errors.ts";
import { decodeFinish, finishWord } from "./finish-reason.ts";
import { decodeGrounding } from "./grounding.ts";
import { PartialArgs } from "./partial-args.ts";
import { decodeUsage } from "./usage.ts";

function text(value: Json | undefined): string {
  return typeof value === "string" ? value : "";
}

function failed(message: string): Failure {
  return { kind: "bad_gateway", message };
}

/** Decodes one reply, chunk by chunk. */
export class ChunkDecoder implements StreamDecoder {
  readonly #emit: EmitReplyEvent;
  readonly #context: UpstreamContext;
  #replyId = "";
  #open: "text" | "thinking" | "toolCall" | undefined;
  /** The open text, for the offsets of its sources. */
  #text = "";
  /** Arguments of the open call. */
  #args = new PartialArgs();
  /** Signatures of the open text, or of the thought that is open. */
  #signatures: string[] = [];
  #grounding: JsonObject | undefined;
  #callCount = 0;
  #usage: Usage | undefined;
  #finish: string | undefined;
  #explanation = "";
  #hasStarted = false;
  #hasEnded = false;

  constructor(emit: EmitReplyEvent, context: UpstreamContext) {
    this.#emit = emit;
    this.#context = context;
  }

  event(_name: string, data: string): void {
    if (this.#hasEnded || data === "[DONE]") return;
    let value: Json;
    try {
      value = parseJson(data || "{}");
    } catch {
      this.#fail(failed("the upstream sent an event that is no JSON"));
      return;
    }
    if (isJsonObject(value)) this.chunk(value);
    else this.#fail(failed("the upstream sent an event that is no JSON object"));
  }

  /** One chunk, or a whole reply. */
  chunk(chunk: JsonObject): void {
    if (this.#hasEnded) return;
    if (isJsonObject(chunk.error)) {
      this.#fail(decodeError(0, chunk));
      return;
    }
    this.#usage = decodeUsage(chunk.usageMetadata, this.#usage);
    this.#start(chunk);
    if (isJsonObject(chunk.promptFeedback)) this.#block(chunk.promptFeedback);
    const [candidate] = Array.isArray(chunk.candidates) ? chunk.candidates : [];
    if (isJsonObject(candidate)) this.#candidate(candidate);
  }

  end(): void {
    if (this.#hasEnded) return;
    if (this.#finish === undefined) {
      this.#fail(failed("the upstream closed the stream before it was finished"));
      return;
    }
    this.#close();
    const message = this.#explanation;
    const stop = decodeFinish(this.#finish, { hasCalls: this.#callCount > 0, message });
    if (typeof stop !== "string") {
      this.#fail(stop);
      return;
    }
    if (stop === "content_filter" && message !== "") {
      this.#emit({ type: "open", kind: "refusal" });
      this.#emit({ type: "delta", text: message });
      this.#emit({ type: "close" });
    }
    this.#hasEnded = true;
    this.#emit({ type: "finish", stop, ...(this.#usage && { usage: this.#usage }) });
  }

  #start({ responseId, modelVersion }: JsonObject): void {
    if (this.#hasStarted) return;
    this.#hasStarted = true;
    this.#replyId = text(responseId) || (this.#context.newId?.() ?? "");
    this.#emit({
      type: "start",
      ...(typeof responseId === "string" && { id: responseId }),
      ...(typeof modelVersion === "string" && { model: modelVersion }),
      ...(this.#usage && { usage: this.#usage }),
    });
  }

  /** The prompt was refused before the model saw it. */
  #block({ blockReason, blockReasonMessage }: JsonObject): void {
    if (blockReason === undefined || blockReason === null) return;
    this.#finish = "SAFETY";
    this.#explanation = text(blockReasonMessage) || this.#explanation;
  }

  #candidate(candidate: JsonObject): void {
    const { content, finishReason, finishMessage, groundingMetadata } = candidate;
    const parts = isJsonObject(content) && Array.isArray(content.parts) ? content.parts : [];
    for (const part of parts) {
      if (isJsonObject(part)) this.#part(part);
      if (this.#hasEnded) return;
    }
    if (isJsonObject(groundingMetadata)) this.#ground(groundingMetadata);
    this.#finish = finishWord(finishReason) ?? this.#finish;
    this.#explanation = text(finishMessage) || this.#explanation;
  }

  /** Chunks repeat and complete what they say of sources; the last with spans is right. */
  #ground(metadata: JsonObject): void {
    if (Array.isArray(metadata.groundingSupports)) this.#grounding = metadata;
  }

  #part(part: JsonObject): void {
    const signature = text(part.thoughtSignature);
    if (isJsonObject(part.functionCall)) {
      this.#call(part.functionCall, signature);
      return;
    }
    const other = Object.keys(part).find((key) => isJsonObject(part[key]));
    if (other === undefined) {
      this.#say(part.thought === true ? "thinking" : "text", text(part.text), signature);
      return;
    }
    // Code that ran, searches of the provider's own, images: nobody asked for them in a dialect that could say so.
    this.#close();
    const raw = part;
    this.#emit({
      type: "block",
      part: { kind: "serverTool", format: "generate", type: other, raw },
    });
  }

  #say(kind: "text" | "thinking", piece: string, signature: string): void {
    if (piece !== "") {
      if (this.#open !== kind) {
        this.#close();
        this.#open = kind;
        this.#emit({ type: "open", kind });
      }
      this.#emit({ type: "delta", text: piece });
      if (kind === "text") this.#text += piece;
    }
    if (signature === "") return;
    if (this.#open !== kind) this.#close();
    this.#signatures.push(signature);
    if (this.#open === undefined) this.#flushSignatures();
  }

  #call(call: JsonObject, signature: string): void {
    const name = text(call.name);
    if (name !== "" || this.#open !== "toolCall") {
      if (name === "") {
        // The end mark of a call that has ended already says nothing.
        if (Object.keys(call).length > 0) {
          this.#fail(failed("the upstream called a tool without naming it"));
        }
        return;
      }
      this.#openCall(text(call.id), name, signature);
    }
    const partials = Array.isArray(call.partialArgs) ? call.partialArgs : [];
    try {
      for (const partial of partials) if (isJsonObject(partial)) this.#args.add(partial);
    } catch {
      this.#fail(failed("the upstream sent tool arguments under a path that is none"));
      return;
    }
    if (isJsonObject(call.args)) this.#args.merge(call.args);
    if (call.willContinue !== true) this.#close();
  }

  #openCall(given: string, name: string, signature: string): void {
    const id = given || makeCallId(this.#replyId, this.#callCount);
    this.#callCount += 1;
    const carrier = signature === "" ? undefined : this.#carrier(signature, id);
    // A thought that leads to a call holds the state of both.
    if (this.#open === "thinking" && carrier && this.#signatures.length === 0) {
      this.#open = undefined;
      this.#emit({ type: "close", carrier });
    } else {
      this.#close();
      if (carrier) this.#emit({ type: "block", part: { kind: "redacted", carrier } });
    }
    this.#args = new PartialArgs();
    this.#open = "toolCall";
    this.#emit({ type: "open", kind: "toolCall", id, name });
  }

  /** Ends the open block; what belongs to it goes out with it. */
  #close(): void {
    const open = this.#open;
    this.#open = undefined;
    if (open === undefined) return;
    if (open === "toolCall") {
      const args = this.#args.toString();
      if (args !== "{}") this.#emit({ type: "delta", text: args });
      this.#emit({ type: "close" });
      return;
    }
    if (open === "text") this.#cite();
    const own = open === "thinking" ? this.#signatures.shift() : undefined;
    this.#emit({ type: "close", ...(own !== undefined && { carrier: this.#carrier(own) }) });
    this.#flushSignatures();
  }

  #cite(): void {
    const { losses } = this.#context;
    const citations = this.#grounding ? decodeGrounding(this.#grounding, this.#text, losses) : [];
    for (const citation of citations) this.#emit({ type: "citation", citation });
    this.#grounding = undefined;
    this.#text = "";
  }

  #flushSignatures(): void {
    for (const signature of this.#signatures.splice(0)) {
      const carrier = this.#carrier(signature);
      this.#emit({ type: "block", part: { kind: "redacted", carrier } });
    }
  }

  #carrier(data: string, id?: string): Carrier {
    const { provider } = this.#context;
    return {
      format: "generate",
      kind: "signature",
      data,
      ...(id !== undefined && { id }),
      provider,
    };
  }

  #fail(failure: Failure): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#emit({ type: "error", failure });
  }
}

/** A decoder for one upstream stream of this dialect. */
export function createStreamDecoder(emit: EmitReplyEvent, context: UpstreamContext): StreamDecoder {
  return new ChunkDecoder(emit, context);
}
