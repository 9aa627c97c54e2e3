// The simulator's repertoire, as data: what each `sim/…` model answers, in canonical events, and how it
// misbehaves. A new scenario is one entry here.

import type { Failure, ReplyEvent, Usage } from "#wire";
import type { Prompt } from "./prompt.ts";
import { playTask } from "./task.ts";

/** How an answer goes wrong below the level of events. */
export type Fault = "hang" | "reset" | "malformed";

/** One behaviour. */
export interface Scenario {
  /** For `GET /v1/models` and the documentation. */
  readonly summary: string;
  /** The answer, without `start` and `finish` usage, which the transport adds. */
  readonly events?: (prompt: Prompt) => readonly ReplyEvent[];
  /** An HTTP failure instead of an answer. */
  readonly failure?: { readonly failure: Failure; readonly retryAfterSeconds?: number };
  /** What happens after the first half of the events. */
  readonly fault?: Fault;
  readonly usage?: Partial<Usage>;
}

/** Words of `sim/long`. */
export const LONG_WORDS = 2_000;

function text(content: string): ReplyEvent[] {
  if (content === "") return [];
  const words = content.split(/(?<=\s)(?=\S)/);
  return [
    { type: "open", kind: "text" },
    ...words.map((word) => ({ type: "delta", text: word }) as const),
    { type: "close" },
  ];
}

function call(name: string, argumentPieces: readonly string[]): ReplyEvent[] {
  return [
    // The transport gives each call an id of its own.
    { type: "open", kind: "toolCall", id: "", name },
    ...argumentPieces.map((piece) => ({ type: "delta", text: piece }) as const),
    { type: "close" },
  ];
}

const end = { type: "finish", stop: "end" } as const;
const toolUse = { type: "finish", stop: "tool_use" } as const;

function echo(prompt: Prompt): ReplyEvent[] {
  return [...text(prompt.text || "(nothing was said)"), end];
}

function calls(prompt: Prompt, count: number): ReplyEvent[] {
  if (prompt.hasResults) return [...text("The tools have answered."), end];
  const offered = prompt.tools.map(({ name }) => name);
  const names = offered.length > 0 ? offered : ["get_weather"];
  const cities = ["Paris", "Zürich"];
  return [
    ...text("Looking that up."),
    ...Array.from({ length: count }, (_, index) =>
      call(names[index % names.length] ?? "get_weather", [
        '{"city":',
        ` "${cities[index % cities.length]}"}`,
      ]),
    ).flat(),
    toolUse,
  ];
}

function thinking(prompt: Prompt): ReplyEvent[] {
  return [
    { type: "open", kind: "thinking" },
    { type: "delta", text: "The user said something. " },
    { type: "delta", text: "I shall repeat it." },
    { type: "close" },
    ...echo(prompt),
  ];
}

/** Every scenario by model name. */
export const scenarios = {
  echo: { summary: "repeats the last user message", events: echo },
  tool: {
    summary: "one tool call; text once it is answered, or where no tool is offered",
    events: (p) => (p.tools.length > 0 ? calls(p, 1) : echo(p)),
  },
  tools: {
    summary: "two parallel tool calls; text once they are answered",
    events: (p) => calls(p, 2),
  },
  task: {
    summary: "writes a file, reads it and runs a command, with the tools that an agent offers",
    events: (prompt) => (prompt.tools.length > 0 ? playTask(prompt) : echo(prompt)),
  },
  thinking: { summary: "reasons, then repeats the last user message", events: thinking },
  long: {
    summary: `${LONG_WORDS} words`,
    events: () => [
      ...text(Array.from({ length: LONG_WORDS }, (_, index) => `word${index + 1}`).join(" ")),
      end,
    ],
  },
  cached: {
    summary: "echo, with usage that has cache reads and writes",
    events: echo,
    usage: { input: 12, cacheRead: 900, cacheWrite: 100 },
  },
  "error-midstream": {
    summary: "fails in the middle of the answer",
    events: () => [
      ...text("This answer will not be fin").slice(0, -1),
      { type: "error", failure: { kind: "overloaded", message: "Simulated overload." } },
    ],
  },
  "rate-limited": {
    summary: "HTTP 429 with retry-after",
    failure: {
      failure: {
        kind: "rate_limited",
        message: "Simulated rate limit.",
        code: "rate_limit_exceeded",
      },
      retryAfterSeconds: 7,
    },
  },
  "server-error": {
    summary: "HTTP 500",
    failure: { failure: { kind: "internal", message: "Simulated internal error." } },
  },
  hang: { summary: "answers half, then nothing for ever", events: echo, fault: "hang" },
  reset: { summary: "answers half, then cuts the connection", events: echo, fault: "reset" },
  malformed: {
    summary: "answers half, then an event that is no JSON",
    events: echo,
    fault: "malformed",
  },
} as const satisfies Record<string, Scenario>;

/** The scenario of a model name, or undefined. */
export function findScenario(name: string): Scenario | undefined {
  return Object.hasOwn(scenarios, name) ? scenarios[name as keyof typeof scenarios] : undefined;
}
