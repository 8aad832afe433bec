#!/usr/bin/env python3
"""Plays a help desk's day of 200 tickets through Dueline, and prints what was kept and broken.

    cargo local                      # in one terminal
    export URL=… TEAM=… KEY=…        # in another: the line that it prints
    python3 examples/helpdesk.py

It makes a calendar and a rule for each priority, creates the tickets with what happened first, sends
what happened later, and asks how each ticket stood when the office closed. The day is Tuesday, 4
March 2025, in Berlin, and always the same: so is the table. At the end it deletes the rules and the
calendar. The tickets stay, for you to look at, with the plans that they had.

Every request can be repeated: tickets and events have ids of ours, the rest has an Idempotency-Key.
It needs Python 3.9 or later, and nothing else.
"""

import http.client
import json
import os
import random
import sys
import time
import uuid
from urllib.parse import urlencode, urlsplit

TICKETS = 200
SEED = 2025
MAX_ATTEMPTS = 10  # of one request

DAY, OFFSET = "2025-03-04", "+01:00"
OPENS, CLOSES = 8 * 60, 18 * 60  # in minutes since midnight
FIRST_HOUR = 60  # what happens to a ticket in this time is sent with it

# Minutes to the first response, to every other response, and to the resolution.
TARGETS = {
    "urgent": (15, 20, 120),
    "high": (30, 45, 240),
    "normal": (60, 90, 360),
    "low": (120, 180, 480),
}
SHARES = {"urgent": 0.1, "high": 0.25, "normal": 0.4, "low": 0.25}

METRICS = {
    "firstResponse": "first response",
    "nextResponse": "next response",
    "resolution": "resolution",
}
KEPT, BROKEN = ("achieved",), ("breached",)
RUNNING = ("active", "warning", "paused")


class Service:
    """The service at a URL, as one team with its key sees it."""

    def __init__(self, url, team, key):
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        connection = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        self.url = url
        self.connection = connection(parts.netloc, timeout=40)
        self.base = f"{parts.path.rstrip('/')}/api/v1/teams/{team}/sla"
        self.headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def call(self, method, path, body=None, once=None, accept=(200, 201)):
        """Sends a request until it is answered, and returns the answer's data."""
        headers = dict(self.headers)
        if once:
            headers["Idempotency-Key"] = once
        text = None if body is None else json.dumps(body)
        for _ in range(MAX_ATTEMPTS):
            try:
                self.connection.request(method, self.base + path, text, headers)
                response = self.connection.getresponse()
                answer = response.read().decode()
            except ConnectionRefusedError:
                sys.exit(f"Nothing responds at {self.url}. Is `cargo local` running?")
            except (http.client.HTTPException, OSError):
                # An idle connection may be closed at any time.
                self.connection.close()
                continue
            if response.status in (429, 503):
                time.sleep(float(response.headers.get("Retry-After", 1)))
                continue
            if response.status not in accept:
                sys.exit(f"{method} {path}: {response.status} {answer}")
            return json.loads(answer).get("data")
        sys.exit(f"{method} {path}: no answer after {MAX_ATTEMPTS} attempts")


class Day:
    """What happens to the tickets of the day."""

    def __init__(self, seed):
        # Only random() is the same in every version of Python.
        self.random = random.Random(seed).random

    def between(self, low, high):
        return low + int(self.random() * (high - low + 1))

    def happens(self, chance):
        return self.random() < chance

    def within(self, target):
        """A length that is nearly always within a target."""
        return 1 + int(self.random() * target * 1.15)

    def priority(self):
        draw = self.random()
        for priority, share in SHARES.items():
            draw -= share
            if draw < 0:
                return priority
        return "low"

    def ticket(self):
        """When a ticket is created, its priority, and what happens to it until closing time."""
        priority = self.priority()
        response, next_response, resolution = TARGETS[priority]
        created = self.between(OPENS, CLOSES - 30)
        now = created + self.within(response)
        events = [(now, "agent_reply")]
        for _ in range(self.between(0, 2)):
            events.append((now := now + self.between(5, 60), "customer_reply"))
            events.append((now := now + self.within(next_response), "agent_reply"))
        if self.happens(0.3):
            events.append((now := now + self.between(1, 10), "paused"))
            if self.happens(0.5):
                events.append((now := now + self.between(20, 120), "resumed"))
            else:
                # The customer's reply ends the pause too.
                events.append((now := now + self.between(20, 120), "customer_reply"))
                events.append((now := now + self.within(next_response), "agent_reply"))
        if priority != "urgent" and self.happens(0.1):
            events.append((now := now + self.between(1, 20), "escalated"))
        if self.happens(0.05):
            events.append((now + self.between(1, 30), "cancelled"))
        elif self.happens(0.9):
            now = max(now + self.between(1, 30), created + self.within(resolution))
            events.append((now, "resolved"))
            if self.happens(0.1):
                events.append((now := now + self.between(5, 60), "customer_reply"))
                events.append((now := now + self.within(next_response), "agent_reply"))
                events.append((now + self.between(1, 30), "resolved"))
        return created, priority, [event for event in events if event[0] <= CLOSES]


