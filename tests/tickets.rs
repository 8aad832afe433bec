//! Tickets: what a help desk reports, and how their targets stand.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use local::table;
use serde_json::{Value, json};

use crate::actors::{Actor, POLICIES, Response, Team};

crate::stories![
    reference_histories_hold_for_stored_tickets_and_previews,
    a_tickets_life_is_reported_in_full,
    a_repeated_ticket_or_event_counts_once,
    a_repetition_counts_once_even_if_its_rule_is_gone,
    a_pause_with_nothing_left_keeps_its_due_date,
    invalid_tickets_and_events_are_refused,
    thirty_two_events_at_once_are_all_counted,
    a_ticket_has_at_most_500_events,
    a_ticket_keeps_its_plan_when_rules_and_calendars_change,
    an_assigned_rule_holds_until_the_next_assignment,
    lists_are_in_the_order_of_what_is_due_next,
    lists_are_filtered_by_state_status_and_metric,
    other_teams_and_modes_have_no_part_in_a_ticket,
    a_deleted_ticket_leaves_nothing,
    settings_are_read_and_changed,
    a_policy_is_assigned_to_a_live_ticket,
];

const INQUIRY: &str = "/api/v1/livechat/inquiry.setSLA";

const HISTORIES: &str = include_str!("tickets.jsonl");
const WORLDS: &str = include_str!("ticket-worlds.json");

/// The history whose answer predates the time zone data; see `clock.rs`.
const STALE_CASE: u64 = 192;

impl Team {
    fn tickets(&self) -> String {
        format!("/api/v1/teams/{}/sla/tickets", self.id)
    }

    fn settings(&self) -> String {
        format!("/api/v1/teams/{}/sla/settings", self.id)
    }
}

async fn reference_histories_hold_for_stored_tickets_and_previews() {
    let worlds: Vec<Value> = serde_json::from_str(WORLDS).unwrap();
    let teams = join_all(worlds.iter().map(team_of)).await;
    let cases: Vec<Value> = HISTORIES
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(cases.len(), 200);
    for chunk in cases.chunks(8) {
        join_all(chunk.iter().map(|case| holds(&teams, case))).await;
    }
}

async fn team_of(world: &Value) -> (Team, Actor) {
    let team = Team::new().await;
    let caller = team.secret_key().await;
    let settings = caller.patch(&team.settings(), &world["settings"]).await;
    assert_eq!(settings.status, 200, "{}", settings.body);
    let mut calendars = BTreeMap::new();
    for (name, calendar) in world["calendars"].as_object().unwrap() {
        let mut body = calendar.clone();
        body["name"] = name.as_str().into();
        let created = caller.post(&team.calendars(), &body).await;
        assert_eq!(created.status, 201, "{}", created.body);
        calendars.insert(name.clone(), created.id());
    }
    for (priority, rule) in world["rules"].as_object().unwrap() {
        let mut body = rule.clone();
        let members = body.as_object_mut().unwrap();
        if let Some(calendar) = members.remove("calendar") {
            let calendar = &calendars[calendar.as_str().unwrap()];
            members.insert("calendarId".to_owned(), calendar.as_str().into());
        }
        members.insert("name".to_owned(), priority.as_str().into());
        members.insert("priority".to_owned(), priority.as_str().into());
        let created = caller.post(&team.rules(), &body).await;
        assert_eq!(created.status, 201, "{}", created.body);
    }
    (team, caller)
}

