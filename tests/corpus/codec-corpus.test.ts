// The codecs against recorded traffic, without HTTP: one test per pair of formats and subject, each
// naming every case that does not hold. Without the corpus it says so in one line and skips.

import { afterAll, describe, expect, test } from "bun:test";
import type { Format } from "../../gateway/formats/format.ts";
import { formats, upstreamFormats } from "../../gateway/formats/index.ts";
import {
  type Corpus,
  corpusRoot,
  openCorpus,
  type RecordedCase,
  recordedRequests,
} from "./corpus.ts";
import { KNOWN_FAILURES } from "./known-failures.ts";
import { checkError, checkReply } from "./reply-suite.ts";
import { Report } from "./report.ts";
import { checkRequest, type Tally } from "./request-suite.ts";
import { checkRoundTrip, type RoundTrips } from "./round-trip-suite.ts";
import { checkStream } from "./stream-suite.ts";

/** The slowest pair takes a fraction of this on two busy cores. */
const TIMEOUT_MS = 60_000;

const SUITES = {
  "recorded streams": { covers: ({ isStream }: RecordedCase) => isStream, check: checkStream },
  "recorded replies": {
    covers: ({ isStream, status }: RecordedCase) => !isStream && status < 400,
    check: checkReply,
  },
  "recorded errors": {
    covers: ({ isStream, status }: RecordedCase) => !isStream && status >= 400,
    check: checkError,
  },
} as const;

const callers = Object.values(formats);
const upstreams = Object.values(upstreamFormats);
const replyPairs = upstreams.flatMap((from) =>
  callers.map((to) => ({ from, to, title: `${from.id} → ${to.id}` })),
);
const requestPairs = callers.flatMap((from) =>
  upstreams.map((to) => ({ from, to, title: `${from.id} → ${to.id}` })),
);
const counts = new Map<string, number>();
const tally: Tally = new Map();
const trips: RoundTrips = { same: 0, lossy: 0, refused: 0 };

const corpus = openCorpus();
if (corpus) runCorpus(corpus);
else skipCorpus();

function skipCorpus(): void {
  const suites = Object.keys(SUITES).length + 1;
  const line = `corpus not found at ${corpusRoot()}: ${suites} suites skipped`;
  print(line);
  test.skip(line, () => undefined);
}

function runCorpus(corpus: Corpus): void {
  for (const [suite, { covers, check }] of Object.entries(SUITES)) {
    describe(suite, () => {
      test.each(replyPairs)(
        "$title",
        ({ from, to }) => {
          const report = new Report();
          const mine = corpus.cases.filter((each) => each.format === from.id && covers(each));
          for (const recorded of mine) {
            report.run(`${recorded.name} → ${to.id}`, () => check(recorded, from, to));
          }
          close(suite, report);
        },
        TIMEOUT_MS,
      );
    });
  }
  describe("recorded requests", () => testRequests(corpus));
  afterAll(printSummary);
}

function testRequests(corpus: Corpus): void {
  const requests = recordedRequests(corpus);
  const crossings = requestPairs.filter(({ from, to }) => from.id !== to.id);
  const requestsOf = (from: Format) => requests.filter(({ format }) => format === from.id);
  test.each(crossings)(
    "$title",
    ({ from, to }) => {
      const report = new Report();
      for (const each of requestsOf(from)) {
        report.run(`${each.name} request → ${to.id}`, () => checkRequest(each, from, to, tally));
      }
      close("recorded requests", report);
    },
    TIMEOUT_MS,
  );
  const backCrossings = callers.flatMap((from) =>
    callers.map((to) => ({ from, to, title: `${from.id} → ${to.id}` })),
  );
  test.each(backCrossings.filter(({ from, to }) => from !== to))(
    "$title and back",
    ({ from, to }) => {
      const report = new Report();
      for (const each of requestsOf(from)) {
        const name = `${each.name} request → ${to.id} → ${from.id}`;
        report.run(name, () => checkRoundTrip(each, from, to, trips));
      }
      close("round trips of requests", report);
    },
    TIMEOUT_MS,
  );
}

function close(suite: string, report: Report): void {
  counts.set(suite, (counts.get(suite) ?? 0) + report.count);
  expect(report.count).toBeGreaterThan(0);
  report.close();
}

function printSummary(): void {
  const ran = [...counts].map(([suite, count]) => `${count} ${suite}`).join(", ");
  const fared = [...tally].toSorted(([, a], [, b]) => b - a);
  print(`corpus: ${ran}; ${Object.keys(KNOWN_FAILURES).length} known failures`);
  print(`requests: ${fared.map(([code, count]) => `${count} ${code}`).join(", ")}`);
  print(
    `round trips: ${trips.same} the same, ${trips.lossy} with every loss named, ${trips.refused} refused`,
  );
  for (const [name, reason] of Object.entries(KNOWN_FAILURES)) {
    print(`known failure: ${name} (${reason})`);
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
