// The list of parts, in the order they run and print.

import { pacedScenarios } from "../paced-scenarios.ts";
import { scenarios } from "../scenarios.ts";
import { abortPart } from "./abort.ts";
import { crowdPart } from "./crowd.ts";
import { memoryPart } from "./memory.ts";
import type { Part } from "./part.ts";
import { roundsOf } from "./rounds.ts";
import { stalledPart } from "./stalled.ts";

/** Every part. Those that read memory start a process of their own for it. */
export const parts: readonly Part[] = [
  ...scenarios.map(roundsOf),
  ...pacedScenarios.map(roundsOf),
  abortPart,
  memoryPart,
  stalledPart,
  crowdPart,
];
