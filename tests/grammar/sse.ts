// Server-sent events, read twice over: leniently, as any client must (CRLF, BOM, comments, several
// data lines), and strictly, as we promise to write them. Shares nothing with the product's parser.

import { type Fields, type Findings, isFields, parse } from "./findings.ts";

/** One event, or one line that is no SSE field. */
export interface Frame {
  /** The `event:` name, "" when there was none. */
  readonly event: string;
  /** Data lines joined by LF. */
  readonly data: string;
  /** Name of an unknown field (llama.cpp writes `error: {…}`); its value is in `data`. */
  readonly unknownField?: string;
}

const KNOWN_FIELDS = new Set(["event", "data", "id", "retry"]);

/** Every event of a stream, the last one too when its blank line is missing (some hosts omit it). */
export function readFrames(stream: string): Frame[] {
  const frames: Frame[] = [];
  let event = "";
  let data: string[] = [];
  const lines = `${stream.replace(/^\uFEFF/, "")}\n\n`.split(/\r\n|\n|\r/);
  for (const line of lines) {
    if (line === "") {
      if (data.length > 0) frames.push({ event, data: data.join("\n") });
      event = "";
      data = [];
      continue;
    }
    const colon = line.indexOf(":");
    if (colon === 0) continue;
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") event = value;
    else if (field === "data") data.push(value);
    else if (!KNOWN_FIELDS.has(field)) frames.push({ event: "", data: value, unknownField: field });
  }
  return frames;
}

/** Frames of our own output, each exactly `[event: name LF] data: json LF LF`; comments stand alone. */
export function strictFrames(stream: string, findings: Findings): Frame[] {
  findings.expect(!stream.includes("\r"), "framing", "carriage return");
  findings.expect(!stream.startsWith("\uFEFF"), "framing", "byte order mark");
  findings.expect(stream.endsWith("\n\n"), "framing", "the last frame has no blank line");
  const frames: Frame[] = [];
  for (const block of stream.split("\n\n")) {
    findings.at = frames.length;
    const lines = block.split("\n").filter((line) => !line.startsWith(":"));
    if (lines.length === 0 || block === "") continue;
    const event = lines[0]?.startsWith("event: ") ? lines.shift()?.slice(7) : "";
    const data = lines.shift();
    if (!data?.startsWith("data: ") || lines.length > 0) {
      findings.add("framing", `not "[event: …] data: …": ${block}`);
      continue;
    }
    frames.push({ event: event ?? "", data: data.slice(6) });
  }
  findings.at = -1;
  return frames;
}

/** What is checked event by event and, at the end, as a whole. */
export interface EventChecker {
  event(name: string, event: Fields): void;
  end(): void;
}

/** Walks a stream of JSON events; each finding carries the index of its event, -1 for the whole. */
export function checkEvents(stream: string, checker: EventChecker, findings: Findings): void {
  for (const [index, frame] of strictFrames(stream, findings).entries()) {
    findings.at = index;
    const event = parse(frame.data);
    if (!isFields(event)) findings.add("json", `no JSON object: ${frame.data}`);
    else checker.event(frame.event, event);
  }
  findings.at = -1;
  checker.end();
}
