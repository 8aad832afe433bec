// The documentation at /api/v1/docs: it shows the whole contract, and sends its requests.

import assert from "node:assert/strict";
import { check, checkFits, NARROW, onPage, WIDE } from "./browser.mjs";

const { DUELINE_KEY, DUELINE_TEAM, DUELINE_URL } = process.env;

const METHODS = ["get", "put", "post", "delete", "patch"];

const contract = await (await fetch(`${DUELINE_URL}/api/v1/openapi.json`)).json();
const operations = Object.values(contract.paths).flatMap((item) =>
  METHODS.filter((method) => method in item).map((method) => item[method]),
);
const { summary } = operation("ruleCreate");

function operation(id) {
  return operations.find((operation) => operation.operationId === id);
}

/** The operation's block in the page. */
function block(page, { operationId, tags: [tag] }) {
  return page.locator(`[id="operations-${tag.replaceAll(" ", "_")}-${operationId}"]`);
}

async function open(page, prefix = "") {
  const response = await page.goto(`${prefix}/api/v1/docs`);
  assert.equal(response.status(), 200);
  await page.locator(".opblock").first().waitFor();
}

async function showsTheContract(page) {
  await check("the title and the version", async () => {
    assert.equal(await page.title(), "Dueline API");
    const heading = await page.locator(".info .title").innerText();
    assert(heading.startsWith(contract.info.title) && heading.includes(contract.info.version), heading);
  });
  await check(`“${summary}” is visible`, async () => {
    await page.getByText(summary, { exact: true }).waitFor();
  });
  await check(`all ${contract.tags.length} tags`, async () => {
    const shown = await page.locator(".opblock-tag[data-tag]").evaluateAll((all) => all.map((one) => one.dataset.tag));
    assert.deepEqual(shown, contract.tags.map(({ name }) => name));
  });
  await check(`all ${operations.length} operations`, async () => {
    for (const one of operations) {
      assert.equal(await block(page, one).getByText(one.summary, { exact: true }).count(), 1, one.operationId);
    }
  });
  await page.screenshot({ path: "docs.png" });
}

async function expands(page, id) {
  const one = block(page, operation(id));
  await check(`${id} opens`, async () => {
    await one.locator(".opblock-summary-control").click();
    await one.getByRole("button", { name: "Try it out" }).waitFor();
  });
  return one;
}

async function sendsARequest(page) {
  await check("Authorize takes the key", async () => {
    await page.getByRole("button", { name: "Authorize", exact: true }).click();
    const scheme = page.locator(".auth-container").filter({ hasText: "secretKey" });
    await scheme.getByRole("textbox").fill(DUELINE_KEY);
    await scheme.getByRole("button", { name: "Apply credentials" }).click();
    await scheme.getByRole("button", { name: "Remove authorization" }).waitFor();
    await scheme.getByRole("button", { name: "Close" }).click();
  });
  const one = await expands(page, "ruleList");
  await check("“Try it out” of ruleList is answered with 200", async () => {
    await one.getByRole("button", { name: "Try it out" }).click();
    await one.getByPlaceholder("teamId").fill(DUELINE_TEAM);
    await one.getByRole("button", { name: "Execute" }).click();
    const answer = one.locator(".live-responses-table .response");
    await answer.waitFor();
    assert.equal((await answer.locator(".response-col_status").innerText()).trim(), "200");
    assert.match(await answer.innerText(), /"success": true/);
  });
  await one.screenshot({ path: "docs-request.png" });
}

await onPage(WIDE, async (page) => {
  await open(page);
  await showsTheContract(page);
  await sendsARequest(page);
});

await onPage(NARROW, async (page) => {
  await open(page);
  await checkFits(page, "the list of operations");
  await page.screenshot({ path: "docs-narrow.png" });
  const one = await expands(page, "ruleCreate");
  await checkFits(page, "an operation");
  await one.screenshot({ path: "docs-narrow-operation.png" });
});

await onPage(WIDE, async (page) => {
  const stage = `${DUELINE_URL}/stage`;
  const asked = [];
  page.on("request", (request) => asked.push(request.url()));
  // As API Gateway does with a stage, or with a path of a custom domain.
  await page.route(`${stage}/**`, (route) => route.continue({ url: route.request().url().replace(stage, DUELINE_URL) }));
  await open(page, "/stage");
  await check("behind a stage it asks and names only what is below it", async () => {
    assert.deepEqual(asked.filter((url) => !url.startsWith(`${stage}/api/v1/`)), []);
    assert.equal(await page.locator(".servers select").inputValue(), stage);
  });
});
