// The page at /dash in a real browser: opened by its link, read, driven by keyboard, small, dark, empty and signed out.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { makeDashLink } from "#gateway";
import { type Chromium, chromiumPath, startChromium, type Tab } from "./chromium.ts";
import { startGatewayUnderTest, type GatewayUnderTest } from "./gateway-under-test.ts";

if (!chromiumPath) {
  process.stderr.write("dash-page: skipped, because no Chromium is installed (Debian: chromium)\n");
}

// A browser starts in it, which takes a busy machine its time.
const BROWSER_TIMEOUT_MS = 120_000;
const PRICE = { input: 1, output: 2 };

let gateway: GatewayUnderTest;
let browser: Chromium;
let tab: Tab;

async function start(): Promise<void> {
  if (!chromiumPath) return;
  const prices = { "sim/echo": PRICE, "sim/error": PRICE };
  gateway = await startGatewayUnderTest({ config: { gateway: { prices } } });
  browser = await startChromium(chromiumPath);
  tab = await browser.newTab();
}
beforeAll(start, BROWSER_TIMEOUT_MS);
afterAll(async () => {
  await browser?.stop();
  await gateway?.stop();
}, BROWSER_TIMEOUT_MS);

const NOTICE = "document.querySelector('#notice')";
const text = (selector: string) =>
  tab.evaluate<string>(`document.querySelector('${selector}').innerText`);

async function link(): Promise<string> {
  const { secret } = await makeDashLink(gateway.env);
  return `${gateway.url}/dash#${secret}`;
}

async function serve(model: string, times: number): Promise<void> {
  const body = { model, max_tokens: 5, messages: [{ role: "user", content: "hello" }] };
  for (let call = 0; call < times; call += 1) {
    await (await gateway.post("/v1/chat/completions", body)).text();
  }
}

/** What the page may not complain about: anything but the one question that tells it that it is signed out. */
const complaints = () => tab.complaints.filter((line) => !/\/dash\/(?:data|session)/.test(line));