async fn holds(teams: &[(Team, Actor)], case: &Value) {
    let (team, caller) = &teams[usize::try_from(case["world"].as_u64().unwrap()).unwrap()];
    let mut expected = case["expect"].clone();
    if case["id"] == STALE_CASE {
        expected["resolution"]["dueAt"] = "2026-09-22T23:34:00Z".into();
    }
    let as_of = case["asOf"].as_str().unwrap();
    let id = format!("case-{}", case["id"]);
    let events = case["events"].as_array().unwrap();
    let (with_ticket, later) = events.split_at(events.len() / 2);
    let mut body = case["ticket"].clone();
    body["id"] = id.as_str().into();
    body["events"] = with_ticket.into();
    let created = caller.post(&team.tickets(), &body).await;
    assert_eq!(created.status, 201, "{id}: {}", created.body);
    let path = format!("{}/{id}", team.tickets());
    if let Some((first, rest)) = later.split_first() {
        // The same id may come twice, in which case there is nothing new.
        let added = caller.post(&format!("{path}/events"), first).await;
        assert!(added.status < 300, "{id}: {}", added.body);
        if !rest.is_empty() {
            let added = caller
                .post(&format!("{path}/events"), &json!({"events": rest}))
                .await;
            assert!(added.status < 300, "{id}: {}", added.body);
        }
    }
    let stored = caller.get(&format!("{path}?asOf={as_of}")).await;
    assert_eq!(part(&stored, &expected), expected, "{id}, stored");

    let mut preview = case["ticket"].clone();
    preview["events"] = events.as_slice().into();
    preview["asOf"] = as_of.into();
    let preview = caller.post(&team.preview(), &preview).await;
    assert_eq!(part(&preview, &expected), expected, "{id}, as a preview");
}

/// The members that a history says something about.
fn part(response: &Response, expected: &Value) -> Value {
    assert_eq!(response.status, 200, "{}", response.body);
    let data = &response.json()["data"];
    let names = expected.as_object().unwrap().keys();
    names
        .map(|name| (name.clone(), data[name].clone()))
        .collect()
}

/// A team with a rule for urgent tickets that counts every hour, and what it answers.
async fn team_with_rule() -> (Team, Actor, String) {
    let team = Team::new().await;
    let caller = team.secret_key().await;
    let rule = json!({"name": "Urgent", "priority": "urgent", "responseTarget": 30,
        "resolutionTarget": 240, "nextResponseTarget": 60});
    let rule = caller.post(&team.rules(), &rule).await.id();
    (team, caller, rule)
}

