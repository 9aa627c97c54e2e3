// The page: asks for the report that its controls say, draws it, and says in words what keeps it from doing so.

import type { DashReport, DashSum } from "../dash-report.ts";
import { byId, element } from "./element.ts";
import { count, dollars, moment, share, shortCount, shortDollars } from "./numbers.ts";
import type { PlotSeries } from "./plot-data.ts";
import { Plot } from "./plot.ts";
import { askAs, endSession, redeemLink } from "./session.ts";
import { GroupTable, sayCost, tokensIn } from "./tables.ts";

const RANGES = {
  "24h": "24 h",
  "7d": "7 days",
  "30d": "30 days",
  "90d": "90 days",
  "1y": "1 year",
};
const GROUPS = { model: "Model", key: "Key", account: "Account" };
const REFRESH_MS = 60_000;
const OTHERS = "all others";

const SIGNED_OUT =
  "This page shows its figures to whoever was let in. Run `agent usage --open` on the gateway's host and open the link that it prints; it works once.";
const USED =
  "This link was used before, or is older than two minutes. Run `agent usage --open` again for another.";
const ADDING_UP = "Adding up…";
const UNREACHABLE = "The gateway does not answer. It is asked again every minute.";
const EMPTY =
  "Nothing was served in this time. Choose a longer one, or point a tool at this gateway: every request shows here a moment later.";

const controls = byId("controls", HTMLFormElement);
const notice = byId("notice", HTMLElement);
const report = byId("report", HTMLElement);
const footer = byId("footer", HTMLElement);
const groups = new GroupTable();

const plots = {
  requests: new Plot({ id: "requests", title: "Requests", say: count, sayShort: shortCount }),
  tokens: new Plot({ id: "tokens", title: "Tokens", say: count, sayShort: shortCount }),
  cost: new Plot({ id: "cost", title: "Cost", say: dollars, sayShort: shortDollars }),
  errors: new Plot({ id: "errors", title: "Errors", say: count, sayShort: shortCount }),
};

let asked = 0;
let isLetIn = false;

function start(): void {
  const query = new URLSearchParams(location.search);
  offer("range", RANGES, query.get("range") ?? "30d");
  offer("by", GROUPS, query.get("by") ?? "model");
  byId("groups", HTMLElement).append(groups.root);
  byId("figures", HTMLElement).append(...Object.values(plots).map(({ root }) => root));
  controls.addEventListener("change", () => {
    history.replaceState(null, "", `${location.pathname}?${chosen()}`);
    void show();
  });
  controls.addEventListener("submit", (event) => event.preventDefault());
  byId("refresh", HTMLButtonElement).addEventListener("click", () => void show());
  byId("leave", HTMLButtonElement).addEventListener("click", () => void leave());
  // Another link pasted into this tab changes nothing but the fragment.
  addEventListener("hashchange", () => void enter());
  document.addEventListener("visibilitychange", () => refreshIfSeen());
  setInterval(refreshIfSeen, REFRESH_MS);
  void enter();
}

function refreshIfSeen(): void {
  if (isLetIn && !document.hidden) void show();
}

async function enter(): Promise<void> {
  try {
    const link = await redeemLink();
    await show(link === "used" ? USED : SIGNED_OUT);
  } catch {
    tell(UNREACHABLE);
    isLetIn = true;
  }
}

async function leave(): Promise<void> {
  isLetIn = false;
  await endSession().catch(() => {});
  controls.hidden = true;
  report.hidden = true;
  footer.textContent = "";
  tell(SIGNED_OUT);
}

/** Asks and draws; an answer that was overtaken by a later question is dropped. */
async function show(ifRefused = SIGNED_OUT): Promise<void> {
  asked += 1;
  const mine = asked;
  report.setAttribute("aria-busy", "true");
  if (report.hidden && notice.hidden) tell(ADDING_UP);
  const answer = await askAs(`/dash/data?${chosen()}`).catch(() => undefined);
  if (mine !== asked) return;
  report.removeAttribute("aria-busy");
  if (!answer?.ok) {
    isLetIn = answer?.status !== 401;
    controls.hidden = !isLetIn;
    if (!isLetIn) report.hidden = true;
    return tell(isLetIn ? UNREACHABLE : ifRefused);
  }
  isLetIn = true;
  controls.hidden = false;
  draw((await answer.json()) as DashReport);
}

