// Tables: the numbers behind a plot, and the sums of each group, which can be sorted.

import type { DashReport, DashSum } from "../dash-report.ts";
import { element } from "./element.ts";
import { bucketName, count, dollars } from "./numbers.ts";
import type { PlotData, PlotOptions } from "./plot-data.ts";

/** The numbers of a plot: a row for each bar, newest first, without those in which nothing was. */
export function seriesTable(data: PlotData, { title, say }: PlotOptions): HTMLElement {
  const { buckets, bucketMs, series } = data;
  const rows = buckets
    .map((startMs, bucket) => ({
      startMs,
      values: series.map(({ values }) => values[bucket] ?? 0),
    }))
    .filter(({ values }) => values.some((value) => value > 0))
    .toReversed();
  const head = ["Time (UTC)", ...series.map(({ name }) => name), "All"];
  return scrolling(
    title,
    element(
      "table",
      {},
      element("caption", {}, rows.length === 0 ? "Nothing in this time." : title),
      element("thead", {}, element("tr", {}, ...head.map((text) => header(text)))),
      element(
        "tbody",
        {},
        ...rows.map(({ startMs, values }) =>
          row(bucketName(startMs, bucketMs), [...values, total(values)].map(say)),
        ),
      ),
    ),
  );
}

type Group = DashReport["groups"][number];

interface Column {
  readonly title: string;
  readonly value: (sum: DashSum) => number;
  readonly say: (sum: DashSum) => string;
}

const COLUMNS: readonly Column[] = [
  { title: "Requests", value: ({ requests }) => requests, say: ({ requests }) => count(requests) },
  { title: "Errors", value: ({ errors }) => errors, say: ({ errors }) => count(errors) },
  { title: "Tokens in", value: tokensIn, say: (sum) => count(tokensIn(sum)) },
  {
    title: "of them cached",
    value: ({ cacheRead }) => cacheRead,
    say: ({ cacheRead }) => count(cacheRead),
  },
  { title: "Tokens out", value: ({ output }) => output, say: ({ output }) => count(output) },
  { title: "Cost", value: ({ costNanoUsd }) => costNanoUsd, say: sayCost },
];

/** Everything that went in, from a cache or not. */
export function tokensIn({ input, cacheRead, cacheWrite }: DashSum): number {
  return input + cacheRead + cacheWrite;
}

/** The cost as far as it is known, and what is not. */
export function sayCost({ costNanoUsd, unpriced }: DashSum): string {
  if (unpriced === 0) return dollars(costNanoUsd);
  if (costNanoUsd === 0) return "not known";
  return `${dollars(costNanoUsd)} and ${count(unpriced)} unknown`;
}

/** The sums of each group, sorted by the column that was last asked for. */
export class GroupTable {
  readonly root = element("div");
  #sorted = 0;
  #isAscending = false;

  /** Shows other groups in the same order. */
  show(name: string, { groups, moreGroups }: Pick<DashReport, "groups" | "moreGroups">): void {
    const column = COLUMNS[this.#sorted];
    const sign = this.#isAscending ? 1 : -1;
    const value = column?.value ?? (() => 0);
    const rows = groups.toSorted((a, b) => sign * (value(a) - value(b)));
    const more = moreGroups === 0 ? "" : ` ${count(moreGroups)} smaller ones are not listed.`;
    const again = () => this.show(name, { groups, moreGroups });
    const table = element(
      "table",
      {},
      element("caption", {}, `Sums by ${name}.${more}`),
      element(
        "thead",
        {},
        element(
          "tr",
          {},
          header(capital(name)),
          ...COLUMNS.map((_, index) => this.#head(index, again)),
        ),
      ),
      element("tbody", {}, ...rows.map(groupRow)),
    );
    this.root.replaceChildren(scrolling(`Sums by ${name}`, table));
  }

  #head(index: number, again: () => void): HTMLElement {
    const button = element("button", { type: "button" }, COLUMNS[index]?.title ?? "");
    button.addEventListener("click", () => {
      this.#isAscending = this.#sorted === index && !this.#isAscending;
      this.#sorted = index;
      again();
      this.root.querySelectorAll("button")[index]?.focus();
    });
    const cell = element("th", { scope: "col" }, button);
    const order = this.#isAscending ? "ascending" : "descending";
    if (index === this.#sorted) cell.setAttribute("aria-sort", order);
    return cell;
  }
}

function groupRow(group: Group): HTMLElement {
  return row(
    group.group,
    COLUMNS.map(({ say }) => say(group)),
  );
}

function row(name: string, cells: readonly string[]): HTMLElement {
  const values = cells.map((text) => element("td", {}, text));
  return element("tr", {}, element("th", { scope: "row" }, name), ...values);
}

function header(text: string): HTMLElement {
  return element("th", { scope: "col" }, text);
}

/** What scrolls must be reached by keyboard, and so has a name. */
function scrolling(name: string, table: HTMLElement): HTMLElement {
  return element(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": name },
    table,
  );
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
