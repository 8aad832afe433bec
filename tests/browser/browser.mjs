// What the tests of pages share: Chromium, the rules that hold for every page, and a line per check.

import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const { CHROMIUM, DUELINE_URL } = process.env;

// It runs as root, too, and asks nobody but the page's server.
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** The width of a small phone. A page must be readable there without scrolling sideways. */
export const NARROW = { width: 360, height: 740 };
/** The usual width. */
export const WIDE = { width: 1280, height: 900 };

/** Opens an empty page of this size in a browser of its own, with the service as its base, and runs the
 * test on it. Whatever the test does, the page may ask only the service, and nothing may go wrong in it. */
export async function onPage(viewport, test) {
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  try {
    const page = await browser.newPage({ baseURL: DUELINE_URL, viewport });
    const seen = watch(page);
    await test(page);
    await check("asks only the service", () => assert.deepEqual(seen.elsewhere, []));
    await check("no error, no warning, no violation of the policy", () => assert.deepEqual(seen.wrong, []));
  } finally {
    await browser.close();
  }
}

/** Prints what was checked, or what was to be checked and why it does not hold. */
export async function check(what, verify) {
  try {
    await verify();
  } catch (error) {
    console.log(`FAILED ${what}`);
    throw error;
  }
  console.log(`ok ${what}`);
}

/** The page fits into the width of its window. */
export async function checkFits(page, what) {
  await check(`${what} fits into ${page.viewportSize().width} px`, async () => {
    const width = await page.evaluate(() => document.scrollingElement.scrollWidth);
    assert(width <= page.viewportSize().width, `it is ${width} px wide`);
  });
}

function watch(page) {
  const seen = { elsewhere: [], wrong: [] };
  const { origin } = new URL(DUELINE_URL);
  page.on("request", (request) => {
    if (new URL(request.url()).origin !== origin) seen.elsewhere.push(request.url());
  });
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) seen.wrong.push(message.text());
  });
  page.on("pageerror", (error) => seen.wrong.push(String(error)));
  page.on("requestfailed", (request) => seen.wrong.push(`${request.url()}: ${request.failure().errorText}`));
  return seen;
}
