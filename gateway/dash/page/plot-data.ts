// What a plot is drawn from, and its table too.

/** One colour of the stack. */
export interface PlotSeries {
  readonly name: string;
  readonly values: readonly number[];
}

/** What is drawn. */
export interface PlotData {
  readonly buckets: readonly number[];
  readonly bucketMs: number;
  readonly series: readonly PlotSeries[];
  /** Said below the title. */
  readonly note: string;
}

/** What stays the same however often it is drawn. */
export interface PlotOptions {
  readonly id: string;
  readonly title: string;
  /** A value, in a sentence or a table. */
  readonly say: (value: number) => string;
  /** A value at the axis. */
  readonly sayShort: (value: number) => string;
}
