// The calls of a helpdesk, with the client that @hey-api/openapi-ts generates.

import assert from "node:assert/strict";
import { createClient, createConfig } from "./generated/hey-api/client";
import * as dueline from "./generated/hey-api";

const { DUELINE_URL, DUELINE_TEAM, DUELINE_KEY, DUELINE_USER, DUELINE_TOKEN } = process.env;
const path = { teamId: DUELINE_TEAM ?? "" };

const client = createClient(
  createConfig({
    baseUrl: DUELINE_URL ?? "",
    auth: ({ name }) =>
      name === "X-User-Id" ? DUELINE_USER : name === "X-Auth-Token" ? DUELINE_TOKEN : DUELINE_KEY,
  }),
);

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
  const before = await dueline.ruleList({ client, path, throwOnError: true });

  const rule: dueline.NewRule = {
    name: "Hey API",
    priority: "high",
    responseTarget: 30,
    resolutionTarget: 240,
  };
  const once = { client, path, body: rule, headers: { "Idempotency-Key": "hey-api" } };
  const created = await dueline.ruleCreate({ ...once, throwOnError: true });
  const again = await dueline.ruleCreate({ ...once, throwOnError: true });
  assert.deepEqual(created.data, again.data, "the second request repeats the response to the first");
  const kept: dueline.Rule = created.data.data;
  assert.deepEqual([kept.priority, kept.enabled, kept.businessHoursOnly], ["high", true, false]);

  const after = await dueline.ruleList({ client, path, throwOnError: true });
  assert.deepEqual(after.data.data, [...before.data.data, kept]);

  const changed = await dueline.ruleUpdate({
    client,
    path: { ...path, ruleId: kept.id },
    body: { responseTarget: 20, calendarId: null },
    headers: { "If-Match": '"1"' },
    throwOnError: true,
  });
  assert.equal(changed.data.data.responseTarget, 20);

  const wrong = await dueline.ruleCreate({ client, path, body: { ...rule, resolutionTarget: 1 } });
  assert(wrong.error?.error.code === "parameter_invalid");
  assert.equal(wrong.error.error.param, "resolutionTarget");
}

async function preview() {
  const hours: dueline.WeekHours = {
    wednesday: [["09:00", "17:00"]],
    thursday: [["09:00", "12:00"]],
  };
  const { data } = await dueline.previewCreate({
    client,
    path,
    body: {
      createdAt: "2026-12-23T16:30:00+01:00",
      responseTarget: 60,
      resolutionTarget: 210,
      calendar: { timeZone: "Europe/Berlin", hours, holidays: ["2026-12-25"] },
      asOf: "2026-12-24T10:00:00Z",
      trace: true,
    },
    throwOnError: true,
  });
  const due = data.data;
  assert("calendar" in due, "without events these are due dates, and not a ticket");
  assert.equal(due.calendar.timeZone, "Europe/Berlin");
  assert.equal(due.firstResponse?.dueAt, "2026-12-24T08:30:00Z");
  assert.equal(due.firstResponse?.status, "breached");
  assert.deepEqual(due.trace?.firstResponse.map(({ seconds }) => seconds), [1800, 1800]);
}

async function holidays() {
  const created = await dueline.calendarCreate({
    client,
    path,
    body: {
      name: "Hey API",
      timeZone: "Europe/Berlin",
      hours: { monday: [["09:00", "12:00"], ["13:00", "17:00"]] },
      exceptions: { "2026-12-24": [["09:00", "12:00"]] },
    },
    throwOnError: true,
  });
  const replaced = await dueline.holidayReplace({
    client,
    path: { ...path, calendarId: created.data.data.id },
    body: new Blob([HOLIDAYS]),
    throwOnError: true,
  });
  const calendar: dueline.Calendar = replaced.data.data;
  assert.deepEqual(calendar.holidays, ["2026-12-25", "2027-12-25"]);
  const lunch: dueline.Interval | undefined = calendar.hours.monday?.[1];
  assert.deepEqual(lunch, ["13:00", "17:00"]);
  assert.deepEqual(calendar.exceptions["2026-12-24"], [["09:00", "12:00"]]);
}

async function policies() {
  const body = { name: "Hey API", description: "", dueTimeInMinutes: 1002 };
  const created = await dueline.policyCreate({ client, body, throwOnError: true });
  const sort: dueline.PolicySort = { dueTimeInMinutes: -1 };
  const query = { text: "hey api", sort: JSON.stringify(sort), count: 1 };
  const listed = await dueline.policyList({ client, query, throwOnError: true });
  assert.deepEqual(listed.data.sla.map(({ _id }) => _id), [created.data.sla._id]);
}

async function main() {
  await rules();
  await preview();
  await holidays();
  await policies();
}

void main();
