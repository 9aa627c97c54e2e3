// Stacked bars over time, drawn to the pixel width they have. One bar can be chosen, by pointer or arrow keys, and is
// then told in words; screen readers meet the whole as a slider over the bars. The same numbers are in a table below.

import { element, shape } from "./element.ts";
import { axisTime, bucketName, niceTop } from "./numbers.ts";
import type { PlotData, PlotOptions } from "./plot-data.ts";
import { seriesTable } from "./tables.ts";

const HEIGHT = 176;
const MARGIN = { top: 8, right: 4, bottom: 22, left: 52 } as const;
const HINT = "Point at a bar, or choose one with the arrow keys.";
const LABEL_WIDTH = 90;

/** A figure of the page. */
export class Plot {
  readonly root: HTMLElement;
  readonly #options: PlotOptions;
  readonly #note = element("p", { class: "quiet" });
  readonly #frame: HTMLElement;
  readonly #svg = shape("svg", { "aria-hidden": "true" });
  readonly #legend = element("ul", { class: "legend" });
  readonly #readout = element("p", { class: "readout" }, HINT);
  readonly #table = element("div");
  #data: PlotData | undefined;
  #band: SVGRectElement | undefined;
  #chosen: number | undefined;

  constructor(options: PlotOptions) {
    this.#options = options;
    const { id, title } = options;
    this.#frame = element(
      "div",
      {
        class: "plot",
        role: "slider",
        tabindex: "0",
        "aria-label": `${title}: choose a bar`,
        "aria-orientation": "horizontal",
      },
      this.#svg,
    );
    this.root = element(
      "section",
      { "aria-labelledby": `${id}-title`, id },
      element("h2", { id: `${id}-title` }, title),
      this.#note,
      this.#frame,
      this.#legend,
      this.#readout,
      element("details", {}, element("summary", {}, `${title} as a table`), this.#table),
    );
    this.#frame.addEventListener("keydown", (event) => this.#press(event));
    this.#frame.addEventListener("pointermove", (event) => this.#point(event));
    this.#frame.addEventListener("pointerdown", (event) => this.#point(event));
    new ResizeObserver(() => this.#draw()).observe(this.#frame);
  }

  /** Shows other data; what is chosen stays chosen while there is such a bar. */
  show(data: PlotData): void {
    this.#data = data;
    const { buckets, series, note } = data;
    this.#note.textContent = note;
    this.#legend.replaceChildren(...series.map(({ name }, index) => legendItem(name, index)));
    this.#table.replaceChildren(seriesTable(data, this.#options));
    this.#frame.setAttribute("aria-valuemin", "0");
    this.#frame.setAttribute("aria-valuemax", String(buckets.length - 1));
    if (this.#chosen !== undefined && this.#chosen >= buckets.length) this.#chosen = undefined;
    this.#draw();
    this.#tell();
  }

  #draw(): void {
    const data = this.#data;
    const width = this.#frame.clientWidth;
    if (!data || width === 0) return;
    const max = Math.max(...data.buckets.map((_, bucket) => totalOf(data, bucket)));
    const top = niceTop(max);
    // Half a request is none, and nothing needs no scale.
    const ticks = max === 0 ? [0] : [0, top / 2, top].filter(Number.isInteger);
    const scale = (value: number) =>
      HEIGHT - MARGIN.bottom - (value / top) * (HEIGHT - MARGIN.bottom - MARGIN.top);
    this.#svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    this.#band = shape("rect", {
      class: "band",
      y: MARGIN.top,
      height: HEIGHT - MARGIN.bottom - MARGIN.top,
      width: this.#step(),
      visibility: "hidden",
    });
    this.#svg.replaceChildren(
      ...ticks.flatMap((value) => this.#gridline(value, scale(value), width)),
      this.#band,
      ...data.buckets.flatMap((_, bucket) => this.#bar(data, bucket, scale)),
      ...this.#timeLabels(data, width),
    );
    this.#mark();
  }