fn ago(minutes: i64) -> String {
    let at = Timestamp::now() - SignedDuration::from_mins(minutes);
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

async fn a_tickets_life_is_reported_in_full() {
    let (team, caller, rule) = team_with_rule().await;
    let body = json!({"id": "T-1", "createdAt": "2026-03-02T09:00:00Z", "priority": "urgent",
        "reference": "Printer is on fire"});
    let created = caller.post(&team.tickets(), &body).await;
    assert_eq!(created.status, 201, "{}", created.body);
    let path = format!("{}/T-1", team.tickets());
    assert_eq!(created.header("location"), Some(path.as_str()));
    assert_eq!(created.header("etag"), Some("\"1\""));

    let events = json!({"events": [
        {"id": "e1", "at": "2026-03-02T09:20:00Z", "type": "agent_reply"},
        {"id": "e2", "at": "2026-03-02T10:00:00Z", "type": "paused"},
        {"id": "e3", "at": "2026-03-02T12:00:00Z", "type": "customer_reply"},
    ]});
    let added = caller.post(&format!("{path}/events"), &events).await;
    assert_eq!(added.status, 201, "{}", added.body);
    assert_eq!(added.header("etag"), Some("\"2\""));

    let query = "?asOf=2026-03-02T13:00:00Z&events=true&trace=true";
    let read = caller.get(&format!("{path}{query}")).await;
    let updated_at = read.json()["data"]["updatedAt"].clone();
    let expected = json!({"success": true, "data": {
        "id": "T-1", "priority": "urgent", "state": "open",
        "createdAt": "2026-03-02T09:00:00Z", "updatedAt": updated_at,
        "plan": {
            "ruleId": rule, "version": 1,
            "targets": {"firstResponse": 30, "nextResponse": 60, "resolution": 240},
            "calendar": {"timeZone": "UTC", "source": "none"},
            "warnAtPercent": 80, "onReopen": "continue",
        },
        "firstResponse": {
            "status": "achieved", "cycle": 1, "targetMinutes": 30, "elapsedSeconds": 1_200,
            "remainingSeconds": 600, "stoppedAt": "2026-03-02T09:20:00Z", "stoppedBy": "agent_reply",
        },
        "nextResponse": {
            "status": "warning", "cycle": 1, "targetMinutes": 60, "elapsedSeconds": 3_600,
            "remainingSeconds": 0, "dueAt": "2026-03-02T13:00:00Z",
        },
        "resolution": {
            "status": "active", "cycle": 1, "targetMinutes": 240, "elapsedSeconds": 7_200,
            "remainingSeconds": 7_200, "dueAt": "2026-03-02T15:00:00Z",
            "warnAt": "2026-03-02T14:12:00Z",
        },
        "reference": "Printer is on fire",
        "nextMarkAt": "2026-03-02T13:00:00Z",
        "events": [
            {"id": "e1", "at": "2026-03-02T09:20:00Z", "type": "agent_reply"},
            {"id": "e2", "at": "2026-03-02T10:00:00Z", "type": "paused"},
            {"id": "e3", "at": "2026-03-02T12:00:00Z", "type": "customer_reply"},
        ],
        "trace": {
            "firstResponse": [{"from": "2026-03-02T09:00:00Z", "to": "2026-03-02T09:20:00Z", "seconds": 1_200}],
            "nextResponse": [{"from": "2026-03-02T12:00:00Z", "to": "2026-03-02T13:00:00Z", "seconds": 3_600}],
            "resolution": [
                {"from": "2026-03-02T09:00:00Z", "to": "2026-03-02T10:00:00Z", "seconds": 3_600},
                {"from": "2026-03-02T12:00:00Z", "to": "2026-03-02T15:00:00Z", "seconds": 10_800},
            ],
        },
    }});
    read.assert_is(200, &expected.to_string());
    let early = caller
        .get(&format!("{path}?asOf=2026-03-02T08:59:59Z"))
        .await;
    early.assert_violation(
        "asOf",
        "parameter_invalid",
        "The 'asOf' field must not be before 'createdAt'.",
    );
}

async fn a_repeated_ticket_or_event_counts_once() {
    let (team, caller, _) = team_with_rule().await;
    let body = json!({"id": "T-1", "createdAt": ago(10), "priority": "urgent"});
    let created = caller.post(&team.tickets(), &body).await;
    assert_eq!(created.status, 201, "{}", created.body);
    let event = json!({"id": "e1", "at": ago(5), "type": "agent_reply"});
    let path = format!("{}/T-1", team.tickets());
    let added = caller.post(&format!("{path}/events"), &event).await;
    assert_eq!(added.status, 201, "{}", added.body);

    let again = caller.post(&team.tickets(), &body).await;
    assert_eq!(again.status, 200, "{}", again.body);
    assert_eq!(again.header("location"), None);
    assert_eq!(again.json()["data"]["firstResponse"]["status"], "achieved");
    let mut other = body.clone();
    other["priority"] = "low".into();
    let conflict = caller.post(&team.tickets(), &other).await;
    let message = "A ticket with this id exists already, with another body.";
    conflict.assert_cstar_error(409, "invalid_request_error", "ticket_exists", message, "");

    let mut changed = event.clone();
    changed["type"] = "cancelled".into();
    for event in [event, changed] {
        let known = caller.post(&format!("{path}/events"), &event).await;
        assert_eq!(known.status, 200, "{}", known.body);
        assert_eq!(known.header("etag"), Some("\"2\""));
        assert_eq!(known.json()["data"]["state"], "open");
    }
    let stale = caller
        .with("if-match", "\"1\"")
        .post(&format!("{path}/events"), &json!({"type": "resolved"}))
        .await;
    assert_eq!(stale.status, 412, "{}", stale.body);
}

async fn a_repetition_counts_once_even_if_its_rule_is_gone() {
    let (team, caller, rule) = team_with_rule().await;
    let body = json!({"id": "T-1", "createdAt": ago(10), "priority": "low", "ruleId": rule});
    let event = json!({"id": "e1", "at": ago(5), "type": "rule_assigned", "ruleId": rule});
    let events = format!("{}/T-1/events", team.tickets());
    for status in [201, 200] {
        let created = caller.post(&team.tickets(), &body).await;
        assert_eq!(created.status, status, "{}", created.body);
        let added = caller.post(&events, &event).await;
        assert_eq!(added.status, status, "{}", added.body);
        caller.delete(&format!("{}/{rule}", team.rules())).await;
    }
    let mut other = body.clone();
    other["reference"] = "another body".into();
    let refused = caller.post(&team.tickets(), &other).await;
    assert_eq!(refused.status, 400, "{}", refused.body);
    let mut new = event.clone();
    new["id"] = "e2".into();
    let refused = caller.post(&events, &new).await;
    assert_eq!(refused.status, 400, "{}", refused.body);
}

async fn a_pause_with_nothing_left_keeps_its_due_date() {
    let (team, caller, _) = team_with_rule().await;
    let body = json!({"id": "T-1", "createdAt": "2026-03-02T09:00:00Z", "priority": "urgent",
        "events": [{"at": "2026-03-02T13:00:00Z", "type": "paused"}]});
    let created = caller.post(&team.tickets(), &body).await;
    assert_eq!(
        created.json()["data"]["resolution"],
        json!({"status": "paused", "cycle": 1, "targetMinutes": 240, "elapsedSeconds": 14_400,
            "remainingSeconds": 0, "paused": true, "dueAt": "2026-03-02T13:00:00Z"})
    );
}

async fn invalid_tickets_and_events_are_refused() {
    let (team, caller, _) = team_with_rule().await;
    let tickets = team.tickets();
    for (body, param, code, message) in [
        (
            json!({}),
            "priority",
            "parameter_missing",
            "The 'priority' field is required.",
        ),
        (
            json!({"priority": "low", "id": "a b"}),
            "id",
            "parameter_invalid",
            "The 'id' field must be 1 to 128 characters of A-Z a-z 0-9 . _ : -.",
        ),
        (
            json!({"priority": "low", "ruleId": format!("sla_{}", "0".repeat(32))}),
            "ruleId",
            "parameter_invalid",
            "The 'ruleId' field must be the id of one of the team's SLA rules.",
        ),
        (
            json!({"priority": "low", "events": [{"type": "paused"}, {"type": "sold"}]}),
            "events[1].type",
            "parameter_invalid",
            "The 'events[1].type' field must be one of agent_reply, customer_reply, paused, \
             resumed, resolved, reopened, priority_changed, rule_assigned, cancelled.",
        ),
        (
            json!({"priority": "low", "events": [{"type": "paused", "priority": "low"}]}),
            "events[0].priority",
            "parameter_invalid",
            "The 'events[0].priority' field must be absent unless the 'type' is priority_changed.",
        ),
        (
            json!({"priority": "low", "state": "open"}),
            "state",
            "parameter_unknown",
            "Unknown field 'state'.",
        ),
    ] {
        let refused = caller.post(&tickets, &body).await;
        refused.assert_violation(param, code, message);
    }
    let ahead_at_creation = json!({"priority": "low", "createdAt": ago(-6)});
    let in_future = caller.post(&tickets, &ahead_at_creation).await;
    let message = "The 'createdAt' field may be at most 5 minutes ahead.";
    in_future.assert_cstar_error(
        422,
        "invalid_request_error",
        "event_in_future",
        message,
        r#","param":"createdAt""#,
    );
    let ahead = |minutes: i64| json!({"type": "paused", "at": ago(-minutes)});
    let id = caller
        .post(&tickets, &json!({"priority": "urgent"}))
        .await
        .id();
    let events = format!("{tickets}/{id}/events");
    let in_future = caller.post(&events, &ahead(6)).await;
    let message = "The 'at' field may be at most 5 minutes ahead.";
    in_future.assert_cstar_error(
        422,
        "invalid_request_error",
        "event_in_future",
        message,
        r#","param":"at""#,
    );
    assert_eq!(caller.post(&events, &ahead(4)).await.status, 201);
    let none = caller.post(&events, &json!({"events": []})).await;
    none.assert_violation(
        "events",
        "parameter_invalid",
        "The 'events' field must be a list of at most 100 events.",
    );
    for path in [format!("{tickets}/nothing"), format!("{tickets}/a%20b")] {
        let missing = caller.get(&path).await;
        missing.assert_cstar_error(
            404,
            "not_found_error",
            "resource_missing",
            "No such ticket.",
            "",
        );
    }
    for (query, param, requirement) in [
        ("limit=0", "limit", "must be an integer from 1 to 100"),
        ("limit=101", "limit", "must be an integer from 1 to 100"),
        (
            "state=new",
            "state",
            "must be one or more of open, paused, resolved, cancelled, with commas",
        ),
        (
            "metric=speed",
            "metric",
            "must be one or more of firstResponse, nextResponse, resolution, with commas",
        ),
        (
            "cursor=%21",
            "cursor",
            "must be the 'nextCursor' of an earlier response",
        ),
    ] {
        let refused = caller.get(&format!("{tickets}?{query}")).await;
        let message = format!("The '{param}' field {requirement}.");
        refused.assert_violation(param, "parameter_invalid", &message);
    }
}

async fn thirty_two_events_at_once_are_all_counted() {
    let (team, caller, _) = team_with_rule().await;
    let id = caller
        .post(&team.tickets(), &json!({"priority": "urgent"}))
        .await
        .id();
    let path = format!("{}/{id}", team.tickets());
    let events = format!("{path}/events");
    let bodies: Vec<Value> = (0..32)
        .map(|number| json!({"id": format!("e{}", number / 2), "type": "customer_reply"}))
        .collect();
    let responses = join_all(bodies.iter().map(|body| caller.post(&events, body))).await;
    let created = responses.iter().filter(|response| response.status == 201);
    assert_eq!(created.count(), 16, "each of 16 ids is new once");
    assert!(responses.iter().all(|response| response.status < 300));
    let read = caller.get(&format!("{path}?events=true")).await;
    assert_eq!(read.json()["data"]["events"].as_array().unwrap().len(), 16);
    assert_eq!(read.header("etag"), Some("\"17\""));
}

async fn a_ticket_has_at_most_500_events() {
    let (team, caller, _) = team_with_rule().await;
    let id = caller
        .post(&team.tickets(), &json!({"priority": "urgent"}))
        .await
        .id();
    let events = format!("{}/{id}/events", team.tickets());
    for hundred in 0..5 {
        let list: Vec<Value> = (0..100)
            .map(|number| json!({"id": format!("{hundred}-{number}"), "type": "customer_reply"}))
            .collect();
        let added = caller.post(&events, &json!({"events": list})).await;
        assert_eq!(added.status, 201, "{}", added.body);
    }
    let refused = caller.post(&events, &json!({"type": "resolved"})).await;
    let message = "A ticket can have at most 500 events.";
    refused.assert_cstar_error(400, "invalid_request_error", "limit_exceeded", message, "");
    let manager = team.livechat_manager().await;
    let policy = json!({"name": "Gold", "description": "", "dueTimeInMinutes": 15});
    manager.post(POLICIES, &policy).await;
    let body = json!({"roomId": id, "sla": "Gold"});
    let refused = manager.put(INQUIRY, &body).await;
    let error = "A ticket can have at most 500 events [error-limit-exceeded]";
    let body = json!({"success": false, "error": error, "errorType": "error-limit-exceeded"});
    refused.assert_is(400, &body.to_string());
}

async fn a_ticket_keeps_its_plan_when_rules_and_calendars_change() {
    let team = Team::new().await;
    let caller = team.secret_key().await;
    let day = json!([["09:00", "17:00"]]);
    let calendar = json!({"name": "Office", "timeZone": "UTC",
        "hours": {"monday": day, "tuesday": day}});
    let calendar = caller.post(&team.calendars(), &calendar).await.id();
    let rule = json!({"name": "High", "priority": "high", "responseTarget": 60,
        "resolutionTarget": 600, "businessHoursOnly": true, "calendarId": calendar});
    let rule = caller.post(&team.rules(), &rule).await.id();
    let body = json!({"id": "T-1", "createdAt": "2026-03-02T09:00:00Z", "priority": "high"});
    caller.post(&team.tickets(), &body).await;
    let path = format!("{}/T-1?asOf=2026-03-02T09:30:00Z", team.tickets());
    let before = caller.get(&path).await;
    assert_eq!(
        before.json()["data"]["plan"]["calendar"],
        json!({"id": calendar, "version": 1, "timeZone": "UTC", "source": "rule"})
    );
    let changed = json!({"hours": {"monday": null, "tuesday": [["10:00", "11:00"]]}});
    caller
        .patch(&format!("{}/{calendar}", team.calendars()), &changed)
        .await;
    let rule = format!("{}/{rule}", team.rules());
    caller.patch(&rule, &json!({"responseTarget": 5})).await;
    caller.get(&path).await.assert_is(200, &before.body);
    caller.delete(&rule).await;
    let deleted = caller
        .delete(&format!("{}/{calendar}", team.calendars()))
        .await;
    assert_eq!(deleted.status, 200, "{}", deleted.body);
    caller.get(&path).await.assert_is(200, &before.body);
}

async fn an_assigned_rule_holds_until_the_next_assignment() {
    let (team, caller, urgent) = team_with_rule().await;
    let low =
        json!({"name": "Low", "priority": "low", "responseTarget": 300, "resolutionTarget": 900});
    let low = caller.post(&team.rules(), &low).await.id();
    let body = json!({"id": "T-1", "createdAt": ago(60), "priority": "urgent", "ruleId": low});
    let created = caller.post(&team.tickets(), &body).await;
    assert_eq!(created.json()["data"]["plan"]["ruleId"], low.as_str());
    let events = format!("{}/T-1/events", team.tickets());
    let mut minutes = 50;
    for (event, priority, plan) in [
        (
            json!({"type": "priority_changed", "priority": "low"}),
            "low",
            &low,
        ),
        (
            json!({"type": "priority_changed", "priority": "urgent"}),
            "urgent",
            &low,
        ),
        (
            json!({"type": "rule_assigned", "ruleId": null}),
            "urgent",
            &urgent,
        ),
        (
            json!({"type": "rule_assigned", "ruleId": low}),
            "urgent",
            &low,
        ),
    ] {
        let mut event = event;
        event["at"] = ago(minutes).into();
        minutes -= 10;
        let added = caller.post(&events, &event).await;
        let data = &added.json()["data"];
        assert_eq!(
            (&data["priority"], &data["plan"]["ruleId"]),
            (&json!(priority), &json!(plan)),
            "{event}"
        );
    }
    let read = caller
        .get(&format!("{}/T-1?events=true", team.tickets()))
        .await;
    let read = read.json();
    let shown: Vec<_> = read["data"]["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| (event["type"].clone(), event.get("ruleId").cloned()))
        .collect();
    assert_eq!(shown[2], (json!("rule_assigned"), Some(Value::Null)));
    assert_eq!(shown[3], (json!("rule_assigned"), Some(json!(low))));
    let without_rule = json!({"priority": "normal"});
    let without_rule = caller.post(&team.tickets(), &without_rule).await.json();
    assert_eq!(without_rule["data"]["plan"], Value::Null);
    assert_eq!(
        without_rule["data"]["resolution"],
        json!({"status": "idle"})
    );
}

async fn create(team: &Team, caller: &Actor, id: &str, minutes_ago: i64, events: Value) {
    let body =
        json!({"id": id, "createdAt": ago(minutes_ago), "priority": "urgent", "events": events});
    let created = caller.post(&team.tickets(), &body).await;
    assert_eq!(created.status, 201, "{}", created.body);
}

/// The ids on each page of a list.
async fn pages(caller: &Actor, path: &str) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = caller.get(&format!("{path}{cursor}")).await;
        assert_eq!(page.status, 200, "{}", page.body);
        let page = page.json();
        let ids = page["data"].as_array().unwrap().iter();
        let ids: Vec<String> = ids
            .map(|ticket| ticket["id"].as_str().unwrap().to_owned())
            .collect();
        pages.push(ids);
        match page.get("nextCursor") {
            None => return pages,
            Some(next) => cursor = format!("&cursor={}", next.as_str().unwrap()),
        }
    }
}

