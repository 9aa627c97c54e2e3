// How the mock is told what to answer: a few words at the beginning of the prompt, because a prompt is what every
// gateway hands on unchanged, whatever it does to the rest. Contains nothing that JSON escapes.

import { BenchError } from "./bench-error.ts";

/** What the mock does with one request. */
export type Plan =
  /** All of so many numbered pieces at once: a burst of deltas, or one whole reply where no stream is asked for. */
  | { readonly kind: "burst"; readonly deltas: number }
  /** A stream: the first delta with its head, then one every so many milliseconds. */
  | { readonly kind: "paced"; readonly deltas: number; readonly everyMs: number }
  /** A stream of so many MiB, as fast as it is taken. */
  | { readonly kind: "flood"; readonly mib: number }
  /** No answer at all. */
  | { readonly kind: "silent" };

/** Stands in a prompt for the number of the client that sends it; the load generator writes the number over it. */
export const CLIENT_MARK = "client:0000";

/** The words for a plan, to stand at the beginning of a prompt. */
export function planWords(plan: Plan): string {
  const { kind, ...sizes } = plan;
  return `plan:${[kind, ...Object.values(sizes)].join("-")} ${CLIENT_MARK}`;
}

/** The mark of one client, as long as CLIENT_MARK. */
export function clientMark(index: number): string {
  return `client:${String(index).padStart(4, "0")}`;
}

const WORDS = /plan:([a-z]+)(?:-(\d+))?(?:-(\d+))? client:(\d{4})/;

/** Reads what `planWords` wrote, and who sent it. Throws BenchError for anything else. */
export function readPlan(text: string): { plan: Plan; client: number } {
  const [words, kind, first = "", second = "", client] = WORDS.exec(text) ?? [];
  const sizes = [Number(first), Number(second)] as const;
  const plan = words === undefined ? undefined : planOf(kind, sizes);
  if (!plan) throw new BenchError("bad_answer", `no plan in ${text.slice(0, 100)}`);
  return { plan, client: Number(client) };
}

function planOf(kind: string | undefined, [first, second]: readonly [number, number]) {
  switch (kind) {
    case "burst":
      return { kind, deltas: first } satisfies Plan;
    case "paced":
      return { kind, deltas: first, everyMs: second } satisfies Plan;
    case "flood":
      return { kind, mib: first } satisfies Plan;
    case "silent":
      return { kind } satisfies Plan;
    default:
      return undefined;
  }
}
