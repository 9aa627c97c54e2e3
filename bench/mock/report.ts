// What the mock has seen, asked for over its stdin: the side of a measurement that only an upstream knows.

import { z } from "zod";
import type { Child } from "../child.ts";

/** What the bench may ask of the mock. */
export const MockQuestion = z.strictObject({
  /** `report` tells; `reset` ends every open stream and forgets, then tells. */
  ask: z.enum(["report", "reset"]),
});

/** Counts since the last reset. */
export const MockReport = z.strictObject({
  /** Streams being sent, and requests that get no answer. */
  open: z.int(),
  /** Deltas of paced streams that were sent. */
  deltas: z.int(),
  /** Bytes of floods that were taken. */
  floodBytes: z.int(),
  /** When the connection of an unfinished answer was closed from outside: client number → epoch milliseconds. */
  closedAtMs: z.record(z.string(), z.number()),
});
export type MockReport = z.infer<typeof MockReport>;

/** The mock, asked. */
export class MockControl {
  readonly #child: Child;

  constructor(child: Child) {
    this.#child = child;
  }

  report(): Promise<MockReport> {
    return this.#ask("report");
  }

  /** Ends what is open and forgets what was counted. */
  async reset(): Promise<void> {
    await this.#ask("reset");
  }

  async #ask(ask: z.infer<typeof MockQuestion>["ask"]): Promise<MockReport> {
    this.#child.send({ ask });
    return MockReport.parse(await this.#child.receive());
  }
}
