// The calls of a helpdesk, with openapi-fetch and the types that openapi-typescript generates.

import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import type { components, paths } from "./generated/openapi";

const { DUELINE_URL, DUELINE_TEAM, DUELINE_KEY, DUELINE_USER, DUELINE_TOKEN } = process.env;
const path = { teamId: DUELINE_TEAM ?? "" };

const client = createClient<paths>({
  baseUrl: DUELINE_URL ?? "",
  headers: { Authorization: `Bearer ${DUELINE_KEY}` },
});
const user = createClient<paths>({
  baseUrl: DUELINE_URL ?? "",
  headers: { "X-User-Id": DUELINE_USER ?? "", "X-Auth-Token": DUELINE_TOKEN ?? "" },
});

const HOLIDAYS = `BEGIN:VCALENDAR\r
VERSION:2.0\r
PRODID:-//Example//Holidays//EN\r
BEGIN:VEVENT\r
UID:christmas@example.com\r
DTSTART;VALUE=DATE:20261225\r
RRULE:FREQ=YEARLY;COUNT=2\r
END:VEVENT\r
END:VCALENDAR\r
`;

async function rules() {
  const list = () => client.GET("/api/v1/teams/{teamId}/sla/rules", { params: { path } });
  const before = await list();
  assert(before.data);

  const rule: components["schemas"]["NewRule"] = {
    name: "openapi-fetch",
    priority: "high",
    responseTarget: 30,
    resolutionTarget: 240,
  };
  const create = (body: typeof rule, key?: string) =>
    client.POST("/api/v1/teams/{teamId}/sla/rules", {
      params: { path, header: { "Idempotency-Key": key } },
      body,
    });
  const created = await create(rule, "openapi-fetch");
  const again = await create(rule, "openapi-fetch");
  assert(created.data);
  assert.deepEqual(created.data, again.data, "the second request repeats the response to the first");
  const kept: components["schemas"]["Rule"] = created.data.data;
  assert.deepEqual([kept.priority, kept.enabled, kept.businessHoursOnly], ["high", true, false]);

  const after = await list();
  assert.deepEqual(after.data?.data, [...before.data.data, kept]);

  const changed = await client.PATCH("/api/v1/teams/{teamId}/sla/rules/{ruleId}", {
    params: { path: { ...path, ruleId: kept.id }, header: { "If-Match": '"1"' } },
    body: { responseTarget: 20, calendarId: null },
  });
  assert.equal(changed.data?.data.responseTarget, 20);

  const wrong = await create({ ...rule, resolutionTarget: 1 });
  assert(wrong.error?.error.code === "parameter_invalid");
  assert.equal(wrong.error.error.param, "resolutionTarget");
}

async function preview() {
  const hours: components["schemas"]["WeekHours"] = {
    wednesday: [["09:00", "17:00"]],
    thursday: [["09:00", "12:00"]],
  };
  const { data } = await client.POST("/api/v1/teams/{teamId}/sla/preview", {
    params: { path },
    body: {
      createdAt: "2026-12-23T16:30:00+01:00",
      responseTarget: 60,
      resolutionTarget: 210,
      calendar: { timeZone: "Europe/Berlin", hours, holidays: ["2026-12-25"] },
      asOf: "2026-12-24T10:00:00Z",
      trace: true,
    },
  });
  const due = data?.data;
  assert(due && "calendar" in due, "without events these are due dates, and not a ticket");
  assert.equal(due.calendar.timeZone, "Europe/Berlin");
  assert.equal(due.firstResponse?.dueAt, "2026-12-24T08:30:00Z");
  assert.equal(due.firstResponse?.status, "breached");
  assert.deepEqual(due.trace?.firstResponse.map(({ seconds }) => seconds), [1800, 1800]);
}

async function holidays() {
  const created = await client.POST("/api/v1/teams/{teamId}/sla/calendars", {
    params: { path },
    body: {
      name: "openapi-fetch",
      timeZone: "Europe/Berlin",
      hours: { monday: [["09:00", "12:00"], ["13:00", "17:00"]] },
      exceptions: { "2026-12-24": [["09:00", "12:00"]] },
    },
  });
  assert(created.data);
  const replaced = await client.PUT("/api/v1/teams/{teamId}/sla/calendars/{calendarId}/holidays", {
    params: { path: { ...path, calendarId: created.data.data.id } },
    headers: { "Content-Type": "text/calendar" },
    body: HOLIDAYS,
    bodySerializer: (file) => file,
  });
  const calendar: components["schemas"]["Calendar"] | undefined = replaced.data?.data;
  assert.deepEqual(calendar?.holidays, ["2026-12-25", "2027-12-25"]);
  const lunch: components["schemas"]["Interval"] | undefined = calendar?.hours.monday?.[1];
  assert.deepEqual(lunch, ["13:00", "17:00"]);
  assert.deepEqual(calendar?.exceptions["2026-12-24"], [["09:00", "12:00"]]);
}

async function policies() {
  const body = { name: "openapi-fetch", description: "", dueTimeInMinutes: 1003 };
  const created = await user.POST("/api/v1/livechat/sla", { body });
  const sort: components["schemas"]["PolicySort"] = { dueTimeInMinutes: -1 };
  const query = { text: "openapi-fetch", sort: JSON.stringify(sort), count: 1 };
  const listed = await user.GET("/api/v1/livechat/sla", { params: { query } });
  assert.deepEqual(listed.data?.sla.map(({ _id }) => _id), [created.data?.sla._id]);
}

async function main() {
  await rules();
  await preview();
  await holidays();
  await policies();
}

void main();
