// The lifecycle of one output item of a Responses stream, by kind: what may come between
// output_item.added and output_item.done, and that the done events repeat the deltas exactly.

import {
  type Fields,
  Findings,
  fields,
  fieldsList,
  isSameJson,
  parse,
  type Shape,
  text,
} from "./findings.ts";

/** Checks the events of one item, in order. */
export interface ItemChecker {
  /** The item as `output_item.added` shows it. */
  added(): void;
  /** An event between added and done. */
  event(type: string, event: Fields): void;
  /** The finished item; `status` of the response when it is a whole reply, else undefined. */
  done(item: Fields, status: string | undefined): void;
}

interface ItemKind {
  readonly prefix: string;
  readonly shape: Shape;
  /** Fields that start empty and fill through deltas. */
  readonly empty: Fields;
  /** Delta subjects it may have, e.g. `output_text`. */
  readonly subjects: Readonly<Record<string, SubjectKind>>;
}

/** How one kind of delta is announced, indexed and finished. */
interface SubjectKind {
  /** Events that open and close a part around it, and the part type. */
  readonly part?: { readonly event: string; readonly type: string; readonly text: string };
  readonly index?: "content_index" | "summary_index";
  /** Field of the `.done` event that repeats the deltas. */
  readonly whole: string;
}

const KINDS: Readonly<Record<string, ItemKind>> = {
  message: {
    prefix: "msg_",
    shape: { role: "'assistant'", status: "string", content: "array" },
    empty: { content: [] },
    subjects: {
      output_text: {
        part: { event: "content_part", type: "output_text", text: "text" },
        index: "content_index",
        whole: "text",
      },
      refusal: {
        part: { event: "content_part", type: "refusal", text: "refusal" },
        index: "content_index",
        whole: "refusal",
      },
    },
  },
  reasoning: {
    prefix: "rs_",
    shape: { summary: "array" },
    empty: { summary: [] },
    subjects: {
      reasoning_summary_text: {
        part: { event: "reasoning_summary_part", type: "summary_text", text: "text" },
        index: "summary_index",
        whole: "text",
      },
      reasoning_text: {
        part: { event: "content_part", type: "reasoning_text", text: "text" },
        index: "content_index",
        whole: "text",
      },
    },
  },
  function_call: {
    prefix: "fc_",
    shape: { call_id: "string", name: "string", arguments: "string", status: "string" },
    empty: { arguments: "" },
    subjects: { function_call_arguments: { whole: "arguments" } },
  },
  custom_tool_call: {
    prefix: "ctc_",
    shape: { call_id: "string", name: "string", input: "string" },
    empty: { input: "" },
    subjects: { custom_tool_call_input: { whole: "input" } },
  },
};

const OUTPUT_TEXT: Shape = { text: "string", annotations: "array" };
const CALL_ID = /^[A-Za-z0-9_-]{1,64}$/;

/** The checker for an item of this kind; items of hosted tools are only matched by id. */
export function itemChecker(findings: Findings, item: Fields): ItemChecker {
  const kind = KINDS[text(item["type"])];
  return kind ? new KnownItem(findings, item, kind) : new HostedItem(findings, item);
}

class HostedItem implements ItemChecker {
  readonly #findings: Findings;
  readonly #item: Fields;

  constructor(findings: Findings, item: Fields) {
    this.#findings = findings;
    this.#item = item;
  }

  added(): void {
    this.#findings.expect(text(this.#item["type"]) !== "", "item-type", "item without a type");
  }

  event(type: string): void {
    const isOwn = type.startsWith(`response.${text(this.#item["type"])}`);
    this.#findings.expect(isOwn, "delta-kind", `${type} in a ${text(this.#item["type"])} item`);
  }

  done(item: Fields): void {
    this.#findings.expect(item["id"] === this.#item["id"], "item-id", "id changed");
  }
}

interface OpenPart {
  readonly subject: string;
  text: string;
  annotations: unknown[];
  isTextDone: boolean;
}

class KnownItem implements ItemChecker {
  readonly #findings: Findings;
  readonly #item: Fields;
  readonly #kind: ItemKind;
  /** Finished parts, by `content_index` or `summary_index`. */
  readonly #parts: Fields[] = [];
  #open: OpenPart | undefined;

  constructor(findings: Findings, item: Fields, kind: ItemKind) {
    this.#findings = findings;
    this.#item = item;
    this.#kind = kind;
  }

