"""The calls of a helpdesk, with the client that openapi-python-client generates."""

import datetime
import io
import os
from typing import TypeVar

from dueline import AuthenticatedClient
from dueline.api.calendars import calendar_create, holiday_replace
from dueline.api.due_dates import preview_create
from dueline.api.sla_policies import policy_create, policy_list
from dueline.api.sla_rules import rule_create, rule_list, rule_update
from dueline.models.calendar_answer import CalendarAnswer
from dueline.models.exceptions import Exceptions
from dueline.models.inline_calendar import InlineCalendar
from dueline.models.new_calendar import NewCalendar
from dueline.models.new_policy import NewPolicy
from dueline.models.new_preview import NewPreview
from dueline.models.new_rule import NewRule
from dueline.models.parameter_invalid import ParameterInvalid
from dueline.models.policy_created import PolicyCreated
from dueline.models.policy_list_answer import PolicyListAnswer
from dueline.models.preview_answer import PreviewAnswer
from dueline.models.priority import Priority
from dueline.models.rule_answer import RuleAnswer
from dueline.models.rule_change import RuleChange
from dueline.models.rule_list_answer import RuleListAnswer
from dueline.models.week_hours import WeekHours
from dueline.types import File, Unset

HOLIDAYS = b"""BEGIN:VCALENDAR\r
VERSION:2.0\r
PRODID:-//Example//Holidays//EN\r
BEGIN:VEVENT\r
UID:christmas@example.com\r
DTSTART;VALUE=DATE:20261225\r
RRULE:FREQ=YEARLY;COUNT=2\r
END:VEVENT\r
END:VCALENDAR\r
"""

T = TypeVar("T")


def expect(kind: type[T], response: object) -> T:
    """The response, which must be of this type."""
    assert isinstance(response, kind), response
    return response


def present(value: T | Unset) -> T:
    """The value of an optional member that must be present."""
    assert not isinstance(value, Unset)
    return value


def rules(client: AuthenticatedClient, team: str) -> None:
    before = expect(RuleListAnswer, rule_list.sync(team, client=client)).data

    rule = NewRule(name="Python", priority=Priority.HIGH, response_target=30, resolution_target=240)
    created = [
        expect(RuleAnswer, rule_create.sync(team, client=client, body=rule, idempotency_key="python"))
        for _ in range(2)
    ]
    assert created[0] == created[1], "the second request repeats the response to the first"
    kept = created[0].data
    assert (kept.priority, kept.enabled, kept.business_hours_only) == (Priority.HIGH, True, False)

    after = expect(RuleListAnswer, rule_list.sync(team, client=client)).data
    assert after == [*before, kept]

    change = RuleChange(response_target=20, calendar_id=None)
    changed = rule_update.sync(team, kept.id, client=client, body=change, if_match='"1"')
    assert expect(RuleAnswer, changed).data.response_target == 20

    wrong = NewRule(name="Wrong", priority=Priority.LOW, response_target=2, resolution_target=1)
    refused = expect(ParameterInvalid, rule_create.sync(team, client=client, body=wrong)).error
    assert (refused.code, refused.param.value) == ("parameter_invalid", "resolutionTarget")


def preview(client: AuthenticatedClient, team: str) -> None:
    cet = datetime.timezone(datetime.timedelta(hours=1))
    ticket = NewPreview(
        created_at=datetime.datetime(2026, 12, 23, 16, 30, tzinfo=cet),
        response_target=60,
        resolution_target=210,
        calendar=InlineCalendar(
            time_zone="Europe/Berlin",
            hours=WeekHours(wednesday=[["09:00", "17:00"]], thursday=[["09:00", "12:00"]]),
            holidays=[datetime.date(2026, 12, 25)],
        ),
        as_of=datetime.datetime(2026, 12, 24, 10, 0, tzinfo=datetime.UTC),
        trace=True,
    )
    due = expect(PreviewAnswer, preview_create.sync(team, client=client, body=ticket)).data
    assert due.calendar.time_zone == "Europe/Berlin"
    first = present(due.first_response)
    assert first.due_at == datetime.datetime(2026, 12, 24, 8, 30, tzinfo=datetime.UTC)
    assert present(first.status).value == "breached"
    assert [stretch.seconds for stretch in present(due.trace).first_response] == [1800, 1800]


def holidays(client: AuthenticatedClient, team: str) -> None:
    exceptions = Exceptions()
    exceptions["2026-12-24"] = [["09:00", "12:00"]]
    office = NewCalendar(
        name="Python",
        time_zone="Europe/Berlin",
        hours=WeekHours(monday=[["09:00", "12:00"], ["13:00", "17:00"]]),
        exceptions=exceptions,
    )
    created = expect(CalendarAnswer, calendar_create.sync(team, client=client, body=office)).data
    file = File(io.BytesIO(HOLIDAYS))
    replaced = holiday_replace.sync(team, created.id, client=client, body=file)
    calendar = expect(CalendarAnswer, replaced).data
    assert calendar.holidays == [datetime.date(2026, 12, 25), datetime.date(2027, 12, 25)]
    assert calendar.hours.monday == [["09:00", "12:00"], ["13:00", "17:00"]]
    assert calendar.exceptions["2026-12-24"] == [["09:00", "12:00"]]


def policies(client: AuthenticatedClient) -> None:
    policy = NewPolicy(name="Python", description="", due_time_in_minutes=1001)
    created = expect(PolicyCreated, policy_create.sync(client=client, body=policy)).sla
    listed = policy_list.sync(client=client, text="python", sort='{"dueTimeInMinutes":-1}', count=1)
    assert [found.field_id for found in expect(PolicyListAnswer, listed).sla] == [created.field_id]


def main() -> None:
    url, team = os.environ["DUELINE_URL"], os.environ["DUELINE_TEAM"]
    client = AuthenticatedClient(
        base_url=url, token=os.environ["DUELINE_KEY"], raise_on_unexpected_status=True
    )
    rules(client, team)
    preview(client, team)
    holidays(client, team)
    # Rocket.Chat uses two headers; one of them has the token, without a prefix.
    user = AuthenticatedClient(
        base_url=url,
        token=os.environ["DUELINE_TOKEN"],
        auth_header_name="X-Auth-Token",
        prefix="",
        headers={"X-User-Id": os.environ["DUELINE_USER"]},
        raise_on_unexpected_status=True,
    )
    policies(user)


main()
