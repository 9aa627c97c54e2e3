// The description that Open Responses publishes of its objects, as a judge of ours. It lies in the corpus; without that
// there is no judge, and whoever asks says so.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { corpusRoot } from "../corpus/corpus.ts";

/** What the description says of a value, as `path: message`; empty when nothing is wrong. */
export type Check = (value: unknown) => string[];

/** Judges the objects of one edition. */
export interface OpenResponsesSchema {
  readonly checkResponse: Check;
  readonly checkCompaction: Check;
  /** An event by its `type`; one that the description does not know is wrong. */
  readonly checkEvent: Check;
  /** An error as a WebSocket has it. */
  readonly checkSocketError: Check;
}

const FILE = "fixtures/schemas/openresponses-2026-04-24.json";

const Document = z.object({
  components: z.object({ schemas: z.record(z.string(), z.looseObject({})) }),
});
const Described = z.object({
  properties: z.object({ type: z.object({ enum: z.array(z.string()) }) }),
});
const Typed = z.looseObject({ type: z.string() });

/** The judge, or undefined where the corpus is not. */
export function openResponsesSchema(): OpenResponsesSchema | undefined {
  const path = join(corpusRoot(), FILE);
  if (!existsSync(path)) return undefined;
  const text = readFileSync(path, "utf8").replaceAll("#/components/schemas/", "#/$defs/");
  const $defs = Document.parse(JSON.parse(text)).components.schemas;
  const check = (name: string): Check => {
    const schema = z.fromJSONSchema({ $defs, $ref: `#/$defs/${name}` });
    return (value) => problemsOf(schema.safeParse(value).error);
  };
  const events = new Map<string, Check>();
  for (const name of Object.keys($defs).filter((each) => each.endsWith("StreamingEvent"))) {
    for (const type of Described.parse($defs[name]).properties.type.enum)
      events.set(type, check(name));
  }
  return {
    checkResponse: check("ResponseResource"),
    checkCompaction: check("CompactResource"),
    checkSocketError: check("WebSocketErrorEvent"),
    checkEvent: (value) => {
      const { type } = Typed.parse(value);
      return events.get(type)?.(value) ?? [`type: ${type} is not described`];
    },
  };
}

function problemsOf(error: z.ZodError | undefined): string[] {
  return (error?.issues ?? []).map(({ path, message }) => `${path.join(".")}: ${message}`);
}