def instant(minute):
    return f"{DAY}T{minute // 60:02}:{minute % 60:02}:00{OFFSET}"


def as_sent(events, rules):
    """The events as the service takes them."""
    sent = []
    for number, (minute, kind) in enumerate(events, 1):
        event = {"id": f"event-{number}", "at": instant(minute), "type": kind}
        if kind == "escalated":
            event.update(type="priority_changed", priority="urgent")
            # The rule is assigned, since the team may have other rules for the priority.
            assigned = {"type": "rule_assigned", "ruleId": rules["urgent"]}
            sent.append({"id": f"event-{number}-rule", "at": instant(minute), **assigned})
        sent.append(event)
    return sent


def make_calendar(service, run):
    office = [[f"{OPENS // 60:02}:00", f"{CLOSES // 60:02}:00"]]
    weekdays = ("monday", "tuesday", "wednesday", "thursday", "friday")
    calendar = {
        "name": f"Help desk {run}",
        "timeZone": "Europe/Berlin",
        "hours": {weekday: office for weekday in weekdays},
    }
    return service.call("POST", "/calendars", calendar, once=f"{run}-calendar")["id"]


def make_rule(service, run, calendar, priority):
    response, next_response, resolution = TARGETS[priority]
    rule = {
        "name": f"Help desk {run}, {priority}",
        "priority": priority,
        "responseTarget": response,
        "nextResponseTarget": next_response,
        "resolutionTarget": resolution,
        "businessHoursOnly": True,
        "calendarId": calendar,
    }
    return service.call("POST", "/rules", rule, once=f"{run}-{priority}")["id"]


def play(service, run, rules):
    """Plays the day, and returns the tickets as they stood at closing time."""
    day = Day(SEED)
    tickets = []
    for number in range(1, TICKETS + 1):
        created, priority, events = day.ticket()
        ticket = f"{run}-{number:03}"
        events = as_sent(events, rules)
        # Of one day and one offset, so they sort as text.
        first = [event for event in events if event["at"] < instant(created + FIRST_HOUR)]
        later = events[len(first) :]
        body = {
            "id": ticket,
            "createdAt": instant(created),
            "priority": priority,
            "ruleId": rules[priority],
            "events": first,
        }
        service.call("POST", "/tickets", body)
        if later:
            body = later[0] if len(later) == 1 else {"events": later}
            service.call("POST", f"/tickets/{ticket}/events", body)
        closing = urlencode({"asOf": instant(CLOSES)})
        tickets.append(service.call("GET", f"/tickets/{ticket}?{closing}"))
        show_progress(number)
    return tickets


def show_progress(number):
    if sys.stderr.isatty():
        done = 40 * number // TICKETS
        end = "\n" if number == TICKETS else ""
        bar = f"\r[{'#' * done}{'.' * (40 - done)}] {number} of {TICKETS} tickets"
        print(bar, end=end, file=sys.stderr, flush=True)


def table(tickets):
    """How many targets of each priority and metric were kept and broken, and how many still run."""
    rows = [
        f"{'':8}" + "".join(f"  {name:^24}" for name in METRICS.values()),
        f"{'priority':8}" + f"  {'kept':>6}  {'broken':>6}  {'running':>8}" * len(METRICS),
    ]
    for priority in TARGETS:
        row = f"{priority:8}"
        of_priority = [ticket for ticket in tickets if ticket["priority"] == priority]
        for metric in METRICS:
            statuses = [ticket[metric]["status"] for ticket in of_priority]
            kept, broken, running = (
                sum(status in group for status in statuses) for group in (KEPT, BROKEN, RUNNING)
            )
            row += f"  {kept:>6}  {broken:>6}  {running:>8}"
        rows.append(row)
    return "\n".join(row.rstrip() for row in rows)


def main():
    missing = [name for name in ("URL", "TEAM", "KEY") if not os.environ.get(name)]
    if missing:
        sys.exit(
            f"{', '.join(missing)} not set. Start `cargo local` and paste the `export` line that "
            "it prints into this terminal."
        )
    service = Service(os.environ["URL"], os.environ["TEAM"], os.environ["KEY"])
    run = f"helpdesk-{uuid.uuid4().hex[:8]}"
    calendar, rules = None, {}
    try:
        calendar = make_calendar(service, run)
        for priority in TARGETS:
            rules[priority] = make_rule(service, run, calendar, priority)
        tickets = play(service, run, rules)
    finally:
        # A calendar that rules name cannot be deleted, so the rules go first.
        for rule in rules.values():
            service.call("DELETE", f"/rules/{rule}", accept=(200, 404))
        if calendar:
            service.call("DELETE", f"/calendars/{calendar}", accept=(200, 404))
    print(table(tickets))
    states = [ticket["state"] for ticket in tickets]
    counts = ", ".join(f"{states.count(state)} {state}" for state in sorted(set(states)))
    print(f"\n{len(tickets)} tickets at closing time: {counts}. Their ids begin with {run}-.")


if __name__ == "__main__":
    main()
