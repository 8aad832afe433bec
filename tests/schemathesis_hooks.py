"""The refusals, by error code, of requests that the schema allows: what OpenAPI cannot express.

`schemathesis.toml` loads this. Everything that is not listed here is a failure.
"""

import re

import schemathesis
from schemathesis.specs.openapi.checks import positive_data_acceptance

# For each operation the refusals that its schema does not rule out: a code, and for a member of the body
# its place. The comments say why.
EXCUSED = {
    "policyList": [
        "error-invalid-sort",  # `sort` is a string that must contain JSON
    ],
    "policyCreate": [
        "error-duplicated-sla",  # the name or the due time is in use
        "error-limit-exceeded",  # the workspace has 1,000 policies
    ],
    "policyGet": ["unknown-sla"],
    "policyUpdate": ["unknown-sla", "error-duplicated-sla"],
    "policyDelete": ["unknown-sla"],
    "ruleCreate": [
        "parameter_invalid resolutionTarget",  # less than responseTarget
        "parameter_invalid calendarId",  # not a calendar of the team
        "limit_exceeded",  # the team has 200 rules
        "idempotency_key_reused",
    ],
    "ruleGet": ["resource_missing"],
    "ruleUpdate": [
        "resource_missing",
        "precondition_failed",
        "parameter_invalid resolutionTarget",
        "parameter_invalid calendarId",
        "idempotency_key_reused",
    ],
    "ruleDelete": ["resource_missing", "precondition_failed"],
    "calendarCreate": [
        "parameter_invalid timeZone",  # no such zone
        "parameter_invalid hours",  # empty, reversed or overlapping
        "parameter_invalid exceptions",  # reversed or overlapping
        "limit_exceeded",  # the team has 100 calendars
        "idempotency_key_reused",
    ],
    "calendarGet": ["resource_missing"],
    "calendarUpdate": [
        "resource_missing",
        "precondition_failed",
        "parameter_invalid timeZone",
        "parameter_invalid hours",
        "parameter_invalid exceptions",
        "idempotency_key_reused",
    ],
    "calendarDelete": ["resource_missing", "precondition_failed", "calendar_in_use"],
    "holidayReplace": [
        "resource_missing",
        "precondition_failed",
        "invalid_calendar",  # the grammar of iCalendar
    ],
    "previewCreate": [
        # `priority` or both targets are required.
        "parameter_missing priority",
        "parameter_missing responseTarget",
        "parameter_missing resolutionTarget",
        "parameter_invalid priority",
        "parameter_invalid resolutionTarget",  # less than responseTarget
        "parameter_invalid createdAt",  # after the last instant
        "parameter_invalid asOf",  # before createdAt, or after the last instant
        "parameter_invalid calendarId",  # not a calendar of the team, or together with `calendar`
        "parameter_invalid calendar.timeZone",
        "parameter_invalid calendar.hours",
        "parameter_invalid calendar.exceptions",
        "parameter_invalid events",  # after the last instant, or not a rule of the team
        "due_date_out_of_reach",
    ],
    "settingsUpdate": ["precondition_failed", "idempotency_key_reused"],
    "webhookCreate": [
        "parameter_invalid url",  # not an https URL, or with user info
        "limit_exceeded",  # the team has 10 webhooks
        "idempotency_key_reused",
    ],
    "webhookGet": ["resource_missing"],
    "webhookUpdate": [
        "resource_missing",
        "precondition_failed",
        "parameter_invalid url",
        "idempotency_key_reused",
    ],
    "webhookDelete": ["resource_missing", "precondition_failed"],
    "webhookRotate": ["resource_missing", "precondition_failed"],
    "webhookTest": ["resource_missing"],
    "deliveryList": ["resource_missing", "parameter_invalid cursor"],
    "deliveryRetry": ["resource_missing", "webhook_disabled"],
    "ticketList": ["parameter_invalid cursor"],  # not one that the service made
    "ticketCreate": [
        "parameter_invalid createdAt",  # after the last instant
        "parameter_invalid ruleId",  # not a rule of the team
        "parameter_invalid events",  # the same
        "event_in_future createdAt",
        "event_in_future events",
        "ticket_exists",
    ],
    "ticketGet": [
        "resource_missing",
        "parameter_invalid asOf",  # before the creation, or after the last instant
    ],
    "ticketDelete": ["resource_missing", "precondition_failed"],
    "eventCreate": [
        "resource_missing",
        "precondition_failed",
        "parameter_invalid at",  # after the last instant
        "parameter_invalid ruleId",  # not a rule of the team
        "parameter_invalid events",  # the same
        "event_in_future at",
        "event_in_future events",
        "limit_exceeded",  # the ticket has 500 events
    ],
    "inquirySetSla": [
        "error-invalid-inquiry",  # no ticket of this id that is open or paused
        "error-invalid-sla",  # no policy with this id or name
        "error-limit-exceeded",  # the ticket has 500 events
    ],
}

# Neither a success nor a refusal.
NOT_MODIFIED = 304


@schemathesis.check
def positive_data_acceptance_unless_excused(ctx, response, case):
    """The built-in check, which `schemathesis.toml` disables, except for what is excused."""
    operation = case.operation.definition.raw["operationId"]
    if response.status_code == NOT_MODIFIED:
        return None
    if response.status_code >= 400:
        found = refusals(response)
        if found and found <= set(EXCUSED.get(operation, ())):
            return None
    return positive_data_acceptance(ctx, response, case)


def refusals(response):
    """The violations in a response, each as its code and, if it names a member, that member's place."""
    try:
        body = response.json()
    except ValueError:
        return set()
    error = body.get("error")
    if isinstance(error, str):
        unknown = re.fullmatch(r"SLA with id .+ not found", error, re.DOTALL)
        return {"unknown-sla" if unknown else body.get("errorType", error)}
    if not isinstance(error, dict):
        return set()
    return {refusal(violation) for violation in error.get("errors", [error])}


def refusal(violation):
    """An excuse for `calendar.hours` also excuses `calendar.hours.monday[0]`."""
    place = re.match(r"(calendar\.)?[A-Za-z]+", violation.get("param", ""))
    return f"{violation['code']} {place.group()}" if place else violation["code"]