describe.skipIf(!chromiumPath)("the page at /dash", () => {
  const scenario = (title: string, run: () => Promise<void>) =>
    test(title, run, BROWSER_TIMEOUT_MS);

  scenario("says how to be let in to whoever comes without a link", async () => {
    await tab.goto(`${gateway.url}/dash`);
    await tab.until(`${NOTICE}.innerText.includes('agent usage --open')`);
    expect(await tab.evaluate("document.querySelector('#report').hidden")).toBe(true);
  });

  scenario("takes the secret out of the address, and says where nothing was served", async () => {
    await tab.goto(await link());
    await tab.until(`${NOTICE}.innerText.startsWith('Nothing was served')`);
    expect(await tab.evaluate<string>("location.href")).toBe(`${gateway.url}/dash`);
    expect(await tab.evaluate<string>("document.cookie")).toBe("");
  });

  scenario("draws requests, tokens, cost and errors, and has each in a table", async () => {
    await serve("sim/echo", 5);
    await serve("sim/echo-that-is-not", 2);
    await tab.until(
      "(document.querySelector('#refresh').click(), document.querySelector('#tiles')?.innerText.includes('5\\n') || document.querySelector('#tiles')?.innerText.includes('7'))",
    );
    expect(await tab.evaluate<number>("document.querySelectorAll('#figures section').length")).toBe(
      4,
    );
    expect(
      await tab.evaluate<number>("document.querySelectorAll('#requests svg rect.s0').length"),
    ).toBeGreaterThan(0);
    await tab.evaluate(
      "document.querySelectorAll('details').forEach((each) => (each.open = true))",
    );
    expect(await text("#requests table")).toContain("sim/echo");
    expect(await text("#cost table")).toContain("$");
    expect(await text("#groups table")).toMatch(/sim\/echo\s+5\s+0/);
    expect(complaints()).toEqual([]);
  });

  scenario(
    "is driven by keyboard: bars are chosen and told, sums sorted, time changed",
    async () => {
      await tab.evaluate("document.querySelector('#requests .plot').focus()");
      await tab.press("End");
      const chosen = () =>
        tab.evaluate<string>(
          "document.querySelector('#requests .plot').getAttribute('aria-valuetext')",
        );
      const last = await chosen();
      expect(last).toContain("sim/echo");
      await tab.press("ArrowLeft");
      expect(await chosen()).not.toBe(last);
      expect(await text("#requests .readout")).toBe(await chosen());
      await tab.evaluate("document.querySelector('#groups th button').focus()");
      await tab.press("Enter");
      expect(await tab.evaluate("document.querySelector('#groups [aria-sort]').ariaSort")).toBe(
        "ascending",
      );
      expect(await tab.evaluate("document.activeElement.innerText")).toBe("Requests");
      await tab.evaluate("document.querySelector('#range input:checked').focus()");
      await tab.press("ArrowLeft");
      await tab.until("location.search.includes('range=7d')");
      await tab.until("document.querySelector('#groups tbody')");
    },
  );

  scenario("fits 375 pixels, in the light and in the dark, with enough contrast", async () => {
    await tab.setSize(375, 800);
    for (const scheme of ["light", "dark"]) {
      await tab.setMedia({ "prefers-color-scheme": scheme });
      expect(await tab.evaluate<number>("document.documentElement.scrollWidth")).toBe(375);
      const [ink, card] = await tab.evaluate<[string, string]>(
        "(() => { const s = getComputedStyle(document.querySelector('section')); return [s.color, s.backgroundColor] })()",
      );
      expect(contrast(ink, card)).toBeGreaterThan(7);
      const quiet = await tab.evaluate<string>(
        "getComputedStyle(document.querySelector('dt')).color",
      );
      expect(contrast(quiet, card)).toBeGreaterThan(4.5);
      for (const colour of await tab.evaluate<string[]>(
        "[...document.querySelectorAll('.swatch')].map((each) => getComputedStyle(each).backgroundColor)",
      )) {
        expect(contrast(colour, card)).toBeGreaterThan(3);
      }
    }
    await tab.setMedia({});
    await tab.setSize(1280, 900);
  });

  scenario("moves nothing", async () => {
    expect(
      await tab.evaluate<number>(
        "document.getAnimations().length + [...document.querySelectorAll('*')].filter((each) => getComputedStyle(each).transitionDuration !== '0s').length",
      ),
    ).toBe(0);
  });

  scenario("stays let in over a reload, and is let out", async () => {
    await tab.goto(`${gateway.url}/dash?range=24h&by=key`);
    await tab.until("document.querySelector('#groups tbody')?.innerText.includes('owner')");
    await tab.evaluate("document.querySelector('#leave').click()");
    await tab.until(`${NOTICE}.innerText.includes('agent usage --open')`);
    await tab.goto(`${gateway.url}/dash`);
    await tab.until(`${NOTICE}.innerText.includes('agent usage --open')`);
  });

  scenario(
    "is entered from a file, as the command opens it, and a used link is said to be one",
    async () => {
      const url = await link();
      const file = join(gateway.env["PARLEY_HOME"] ?? "", "to-the-page.html");
      writeFileSync(file, `<meta http-equiv="refresh" content="0; url=${url}">`);
      await tab.goto(pathToFileURL(file).href);
      await tab.until("location.pathname === '/dash' && !document.querySelector('#report').hidden");
      const other = await browser.newTab();
      await other.goto(url);
      await other.until(`${NOTICE}.innerText.includes('used before')`);
    },
  );

  scenario("says that the gateway does not answer, and keeps what it showed", async () => {
    await gateway.stop();
    await tab.evaluate("document.querySelector('#refresh').click()");
    await tab.until(`${NOTICE}.innerText.includes('does not answer')`);
    expect(await tab.evaluate("document.querySelector('#report').hidden")).toBe(false);
    expect(complaints().filter((line) => !line.includes("ERR_"))).toEqual([]);
  });
});

/** Contrast of two rgb() colours, as WCAG has it. */
function contrast(one: string, other: string): number {
  const [dark = 0, light = 0] = [luminance(one), luminance(other)].toSorted((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

function luminance(colour: string): number {
  const [r = 0, g = 0, b = 0] = (colour.match(/[\d.]+/g) ?? []).map((part) => {
    const value = Number(part) / 255;
    return value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
