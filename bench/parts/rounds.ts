// Scenarios that are measured in alternated rounds, as parts of a run.

import { lanesOf, measure } from "../measure.ts";
import { measurePaced } from "../measure-paced.ts";
import { scenarioTable } from "../report.ts";
import type { Scenario } from "../scenarios.ts";
import { judge, summarize } from "../summary.ts";
import type { Part } from "./part.ts";

/** `scenario` on every target, in rounds. */
export function roundsOf(scenario: Scenario): Part {
  return {
    id: scenario.id,
    title: scenario.title,
    run: async ({ pool, load, mock, pace }) => {
      const lanes = lanesOf(scenario, await pool.shared());
      const measured =
        scenario.isOpen === true
          ? await measurePaced(lanes, { load, mock }, pace)
          : await measure(lanes, load, pace);
      const rows = summarize(measured);
      return { text: scenarioTable(scenario, rows), rows, verdicts: judge(scenario, rows) };
    },
  };
}