  added(): void {
    this.#shape(this.#item);
    for (const [key, empty] of Object.entries(this.#kind.empty)) {
      this.#findings.expect(isSameJson(this.#item[key], empty), "start-empty", `${key} in added`);
    }
    if ("status" in this.#kind.shape) {
      this.#findings.expect(this.#item["status"] === "in_progress", "item-status", "in added");
    }
  }

  event(type: string, event: Fields): void {
    if (event["item_id"] !== this.#item["id"]) {
      this.#findings.add("item-id", `${type} for ${String(event["item_id"])}`);
    }
    const [, subject = "", step = ""] = /^response\.(.+)\.(added|delta|done)$/.exec(type) ?? [];
    if (subject === "output_text.annotation") return this.#annotation(event);
    const own = this.#kind.subjects[subject];
    if (own)
      return step === "delta" ? this.#delta(subject, own, event) : this.#whole(subject, own, event);
    const isPart = Object.values(this.#kind.subjects).some(({ part }) => part?.event === subject);
    if (!isPart) return this.#findings.add("delta-kind", `${type} in ${text(this.#item["type"])}`);
    if (step === "added") this.#partAdded(event);
    else this.#partDone(event);
  }

  #partAdded(event: Fields): void {
    const part = fields(event["part"]);
    const found = Object.entries(this.#kind.subjects).find(
      ([, each]) => each.part?.type === part["type"],
    );
    if (!found) return this.#findings.add("part-type", JSON.stringify(part));
    const [subject, own] = found;
    if (this.#open) this.#findings.add("overlap", "part added while one is open");
    this.#index(own, event);
    this.#findings.expect(part[own.part?.text ?? ""] === "", "start-empty", "text in part.added");
    if (subject === "output_text") this.#findings.shape("part", part, OUTPUT_TEXT);
    this.#open = { subject, text: "", annotations: [], isTextDone: false };
  }

  #delta(subject: string, own: SubjectKind, event: Fields): void {
    const open = this.#opened(subject, own, event);
    if (open?.isTextDone) this.#findings.add("order", `delta after ${subject}.done`);
    const delta = text(event["delta"]);
    this.#findings.expect(delta !== "", "empty-delta", subject);
    if (subject === "output_text") this.#findings.shape("event", event, { logprobs: "array" });
    if (open) open.text += delta;
  }

  #whole(subject: string, own: SubjectKind, event: Fields): void {
    const open = this.#opened(subject, own, event);
    if (!open) return;
    if (open.isTextDone) this.#findings.add("order", `second ${subject}.done`);
    open.isTextDone = true;
    const whole = event[own.whole];
    const isEmptyCall = subject === "function_call_arguments" && open.text === "" && whole === "{}";
    this.#findings.expect(
      whole === open.text || isEmptyCall,
      "done-text",
      `${subject}.done differs`,
    );
    if (isEmptyCall) open.text = "{}";
    if (subject === "output_text") this.#findings.shape("event", event, { logprobs: "array" });
  }

  /** The part this event belongs to; calls have one without announcement. */
  #opened(subject: string, own: SubjectKind, event: Fields): OpenPart | undefined {
    if (!own.part) {
      this.#open ??= { subject, text: "", annotations: [], isTextDone: false };
      return this.#open;
    }
    if (this.#open?.subject !== subject) {
      this.#findings.add("no-part", `${subject} without its part`);
      return undefined;
    }
    this.#index(own, event);
    return this.#open;
  }

  #annotation(event: Fields): void {
    if (this.#open?.subject !== "output_text") {
      return this.#findings.add("no-part", "annotation outside a text part");
    }
    const position = this.#open.annotations.length;
    this.#findings.expect(
      event["annotation_index"] === position,
      "annotation-index",
      `not ${position}`,
    );
    this.#open.annotations.push(event["annotation"]);
  }

  #partDone(event: Fields): void {
    const open = this.#open;
    const own = open && this.#kind.subjects[open.subject];
    if (!open || !own?.part) return this.#findings.add("no-part", "part done, none open");
    this.#open = undefined;
    this.#index(own, event);
    const part = fields(event["part"]);
    this.#parts.push(part);
    this.#findings.expect(open.isTextDone, "order", `part done before ${open.subject}.done`);
    this.#findings.expect(part["type"] === own.part.type, "part-type", text(part["type"]));
    this.#findings.expect(part[own.part.text] === open.text, "done-text", "part.done differs");
    if (open.subject !== "output_text") return;
    this.#findings.shape("part", part, OUTPUT_TEXT);
    const isSame = isSameJson(part["annotations"], open.annotations);
    this.#findings.expect(isSame, "annotations", "part.done differs from annotation.added");
  }

  done(item: Fields, status: string | undefined): void {
    this.#shape(item);
    this.#findings.expect(item["id"] === this.#item["id"], "item-id", "id changed");
    const isUnfinished = item["status"] === "incomplete" || status === "incomplete";
    if (item["type"] === "function_call") {
      const written = text(item["arguments"]);
      const isJson = parse(written) !== undefined || isUnfinished;
      this.#findings.expect(isJson, "tool-json", `not JSON: ${JSON.stringify(written)}`);
    }
    if (item["type"] === "message") {
      this.#findings.expect(fieldsList(item["content"]).length > 0, "empty-message", "no content");
    }
    // In a whole reply there were no events to compare with.
    if (status === undefined) this.#sameAsStreamed(item);
  }

  #sameAsStreamed(item: Fields): void {
    const isPart = Object.values(this.#kind.subjects).some(({ part }) => part);
    if (isPart) {
      if (this.#open) this.#findings.add("unclosed", "item done while a part is open");
      const shown = [...fieldsList(item["summary"]), ...fieldsList(item["content"])];
      this.#findings.expect(
        isSameJson(shown, this.#parts),
        "done-item",
        "item differs from its parts",
      );
      return;
    }
    const [own] = Object.values(this.#kind.subjects);
    this.#findings.expect(
      this.#open?.isTextDone === true,
      "order",
      "item done before its text done",
    );
    this.#findings.expect(item[own?.whole ?? ""] === this.#open?.text, "done-item", "text differs");
  }

  #shape(item: Fields): void {
    this.#findings.shape("item", item, { id: "string", ...this.#kind.shape });
    const id = text(item["id"]);
    this.#findings.expect(
      id.startsWith(this.#kind.prefix),
      "item-id",
      `${id} of ${text(item["type"])}`,
    );
    if (item["call_id"] === undefined) return;
    const callId = text(item["call_id"]);
    this.#findings.expect(CALL_ID.test(callId), "tool-id", `illegal call_id ${callId}`);
    this.#findings.expect(text(item["name"]) !== "", "tool-name", "call without a name");
  }

  #index(own: SubjectKind, event: Fields): void {
    if (own.index && event[own.index] !== this.#parts.length) {
      this.#findings.add("part-index", `${own.index} ${String(event[own.index])}`);
    }
  }
}
