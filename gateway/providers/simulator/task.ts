// `sim/task`: an agent's work in three tool calls, so that a real client can be tried from its first request to its last.
// Each step depends on what the tools before it answered, and the end says whether they answered rightly. It calls only
// what is offered, and touches no file but one, in the folder the client works in.

import type { ReplyEvent } from "#wire";
import type { Prompt } from "./prompt.ts";
import { findCall, type Deed, type TaskCall } from "./task-call.ts";

/** The file that the task writes, in the client's folder. */
export const TASK_FILE = "parley-task.txt";

/** What it writes there. */
export const TASK_TEXT = "three tools, one task";

/** How the last answer begins when every tool answered as it should. */
export const TASK_DONE = "The task is done";

/** What the command of the last step prints; no request says it before the command ran. */
export const TASK_OUTPUT = TASK_TEXT.toUpperCase();

/** Characters of an unexpected answer that are quoted. */
const QUOTED_CHARS = 300;

interface Step {
  readonly says: string;
  /** The first of these that the tools offered allow is done. */
  readonly deeds: readonly Deed[];
  /** Part of what the tool must answer; absent where clients differ. */
  readonly answer?: string;
}

const file = TASK_FILE;

const STEPS: readonly Step[] = [
  {
    says: "I write the file.",
    deeds: [
      { kind: "write", file, text: TASK_TEXT },
      { kind: "run", command: `printf '%s\\n' '${TASK_TEXT}' > ${file}` },
    ],
  },
  {
    says: "I read it.",
    deeds: [
      { kind: "read", file },
      { kind: "run", command: `cat ${file}` },
    ],
    answer: TASK_TEXT,
  },
  {
    says: "I run a command.",
    deeds: [{ kind: "run", command: `tr a-z A-Z < ${file}` }],
    answer: TASK_OUTPUT,
  },
];

/** The next step of the task; once in a conversation, however long that goes on. */
export function playTask({ tools, results }: Prompt): readonly ReplyEvent[] {
  const wrong = STEPS.findIndex(
    ({ answer = "" }, index) => index < results.length && !results[index]?.includes(answer),
  );
  if (wrong !== -1) {
    const said = (results[wrong] ?? "").slice(0, QUOTED_CHARS);
    return end(`The task failed: step ${wrong + 1} was answered ${JSON.stringify(said)}.`);
  }
  const step = STEPS[results.length];
  if (!step) return end(`${TASK_DONE}: ${TASK_OUTPUT}.`);
  const call = step.deeds.map((deed) => findCall(deed, tools)).find((found) => found);
  if (call) return act(step, call);
  const names = tools.map(({ name }) => name).join(", ");
  return end(`The task failed: of ${names}, none fits step ${results.length + 1}.`);
}

function act({ says }: Step, { tool, input }: TaskCall): readonly ReplyEvent[] {
  const { name, namespace, isFreeform } = tool;
  const open = {
    type: "open",
    kind: "toolCall",
    // The transport gives each call an id of its own.
    id: "",
    name,
    ...(namespace !== undefined && { namespace }),
    ...(isFreeform && { isFreeform }),
  } as const;
  return [
    ...block({ type: "open", kind: "thinking" }, says),
    ...block({ type: "open", kind: "text" }, says),
    ...block(open, input),
    { type: "finish", stop: "tool_use" },
  ];
}

function end(text: string): readonly ReplyEvent[] {
  return [...block({ type: "open", kind: "text" }, text), { type: "finish", stop: "end" }];
}

/** In two pieces, as a model would stream it. */
function block(open: ReplyEvent & { type: "open" }, text: string): readonly ReplyEvent[] {
  const middle = Math.ceil(text.length / 2);
  const pieces = [text.slice(0, middle), text.slice(middle)];
  return [
    open,
    ...pieces.map((piece) => ({ type: "delta", text: piece }) as const),
    { type: "close" },
  ];
}