  #gridline(value: number, y: number, width: number): SVGElement[] {
    const label = shape("text", { x: MARGIN.left - 6, y: y + 4, "text-anchor": "end" });
    label.textContent = this.#options.sayShort(value);
    return [shape("line", { x1: MARGIN.left, x2: width - MARGIN.right, y1: y, y2: y }), label];
  }

  #bar(data: PlotData, bucket: number, scale: (value: number) => number): SVGElement[] {
    const step = this.#step();
    const gap = step > 6 ? Math.min(4, step / 5) : 0.5;
    let below = 0;
    return data.series.flatMap(({ values }, index) => {
      const value = values[bucket] ?? 0;
      if (value <= 0) return [];
      const bottom = scale(below);
      below += value;
      const y = scale(below);
      return shape("rect", {
        class: `s${colourOf(index)}`,
        x: this.#left(bucket) + gap / 2,
        width: step - gap,
        y,
        // However little it is, it is there.
        height: Math.max(bottom - y, 1),
      });
    });
  }

  #timeLabels({ buckets, bucketMs }: PlotData, width: number): SVGElement[] {
    const fits = Math.max(2, Math.floor((width - MARGIN.left) / LABEL_WIDTH));
    const every = Math.max(1, Math.ceil(buckets.length / fits));
    return buckets.flatMap((startMs, bucket) => {
      // From the last bar backwards: now is what people look for.
      if ((buckets.length - 1 - bucket) % every !== 0) return [];
      const isLast = bucket === buckets.length - 1;
      const centre = this.#left(bucket) + this.#step() / 2;
      const x = isLast ? width - MARGIN.right : centre;
      if (!isLast && (x < MARGIN.left + 20 || x > width - LABEL_WIDTH)) return [];
      const label = shape("text", { x, y: HEIGHT - 6, "text-anchor": isLast ? "end" : "middle" });
      label.textContent = axisTime(startMs, bucketMs);
      return label;
    });
  }

  #left(bucket: number): number {
    return MARGIN.left + bucket * this.#step();
  }

  #step(): number {
    const inner = this.#frame.clientWidth - MARGIN.left - MARGIN.right;
    return Math.max(inner, 1) / Math.max(this.#data?.buckets.length ?? 1, 1);
  }

  #point({ clientX }: PointerEvent): void {
    const x = clientX - this.#frame.getBoundingClientRect().left - MARGIN.left;
    this.#choose(Math.floor(x / this.#step()));
  }

  #press(event: KeyboardEvent): void {
    const last = (this.#data?.buckets.length ?? 0) - 1;
    const from = this.#chosen ?? last + 1;
    const to = {
      ArrowLeft: from - 1,
      ArrowDown: from - 1,
      ArrowRight: from + 1,
      ArrowUp: from + 1,
    };
    const far = { Home: 0, End: last, PageUp: from - 7, PageDown: from + 7 };
    const wanted: Readonly<Record<string, number>> = { ...to, ...far };
    const bucket = wanted[event.key];
    if (bucket === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.#choose(bucket);
  }

  #choose(bucket: number): void {
    const last = (this.#data?.buckets.length ?? 0) - 1;
    if (last < 0) return;
    this.#chosen = Math.min(Math.max(bucket, 0), last);
    this.#mark();
    this.#tell();
  }

  #mark(): void {
    if (this.#chosen === undefined) return;
    this.#band?.setAttribute("visibility", "visible");
    this.#band?.setAttribute("x", String(this.#left(this.#chosen)));
  }

  #tell(): void {
    const data = this.#data;
    if (!data) return;
    const bucket = this.#chosen;
    const words = bucket === undefined ? HINT : this.#words(data, bucket);
    this.#readout.textContent = words;
    this.#frame.setAttribute("aria-valuenow", String(bucket ?? data.buckets.length - 1));
    this.#frame.setAttribute("aria-valuetext", words);
  }

  #words(data: PlotData, bucket: number): string {
    const { say } = this.#options;
    const when = bucketName(data.buckets[bucket] ?? 0, data.bucketMs);
    const parts = data.series
      .filter(({ values }) => (values[bucket] ?? 0) > 0)
      .map(({ name, values }) => `${name} ${say(values[bucket] ?? 0)}`);
    const whole = `${when}: ${say(totalOf(data, bucket))}`;
    return parts.length > 1
      ? `${whole} – ${parts.join(", ")}`
      : [whole, ...parts.map(nameOnly)].join(", ");
  }
}

/** Where one series is all there is, its number is the whole. */
function nameOnly(part: string): string {
  return part.slice(0, part.lastIndexOf(" "));
}

function totalOf({ series }: PlotData, bucket: number): number {
  return series.reduce((sum, { values }) => sum + (values[bucket] ?? 0), 0);
}

function colourOf(index: number): number {
  return Math.min(index, 7);
}

function legendItem(name: string, index: number): HTMLElement {
  const swatch = element("span", { class: `swatch s${colourOf(index)}`, "aria-hidden": "true" });
  return element("li", {}, swatch, name);
}