function draw(data: DashReport): void {
  const { totals, generatedAtMs, pricesAsOf } = data;
  const isEmpty = totals.requests === 0;
  report.hidden = isEmpty;
  tell(isEmpty ? EMPTY : "");
  footer.textContent = `As of ${moment(generatedAtMs)}. Times are UTC. Bundled prices are of ${pricesAsOf} or later; a cost that is not known exactly is not guessed.`;
  if (isEmpty) return;
  byId("tiles", HTMLElement).replaceChildren(...tiles(totals));
  const over = (value: (sum: DashSum) => number): PlotSeries[] =>
    data.series.map(({ group, sums }) => ({ name: group ?? OTHERS, values: sums.map(value) }));
  const { buckets, bucketMs } = data;
  plots.requests.show({
    buckets,
    bucketMs,
    series: over(({ requests }) => requests),
    note: `${count(totals.requests)} in all`,
  });
  plots.tokens.show({
    buckets,
    bucketMs,
    series: over((sum) => tokensIn(sum) + sum.output),
    note: `${count(tokensIn(totals))} in, ${count(totals.output)} out`,
  });
  plots.cost.show({
    buckets,
    bucketMs,
    series: over(({ costNanoUsd }) => costNanoUsd),
    note: costNote(totals),
  });
  plots.errors.show({
    buckets,
    bucketMs,
    series: data.errors.map(({ code, counts }) => ({ name: code ?? OTHERS, values: counts })),
    note: totals.errors === 0 ? "None." : `${count(totals.errors)} in all, by what went wrong`,
  });
  groups.show(data.by, data);
}

function costNote({ costNanoUsd, unpriced }: DashSum): string {
  const known = `${dollars(costNanoUsd)} as far as it is known`;
  return unpriced === 0
    ? dollars(costNanoUsd)
    : `${known}; ${count(unpriced)} requests without a price`;
}

function tiles(totals: DashSum): HTMLElement[] {
  const into = tokensIn(totals);
  const cached = share(totals.cacheRead, into);
  const failed = share(totals.errors, totals.requests);
  return [
    tile("Requests", shortCount(totals.requests)),
    tile("Errors", shortCount(totals.errors), totals.errors === 0 ? "" : `${failed} of requests`),
    tile("Tokens in", shortCount(into), cached && `${cached} from a cache`),
    tile("Tokens out", shortCount(totals.output)),
    totals.unpriced > 0 && totals.costNanoUsd > 0
      ? tile("Cost", dollars(totals.costNanoUsd), `and ${count(totals.unpriced)} requests unknown`)
      : tile("Cost", sayCost(totals)),
  ];
}

function tile(title: string, figure: string, note = ""): HTMLElement {
  return element(
    "div",
    {},
    element("dt", {}, title),
    element("dd", { class: "figure" }, figure),
    ...(note === "" ? [] : [element("dd", { class: "quiet" }, note)]),
  );
}

function tell(text: string): void {
  notice.hidden = text === "";
  // What is between back quotes is to be typed.
  const pieces = text.split("`");
  notice.replaceChildren(
    ...pieces.map((piece, index) => (index % 2 === 1 ? element("code", {}, piece) : piece)),
  );
}

function offer(name: string, choices: Readonly<Record<string, string>>, wanted: string): void {
  const isKnown = Object.hasOwn(choices, wanted);
  const labels = Object.entries(choices).map(([value, title], index) => {
    const input = element("input", { type: "radio", name, value });
    input.checked = isKnown ? value === wanted : index === 0;
    return element("label", {}, input, element("span", {}, title));
  });
  byId(name, HTMLElement).append(...labels);
}

function chosen(): string {
  const form = new FormData(controls);
  const pick = (name: string) => String(form.get(name) ?? "");
  return new URLSearchParams({ range: pick("range"), by: pick("by") }).toString();
}

start();
