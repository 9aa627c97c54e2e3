// The contract of what a run is made of: a part measures something on its own and says what came of it, in text, in
// figures, and beside its aims.

import type { Child } from "../child.ts";
import type { Pace } from "../measure.ts";
import type { MockControl } from "../mock/report.ts";
import type { TargetPool } from "../target-pool.ts";
import type { Verdict } from "../verdict.ts";

/** What every part may use. */
export interface Bench {
  readonly pool: TargetPool;
  readonly load: Child;
  readonly mock: MockControl;
  readonly pace: Pace;
}

/** What came of a part. */
export interface PartReport {
  /** Its table, as it is printed. */
  readonly text: string;
  /** The same for programs: rows of the `--json` file. */
  readonly rows: readonly object[];
  readonly verdicts: readonly Verdict[];
}

/** One part of a run. */
export interface Part {
  /** Its name on the command line. */
  readonly id: string;
  readonly title: string;
  readonly run: (bench: Bench) => Promise<PartReport>;
}