async fn lists_are_in_the_order_of_what_is_due_next() {
    let (team, caller, _) = team_with_rule().await;
    for (id, minutes) in [("b", 20), ("c", 10), ("a", 25), ("d", 5)] {
        create(&team, &caller, id, minutes, json!([])).await;
    }
    let resolved = |minutes| json!([{"type": "resolved", "at": ago(minutes)}]);
    create(&team, &caller, "y", 20, resolved(9)).await;
    create(&team, &caller, "x", 20, resolved(3)).await;
    create(
        &team,
        &caller,
        "z",
        20,
        json!([{"type": "cancelled", "at": ago(15)}]),
    )
    .await;
    let tickets = team.tickets();
    assert_eq!(
        pages(&caller, &format!("{tickets}?limit=3")).await,
        [vec!["a", "b", "c"], vec!["d"]]
    );
    assert_eq!(
        pages(
            &caller,
            &format!("{tickets}?state=resolved,cancelled&limit=2")
        )
        .await,
        [vec!["x", "y"], vec!["z"]]
    );
    assert_eq!(
        pages(
            &caller,
            &format!("{tickets}?state=open,paused,resolved,cancelled")
        )
        .await
        .concat(),
        ["a", "b", "c", "d", "x", "y", "z"]
    );
    let nothing = Team::new().await;
    let empty = nothing.secret_key().await.get(&nothing.tickets()).await;
    empty.assert_is(200, r#"{"success":true,"data":[]}"#);
}

async fn lists_are_filtered_by_state_status_and_metric() {
    let (team, caller, _) = team_with_rule().await;
    let replied = |minutes| json!({"type": "agent_reply", "at": ago(minutes)});
    create(&team, &caller, "fresh", 1, json!([])).await;
    create(&team, &caller, "late", 40, json!([])).await;
    create(&team, &caller, "answered", 40, json!([replied(39)])).await;
    let paused = json!([replied(39), {"type": "paused", "at": ago(38)}]);
    create(&team, &caller, "waiting", 40, paused).await;
    let tickets = team.tickets();
    for (query, expected) in [
        ("state=paused", vec!["waiting"]),
        ("status=breached", vec!["late"]),
        ("status=breached&metric=resolution", vec![]),
        (
            "status=achieved&metric=firstResponse",
            vec!["answered", "waiting"],
        ),
        (
            "status=active,paused&metric=resolution",
            vec!["late", "answered", "fresh", "waiting"],
        ),
    ] {
        let mut found = pages(&caller, &format!("{tickets}?{query}")).await.concat();
        let mut expected = expected;
        found.sort();
        expected.sort_unstable();
        assert_eq!(found, expected, "{query}");
    }
    assert_eq!(
        pages(&caller, &format!("{tickets}?status=breached&limit=1"))
            .await
            .concat(),
        ["late"]
    );
}

async fn other_teams_and_modes_have_no_part_in_a_ticket() {
    let (team, caller, _) = team_with_rule().await;
    create(&team, &caller, "T-1", 5, json!([])).await;
    let (other, stranger, _) = team_with_rule().await;
    let test = team.test_key().await;
    for (team, caller) in [(&other, &stranger), (&team, &test)] {
        let path = format!("{}/T-1", team.tickets());
        assert_eq!(caller.get(&path).await.status, 404);
        let event = json!({"type": "resolved"});
        assert_eq!(
            caller.post(&format!("{path}/events"), &event).await.status,
            404
        );
        assert_eq!(caller.delete(&path).await.status, 404);
        assert_eq!(
            pages(caller, &format!("{}?limit=9", team.tickets()))
                .await
                .concat()
                .len(),
            0
        );
    }
    create(&other, &stranger, "T-1", 5, json!([])).await;
    let path = format!("{}/T-1", team.tickets());
    assert_eq!(caller.get(&path).await.header("etag"), Some("\"1\""));
}

async fn a_deleted_ticket_leaves_nothing() {
    let (team, caller, _) = team_with_rule().await;
    let id = "to-be-forgotten";
    let body = json!({"id": id, "priority": "urgent", "reference": "a name to be forgotten",
        "events": [{"type": "agent_reply"}]});
    caller.post(&team.tickets(), &body).await;
    let path = format!("{}/{id}", team.tickets());
    let stale = caller.with("if-match", "\"7\"").delete(&path).await;
    assert_eq!(stale.status, 412, "{}", stale.body);
    let deleted = caller.delete(&path).await;
    deleted.assert_is(
        200,
        r#"{"success":true,"data":{"id":"to-be-forgotten","deleted":true}}"#,
    );
    assert_eq!(caller.get(&path).await.status, 404);
    let items = table::items(team.stack.dynamodb()).await.unwrap();
    let left = items.iter().filter(|item| format!("{item:?}").contains(id));
    assert_eq!(left.count(), 0);
}

async fn settings_are_read_and_changed() {
    let team = Team::new().await;
    let caller = team.secret_key().await;
    let path = team.settings();
    let read = caller.get(&path).await;
    read.assert_is(
        200,
        r#"{"success":true,"data":{"warnAtPercent":80,"onReopen":"continue","escalations":[]}}"#,
    );
    assert_eq!(read.header("etag"), Some("\"0\""));
    let changed = caller.patch(&path, &json!({"warnAtPercent": 50})).await;
    changed.assert_is(
        200,
        r#"{"success":true,"data":{"warnAtPercent":50,"onReopen":"continue","escalations":[]}}"#,
    );
    assert_eq!(changed.header("etag"), Some("\"1\""));
    let stale = caller.with("if-match", "\"0\"");
    let stale = stale.patch(&path, &json!({"onReopen": "ignore"})).await;
    assert_eq!(stale.status, 412, "{}", stale.body);
    let once = caller.with("idempotency-key", "settings-1");
    for _ in 0..2 {
        let again = once.patch(&path, &json!({"onReopen": "restart"})).await;
        again.assert_is(
            200,
            r#"{"success":true,"data":{"warnAtPercent":50,"onReopen":"restart","escalations":[]}}"#,
        );
        assert_eq!(again.header("etag"), Some("\"2\""));
    }
    let reused = once.patch(&path, &json!({"onReopen": "ignore"})).await;
    assert_eq!(reused.status, 409, "{}", reused.body);
    let cached = caller.with("if-none-match", "\"2\"").get(&path).await;
    assert_eq!((cached.status, cached.body.as_str()), (304, ""));
    for (body, param, requirement) in [
        (
            json!({"warnAtPercent": 0}),
            "warnAtPercent",
            "must be an integer from 1 to 99",
        ),
        (
            json!({"warnAtPercent": 100}),
            "warnAtPercent",
            "must be an integer from 1 to 99",
        ),
        (
            json!({"onReopen": "never"}),
            "onReopen",
            "must be one of continue, restart, ignore",
        ),
    ] {
        let refused = caller.patch(&path, &body).await;
        let message = format!("The '{param}' field {requirement}.");
        refused.assert_violation(param, "parameter_invalid", &message);
    }
}

async fn a_policy_is_assigned_to_a_live_ticket() {
    let (team, caller, _) = team_with_rule().await;
    let agent = team.agent().await;
    let manager = team.livechat_manager().await;
    let policy = json!({"name": "Gold", "description": "", "dueTimeInMinutes": 15});
    let policy = manager.post(POLICIES, &policy).await.json()["sla"]["_id"].clone();
    create(&team, &caller, "room1", 5, json!([])).await;
    create(&team, &caller, "room2", 5, json!([{"type": "resolved"}])).await;
    for (body, error) in [
        (json!([]), "The 'roomId' param is required"),
        (json!({"sla": "Gold"}), "The 'roomId' param is required"),
        (
            json!({"roomId": "nowhere", "sla": "Gold"}),
            "error-invalid-inquiry",
        ),
        (
            json!({"roomId": "room2", "sla": "Gold"}),
            "error-invalid-inquiry",
        ),
        (
            json!({"roomId": "room1", "sla": "Silver"}),
            "error-invalid-sla",
        ),
        (json!({"roomId": "room1"}), "error-invalid-sla"),
    ] {
        let refused = agent.put(INQUIRY, &body).await;
        let expected = json!({"success": false, "error": error});
        refused.assert_is(400, &expected.to_string());
    }
    for sla in [policy.clone(), json!("Gold")] {
        let body = json!({"roomId": "room1", "sla": sla, "more": 1});
        let set = agent.put(INQUIRY, &body).await;
        set.assert_is(200, r#"{"success":true}"#);
    }
    let read = caller
        .get(&format!("{}/room1?events=true", team.tickets()))
        .await
        .json();
    let data = &read["data"];
    assert_eq!(data["plan"]["policyId"], policy);
    assert_eq!(data["plan"]["targets"], json!({"firstResponse": 15}));
    assert_eq!(data["firstResponse"]["targetMinutes"], 15);
    // A plan without a target for a metric leaves its open cycle as it is.
    assert_eq!(data["resolution"]["targetMinutes"], 240);
    assert_eq!(data["events"][1]["type"], "policy_assigned");
    assert_eq!(data["events"][1]["policyId"], policy);
}
