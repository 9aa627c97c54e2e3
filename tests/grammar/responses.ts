// The OpenAI Responses stream grammar, to the letter: sequence numbers without gaps, items opened,
// filled and closed one after another, one terminal event whose output repeats the items, failures
// told twice (`error`, then `response.failed`). The official SDK returns normally from a cut stream.

import {
  type Expectation,
  type Fields,
  Findings,
  fields,
  text,
  type Violation,
} from "./findings.ts";
import { type ItemChecker, itemChecker } from "./responses-items.ts";
import { checkResponseObject } from "./responses-object.ts";
import { checkEvents } from "./sse.ts";

const TERMINALS: Readonly<Record<string, string>> = {
  "response.completed": "completed",
  "response.incomplete": "incomplete",
  "response.failed": "failed",
};

/** Violations of a streamed answer. */
export function checkResponsesStream(stream: string, expectation: Expectation = {}): Violation[] {
  const findings = new Findings();
  checkEvents(stream, new ResponsesChecker(findings, expectation), findings);
  return findings.list;
}

/** Violations of a whole response object. */
export function checkResponsesBody(body: unknown, expectation: Expectation = {}): Violation[] {
  const findings = new Findings();
  const response = fields(body);
  checkResponseObject(findings, response, text(response["status"]), expectation);
  checkModel(findings, response, expectation.model);
  const output = Array.isArray(response["output"]) ? response["output"] : [];
  for (const item of output) {
    itemChecker(findings, fields(item)).done(fields(item), text(response["status"]));
  }
  return findings.list;
}

class ResponsesChecker {
  readonly #findings: Findings;
  readonly #expectation: Expectation;
  #events = 0;
  #response: Fields | undefined;
  #item: ItemChecker | undefined;
  #itemIds = new Set<string>();
  #done: Fields[] = [];
  #added = 0;
  #hasError = false;
  #end: string | undefined;

  constructor(findings: Findings, expectation: Expectation) {
    this.#findings = findings;
    this.#expectation = expectation;
  }

  event(name: string, event: Fields): void {
    const findings = this.#findings;
    const type = text(event["type"]);
    findings.expect(name === type, "event-line", `event: ${name} with type ${type}`);
    if (this.#end !== undefined) findings.add("after-end", `${type} after ${this.#end}`);
    const position = this.#events++;
    findings.expect(
      event["sequence_number"] === position,
      "sequence",
      `sequence_number ${String(event["sequence_number"])}, expected ${position}`,
    );
    if (position < 2) return this.#opening(position, type, event);
    if (this.#hasError && type !== "response.failed") {
      findings.add("error-ending", `${type} between error and response.failed`);
    }
    this.#body(type, event);
  }

  end(): void {
    if (this.#end === undefined) this.#findings.add("terminal", "no terminal event");
  }

  #opening(position: number, type: string, event: Fields): void {
    const expected = position === 0 ? "response.created" : "response.in_progress";
    this.#findings.expect(type === expected, "opening", `${type} instead of ${expected}`);
    const response = fields(event["response"]);
    this.#sameResponse(response, "in_progress");
    const output = response["output"];
    this.#findings.expect(Array.isArray(output) && output.length === 0, "opening", "output not []");
  }

  #body(type: string, event: Fields): void {
    if (type === "error") return this.#error(event);
    if (type in TERMINALS) return this.#terminal(type, event);
    if (type === "response.output_item.added") return this.#itemAdded(event);
    if (event["output_index"] !== this.#added - 1) {
      this.#findings.add("output-index", `${type} for ${String(event["output_index"])}`);
    }
    if (!this.#item) return this.#findings.add("no-item", `${type} while no item is open`);
    if (type === "response.output_item.done") return this.#itemDone(event);
    this.#item.event(type, event);
  }

  #itemAdded(event: Fields): void {
    const findings = this.#findings;
    const item = fields(event["item"]);
    if (this.#item) findings.add("overlap", "output_item.added while an item is open");
    if (event["output_index"] !== this.#added) {
      findings.add("output-index", `${String(event["output_index"])}, expected ${this.#added}`);
    }
    this.#added += 1;
    const id = text(item["id"]);
    findings.expect(id !== "" && !this.#itemIds.has(id), "item-id", `id ${id}`);
    this.#itemIds.add(id);
    this.#item = itemChecker(findings, item);
    this.#item.added();
  }

  #itemDone(event: Fields): void {
    const item = fields(event["item"]);
    this.#item?.done(item, undefined);
    this.#item = undefined;
    this.#done.push(item);
  }

  #error(event: Fields): void {
    this.#hasError = true;
    const shape = { message: "string", code: "string|null", param: "string|null" };
    this.#findings.shape("error", event, { ...shape, error: "object" });
    this.#findings.shape("error.error", fields(event["error"]), { ...shape, type: "string" });
    this.#findings.expect(text(event["message"]) !== "", "error-shape", "error without a message");
  }

  #terminal(type: string, event: Fields): void {
    const findings = this.#findings;
    const response = fields(event["response"]);
    const status = TERMINALS[type] ?? "";
    this.#end = type;
    this.#sameResponse(response, status);
    findings.expect(
      this.#hasError === (status === "failed"),
      "error-ending",
      `${type}, no error pair`,
    );
    if (this.#item && status !== "failed") findings.add("unclosed", `${type} with an open item`);
    const output = Array.isArray(response["output"]) ? response["output"] : [];
    findings.expect(
      Bun.deepEquals(output, this.#done),
      "output",
      `response.output is not the items done: ${JSON.stringify(output)}`,
    );
  }

  #sameResponse(response: Fields, status: string): void {
    checkResponseObject(this.#findings, response, status, this.#expectation);
    checkModel(this.#findings, response, this.#expectation.model);
    this.#response ??= response;
    for (const key of ["id", "created_at", "model"]) {
      this.#findings.expect(
        response[key] === this.#response[key],
        "same-identity",
        `${key} changed`,
      );
    }
  }
}

function checkModel(findings: Findings, response: Fields, model: string | undefined): void {
  if (model !== undefined) {
    findings.expect(response["model"] === model, "model", `model ${text(response["model"])}`);
  }
}
