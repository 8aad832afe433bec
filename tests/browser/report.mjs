// The page of a report: the numbers of the API as tables and charts, by day and night, on a phone and on
// paper.

import assert from "node:assert/strict";
import { check, checkFits, NARROW, onPage, WIDE } from "./browser.mjs";

const { DUELINE_KEY, DUELINE_TEAM, DUELINE_URL } = process.env;

const SLA = `/api/v1/teams/${DUELINE_TEAM}/sla`;
const REPORT = `${SLA}/report?from=2026-09-01&to=2026-09-30&timeZone=Europe/Berlin&groupBy=week`;
const TITLES = { firstResponse: "First response", nextResponse: "Next response", resolution: "Resolution" };
// The least contrast of text, by WCAG 2.2, success criterion 1.4.3.
const MIN_CONTRAST = 4.5;

async function call(path, body) {
  const response = await fetch(`${DUELINE_URL}${path}`, {
    method: body ? "POST" : "GET",
    headers: { authorization: `Bearer ${DUELINE_KEY}`, "content-type": "application/json" },
    body: body && JSON.stringify(body),
  });
  const answer = await response.json();
  assert(response.ok, JSON.stringify(answer));
  return answer.data;
}

/** Working days of a month, on each of which some tickets are late. */
async function fill() {
  for (const [priority, responseTarget, resolutionTarget] of [["urgent", 30, 240], ["normal", 60, 480]]) {
    await call(`${SLA}/rules`, { name: priority, priority, responseTarget, resolutionTarget });
  }
  for (let number = 0; number < 160; number += 1) {
    const day = 1 + ((number * 7) % 27);
    const begin = Date.UTC(2026, 8, day, 8, (number * 37) % 480);
    const at = (minutes) => new Date(begin + minutes * 60_000).toISOString();
    const reply = 5 + ((number * 13) % 41);
    const events = [
      { type: "agent_reply", at: at(reply) },
      { type: "customer_reply", at: at(reply + 10) },
      { type: "agent_reply", at: at(reply + 25) },
      { type: number % 23 === 0 ? "cancelled" : "resolved", at: at(reply + 60 + ((number * 29) % 330)) },
    ];
    const priority = number % 3 === 0 ? "urgent" : "normal";
    await call(`${SLA}/tickets`, { priority, createdAt: at(0), events });
  }
}

async function open(page) {
  await page.setExtraHTTPHeaders({ authorization: `Bearer ${DUELINE_KEY}`, accept: "text/html" });
  const response = await page.goto(REPORT);
  assert.equal(response.status(), 200);
}

/** The cells of each table, by its heading. */
function tables(page) {
  return page.locator("section").evaluateAll((sections) =>
    sections.map((section) => {
      const rows = [...section.querySelectorAll("tbody tr")];
      return [section.querySelector("h2").innerText, rows.map((row) => [...row.cells].map((cell) => cell.innerText))];
    }),
  );
}

/** The first cells of the row that the page has for a row of the API. */
function cells(name, { achieved, breached, achievedPercent, cancelled, open }) {
  const percent = achievedPercent === undefined ? "–" : achievedPercent.toFixed(2);
  return [name, achieved, breached, percent, cancelled, open].map(String);
}

async function showsTheNumbers(page, report) {
  const shown = Object.fromEntries(await tables(page));
  const first = (rows) => rows.map((row) => row.slice(0, 6));
  await check("the totals are those of the API", () => {
    const wanted = report.totals.map((total) => cells(TITLES[total.metric], total));
    assert.deepEqual(first(shown["All together"]), wanted);
  });
  await check("a table for each metric has the weeks of the API", () => {
    for (const [metric, title] of Object.entries(TITLES)) {
      const rows = report.rows.filter((row) => row.metric === metric);
      const wanted = rows.map((row) => cells(row.group, row));
      assert.deepEqual(first(shown[`${title}, by week`] ?? []), wanted, title);
    }
  });
  await check("figures are aligned to the right", async () => {
    const aligned = await page.locator("td").evaluateAll((all) => all.map((one) => getComputedStyle(one).textAlign));
    assert.deepEqual([...new Set(aligned)], ["right"]);
  });
  await check("a chart for each metric, with a bar for each day with breaches", async () => {
    const charts = await page.locator("svg[role=img]").count();
    assert.equal(charts, report.totals.length);
    const days = await call(`${REPORT.replace("week", "day")}`);
    const bars = days.rows.filter((row) => row.breached > 0).length;
    assert.equal(await page.locator("svg .bar").count(), bars);
  });
  await check("there is no script", async () => {
    assert.equal(await page.evaluate(() => document.scripts.length), 0);
  });
}

/** The contrast of the page's text, quiet text included, with its background. */
async function contrasts(page) {
  const colours = await page.evaluate(() => {
    const of = (element) => getComputedStyle(element);
    const background = of(document.body).backgroundColor;
    const texts = ["body", "header p", "thead th", "footer p"].map((one) => of(document.querySelector(one)).color);
    return { background, texts: [...texts, of(document.querySelector("svg text")).fill] };
  });
  const luminance = (colour) => {
    const channels = colour.match(/\d+/g).slice(0, 3).map((value) => value / 255);
    const linear = channels.map((value) => (value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const back = luminance(colours.background);
  const all = colours.texts.map((text) => {
    const front = luminance(text);
    return (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
  });
  return { back, least: Math.min(...all) };
}

async function isLegible(page, scheme) {
  await page.emulateMedia({ colorScheme: scheme });
  const { back, least } = await contrasts(page);
  await check(`in the ${scheme} scheme, text has enough contrast`, () => {
    assert.equal(back < 0.2, scheme === "dark");
    assert(least >= MIN_CONTRAST, `${least}`);
  });
  await page.screenshot({ path: `report-${scheme}.png`, fullPage: true });
}

await fill();
const report = await call(REPORT);

await onPage(WIDE, async (page) => {
  await open(page);
  await showsTheNumbers(page, report);
  await isLegible(page, "light");
  await isLegible(page, "dark");
});

await onPage(NARROW, async (page) => {
  await open(page);
  await checkFits(page, "the report");
  await check("the labels of charts are legible, and none covers another", async () => {
    const labels = await page.locator("svg").evaluateAll((all) =>
      all.map((svg) => [...svg.querySelectorAll("text")].map((one) => one.getBoundingClientRect().toJSON())),
    );
    for (const chart of labels) {
      for (const one of chart) {
        assert(one.height >= 9 && one.left >= 0 && one.right <= NARROW.width, JSON.stringify(one));
        const covers = (other) =>
          one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom;
        assert.equal(chart.filter(covers).length, 1, JSON.stringify(one));
      }
    }
  });
  await page.screenshot({ path: "report-narrow.png", fullPage: true });
});

await onPage(WIDE, async (page) => {
  await open(page);
  await page.emulateMedia({ media: "print", colorScheme: "dark" });
  await check("on paper it is black on white, and no table is cut off", async () => {
    const { back, least } = await contrasts(page);
    assert(back > 0.95 && least > 7, `${back} ${least}`);
    // The width of A4 with Chromium's margins, at 96 pixels an inch.
    await page.setViewportSize({ width: 718, height: 1000 });
    const cut = await page.locator(".scroll").evaluateAll((all) => all.filter((one) => one.scrollWidth > one.clientWidth).length);
    assert.equal(cut, 0);
  });
  await page.pdf({ path: "report.pdf", format: "A4" });
});
