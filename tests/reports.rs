//! Reports and recalculations: what was counted, what an edit would move, and that both add up.

use std::collections::BTreeMap;

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use local::stack::Stack;
use local::table;
use serde_json::{Value, json};
use shared::domain::principal::Plan;

use crate::actors::{Actor, POLICIES, Team};
use crate::notices::{run, team_with_rule, ticket};
use crate::world;

crate::stories![
    a_report_counts_each_target_once_before_and_after_it_is_summed_up,
    a_late_event_and_a_deletion_change_the_numbers_of_a_past_day,
    days_are_those_of_the_time_zone,
    a_breach_is_counted_when_the_sweep_reports_it,
    facts_of_so_many_days_at_once_are_left_to_the_sweep,
    the_facts_behind_a_report_are_listed_page_by_page_and_filtered,
    the_facts_are_a_table_that_a_spreadsheet_does_not_execute,
    a_report_is_a_page_that_needs_nothing_else,
    what_makes_no_report_is_refused,
    an_edit_moves_open_tickets_only_when_they_are_recalculated,
    a_recalculation_that_makes_a_breach_untrue_withdraws_it,
    a_dry_run_takes_drafts_and_writes_nothing,
    a_recalculation_does_exactly_what_the_dry_run_said,
    a_recalculation_goes_on_where_it_ended,
    what_makes_no_recalculation_is_refused,
];

const DAY: &str = "from=2026-03-02&to=2026-03-02";

impl Team {
    fn report(&self, query: &str) -> String {
        format!("/api/v1/teams/{}/sla/report?{query}", self.id)
    }

    fn cycles(&self, query: &str) -> String {
        format!("/api/v1/teams/{}/sla/cycles?{query}", self.id)
    }

    fn recalculations(&self) -> String {
        format!("/api/v1/teams/{}/sla/recalculations", self.id)
    }

    fn ticket(&self, id: &str) -> String {
        format!("/api/v1/teams/{}/sla/tickets/{id}", self.id)
    }
}

/// A team with tickets of the second of March: one in time, one that was late twice, one that was
/// cancelled. The targets are half an hour and an hour, around the clock.
async fn team_with_history(stack: &'static Stack) -> (Team, Actor, String) {
    let (team, caller, rule) = team_with_rule(stack).await;
    let event = |at: &str, kind: &str| json!({"at": at, "type": kind});
    for (id, created_at, events) in [
        (
            "T-1",
            "2026-03-02T09:00:00Z",
            vec![
                event("2026-03-02T09:10:00Z", "agent_reply"),
                event("2026-03-02T09:50:00Z", "resolved"),
            ],
        ),
        (
            "T-2",
            "2026-03-02T09:00:00Z",
            vec![
                event("2026-03-02T09:40:00Z", "agent_reply"),
                event("2026-03-02T23:30:00Z", "resolved"),
            ],
        ),
        (
            "T-3",
            "2026-03-02T10:00:00Z",
            vec![event("2026-03-02T10:05:00Z", "cancelled")],
        ),
    ] {
        let body = json!({"id": id, "createdAt": created_at, "events": events});
        ticket(&team, &caller, body).await;
    }
    (team, caller, rule)
}

fn report(from: &str, to: &str, zone: &str, group_by: &str, rows: Value, totals: Value) -> String {
    format!(
        r#"{{"success":true,"data":{{"from":"{from}","to":"{to}","timeZone":"{zone}","groupBy":"{group_by}","rows":{rows},"totals":{totals}}}}}"#
    )
}

/// The rows of the second of March, with the members that groups add before them.
fn numbers(group: Option<&str>) -> Value {
    let rows = json!([
        {"metric": "firstResponse", "achieved": 1, "breached": 1, "cancelled": 1, "open": 0,
            "achievedPercent": 50.0, "averageSeconds": 1_500, "p50Seconds": 600, "p90Seconds": 2_400,
            "p95Seconds": 2_400},
        {"metric": "resolution", "achieved": 1, "breached": 1, "cancelled": 1, "open": 0,
            "achievedPercent": 50.0, "averageSeconds": 27_600, "p50Seconds": 3_000,
            "p90Seconds": 52_200, "p95Seconds": 52_200},
    ]);
    let rows = rows.as_array().unwrap().iter().map(|row| {
        let mut members = serde_json::Map::new();
        members.extend(group.map(|group| ("group".to_owned(), json!(group))));
        members.extend(row.as_object().unwrap().clone());
        Value::Object(members)
    });
    rows.collect()
}

/// The same numbers, where a percentile need only be within 1 %.
fn assert_near(body: &str, expected: &str) {
    let near = |found: &Value, expected: &Value| match (found.as_f64(), expected.as_f64()) {
        (Some(found), Some(expected)) => (found - expected).abs() <= expected / 100.0,
        _ => found == expected,
    };
    let flat = |text: &str| {
        let mut flat = BTreeMap::new();
        let value: Value = serde_json::from_str(text).unwrap();
        flatten("", &value, &mut flat);
        flat
    };
    let (found, wanted) = (flat(body), flat(expected));
    assert_eq!(
        Vec::from_iter(found.keys()),
        Vec::from_iter(wanted.keys()),
        "{body}"
    );
    for (place, value) in &found {
        let exact = !place.ends_with("Seconds") || place.ends_with("averageSeconds");
        let same = if exact {
            *value == wanted[place]
        } else {
            near(value, &wanted[place])
        };
        assert!(same, "{place} is {value}, not {}", wanted[place]);
    }
}

fn flatten(at: &str, value: &Value, flat: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                flatten(&format!("{at}/{name}"), value, flat);
            }
        }
        Value::Array(values) => {
            for (index, value) in values.iter().enumerate() {
                flatten(&format!("{at}/{index}"), value, flat);
            }
        }
        value => drop(flat.insert(at.to_owned(), value.clone())),
    }
}

async fn a_report_counts_each_target_once_before_and_after_it_is_summed_up() {
    let (team, caller, rule) = team_with_history(world::stack()).await;
    for moved in [false, true] {
        if moved {
            run(team.stack, "SummaryUpdate").await;
        }
        for (group_by, group) in [
            ("day", "2026-03-02"),
            ("week", "2026-W10"),
            ("month", "2026-03"),
            ("priority", "urgent"),
            ("rule", rule.as_str()),
        ] {
            let query = format!("{DAY}&groupBy={group_by}");
            let found = caller.get(&team.report(&query)).await;
            assert_eq!(found.header("vary"), Some("accept"));
            let (rows, totals) = (numbers(Some(group)), numbers(None));
            let day = "2026-03-02";
            assert_near(
                &found.body,
                &report(day, day, "UTC", group_by, rows, totals),
            );
        }
    }
    let empty = report(
        "2026-03-03",
        "2026-03-03",
        "UTC",
        "day",
        json!([]),
        json!([]),
    );
    let next_day = caller
        .get(&team.report("from=2026-03-03&to=2026-03-03"))
        .await;
    next_day.assert_is(200, &empty);
    // Unless it says otherwise, a report is of thirty days, up to today.
    let today = Timestamp::now().to_string();
    let default = caller.get(&team.report("")).await.json();
    assert_eq!(default["data"]["to"], today[..10]);
    let of_others = Team::on(team.stack, Plan::Premium).await;
    let others = of_others.secret_key().await;
    let nothing = others.get(&of_others.report("groupBy=metric")).await.json();
    assert_eq!(nothing["data"]["rows"], json!([]));
}

/// The numbers of a metric on a day: achieved, breached, cancelled, open.
async fn count(team: &Team, caller: &Actor, query: &str, metric: &str) -> [u64; 4] {
    let report = caller.get(&team.report(query)).await.json();
    let totals = report["data"]["totals"].as_array().unwrap().clone();
    let total = totals.into_iter().find(|total| total["metric"] == metric);
    let total = total.unwrap_or_default();
    ["achieved", "breached", "cancelled", "open"].map(|name| total[name].as_u64().unwrap_or(0))
}

async fn a_late_event_and_a_deletion_change_the_numbers_of_a_past_day() {
    let (team, caller, _rule) = team_with_history(world::stack()).await;
    let stack = team.stack;
    run(stack, "SummaryUpdate").await;
    let first = "firstResponse";
    assert_eq!(count(&team, &caller, DAY, first).await, [1, 1, 1, 0]);
    // The reply was in time after all: this is its first report.
    let late = json!({"at": "2026-03-02T09:05:00Z", "type": "agent_reply"});
    let events = format!("{}/events", team.ticket("T-2"));
    assert_eq!(caller.post(&events, &late).await.status, 201);
    assert_eq!(count(&team, &caller, DAY, first).await, [2, 0, 1, 0]);
    run(stack, "SummaryUpdate").await;
    assert_eq!(count(&team, &caller, DAY, first).await, [2, 0, 1, 0]);
    for id in ["T-1", "T-2", "T-3"] {
        assert_eq!(caller.delete(&team.ticket(id)).await.status, 200);
    }
    let nothing = report(
        "2026-03-02",
        "2026-03-02",
        "UTC",
        "day",
        json!([]),
        json!([]),
    );
    caller.get(&team.report(DAY)).await.assert_is(200, &nothing);
    let facts = caller.get(&team.cycles(DAY)).await;
    facts.assert_is(200, r#"{"success":true,"data":[]}"#);
    run(stack, "SummaryUpdate").await;
    caller.get(&team.report(DAY)).await.assert_is(200, &nothing);
}

async fn days_are_those_of_the_time_zone() {
    let (team, caller, _rule) = team_with_history(world::stack()).await;
    // At half past eleven in UTC, it is past midnight in Berlin, and still afternoon in New York.
    for (zone, day, expected) in [
        ("UTC", "2026-03-02", [1, 1, 1, 0]),
        ("UTC", "2026-03-03", [0, 0, 0, 0]),
        ("Europe/Berlin", "2026-03-02", [1, 0, 1, 0]),
        ("Europe/Berlin", "2026-03-03", [0, 1, 0, 0]),
        ("america/new_york", "2026-03-02", [1, 1, 1, 0]),
        ("Asia/Kathmandu", "2026-03-03", [0, 1, 0, 0]),
    ] {
        let query = format!("from={day}&to={day}&timeZone={zone}");
        let found = count(&team, &caller, &query, "resolution").await;
        assert_eq!(found, expected, "{zone} {day}");
        let facts = caller
            .get(&team.cycles(&format!("{query}&metric=resolution")))
            .await;
        let facts = facts.json()["data"].as_array().unwrap().len() as u64;
        assert_eq!(facts, expected.iter().sum::<u64>(), "{zone} {day}");
    }
    let spelled = caller
        .get(&team.report("timeZone=america/new_york"))
        .await
        .json();
    assert_eq!(spelled["data"]["timeZone"], "America/New_York");
}

async fn a_breach_is_counted_when_the_sweep_reports_it() {
    let (stack, _turn) = world::sweeping_stack().await;
    let team = Team::on(stack, Plan::Premium).await;
    let (caller, manager) = (team.secret_key().await, team.livechat_manager().await);
    // A day and an hour, so that the breach is not on the day on which the only cycle began.
    let policy = json!({"name": "Slow", "description": "", "dueTimeInMinutes": 25 * 60});
    manager.post(POLICIES, &policy).await.id();
    // Three seconds before the target is used up.
    let created_at = Timestamp::now() - SignedDuration::from_secs(25 * 3_600 - 3);
    let body = json!({"id": "room", "createdAt": created_at.to_string()});
    ticket(&team, &caller, body).await;
    let set = json!({"roomId": "room", "sla": "Slow"});
    let set = manager.put("/api/v1/livechat/inquiry.setSLA", &set).await;
    set.assert_is(200, r#"{"success":true}"#);
    let first = "firstResponse";
    assert_eq!(count(&team, &caller, "", first).await, [0, 0, 0, 1]);
    let breach = created_at + SignedDuration::from_hours(25);
    crate::notices::breach(stack, (&team, &caller), 1, breach).await;
    assert_eq!(count(&team, &caller, "", first).await, [0, 1, 0, 0]);
    run(stack, "SummaryUpdate").await;
    assert_eq!(count(&team, &caller, "", first).await, [0, 1, 0, 0]);
}

async fn facts_of_so_many_days_at_once_are_left_to_the_sweep() {
    let (stack, _turn) = world::sweeping_stack().await;
    let team = Team::on(stack, Plan::Premium).await;
    let caller = team.secret_key().await;
    let rule = json!({"name": "R", "priority": "urgent", "responseTarget": 60, "resolutionTarget": 60,
        "nextResponseTarget": 60});
    caller.post(&team.rules(), &rule).await.id();
    // A question and its answer on each of 48 days: a write changes the facts of forty.
    let start: Timestamp = "2026-03-02T09:00:00Z".parse().unwrap();
    let mut events = vec![json!({"type": "agent_reply", "at": start})];
    for day in 1..=48 {
        let asked = start + SignedDuration::from_hours(24 * day);
        events.push(json!({"type": "customer_reply", "at": asked}));
        events.push(json!({"type": "agent_reply", "at": asked + SignedDuration::from_mins(5)}));
    }
    let body = json!({"id": "long", "createdAt": start, "events": events});
    ticket(&team, &caller, body).await;
    let span = "from=2026-03-01&to=2026-05-31";
    let next = "nextResponse";
    assert_eq!(count(&team, &caller, span, next).await, [39, 0, 0, 0]);
    run(stack, "BreachSweep").await;
    assert_eq!(count(&team, &caller, span, next).await, [48, 0, 0, 0]);
    run(stack, "SummaryUpdate").await;
    assert_eq!(count(&team, &caller, span, next).await, [48, 0, 0, 0]);
    assert_eq!(caller.delete(&team.ticket("long")).await.status, 200);
    assert_eq!(count(&team, &caller, span, next).await, [0; 4]);
    let facts = caller.get(&team.cycles(span)).await;
    facts.assert_is(200, r#"{"success":true,"data":[]}"#);
}

/// The cycles of the second of March, as the API has them: the start, the due date, the breach if there
/// was one, and the stop of each.
fn facts_of_history(rule: &str) -> Vec<String> {
    let cycles = [
        (
            "T-1",
            "firstResponse",
            "achieved",
            ["09:00", "09:30", "09:10"],
            "agent_reply",
            600,
        ),
        (
            "T-1",
            "resolution",
            "achieved",
            ["09:00", "10:00", "09:50"],
            "resolved",
            3_000,
        ),
        (
            "T-2",
            "firstResponse",
            "breached",
            ["09:00", "09:30", "09:40"],
            "agent_reply",
            2_400,
        ),
        (
            "T-2",
            "resolution",
            "breached",
            ["09:00", "10:00", "23:30"],
            "resolved",
            52_200,
        ),
        (
            "T-3",
            "firstResponse",
            "cancelled",
            ["10:00", "10:30", "10:05"],
            "cancelled",
            300,
        ),
        (
            "T-3",
            "resolution",
            "cancelled",
            ["10:00", "11:00", "10:05"],
            "cancelled",
            300,
        ),
    ];
    let facts = cycles.map(|(ticket, metric, status, instants, stopped_by, seconds)| {
        let [started_at, due_at, stopped_at] = instants.map(|time| format!("2026-03-02T{time}:00Z"));
        let minutes = if metric == "resolution" { 60 } else { 30 };
        // Around the clock, a breach is at the due date.
        let breach = match status {
            "breached" => format!(r#""breachedAt":"{due_at}","#),
            _ => String::new(),
        };
        format!(
            r#"{{"ticketId":"{ticket}","metric":"{metric}","cycle":1,"status":"{status}","priority":"urgent","ruleId":"{rule}","targetMinutes":{minutes},"startedAt":"{started_at}","dueAt":"{due_at}",{breach}"stoppedAt":"{stopped_at}","stoppedBy":"{stopped_by}","elapsedSeconds":{seconds}}}"#
        )
    });
    facts.to_vec()
}

async fn the_facts_behind_a_report_are_listed_page_by_page_and_filtered() {
    let (team, caller, rule) = team_with_history(world::stack()).await;
    let facts = facts_of_history(&rule);
    let all = |facts: &[String]| format!(r#"{{"success":true,"data":[{}]}}"#, facts.join(","));
    caller
        .get(&team.cycles(DAY))
        .await
        .assert_is(200, &all(&facts));
    for (filter, wanted) in [
        ("metric=firstResponse", vec![0, 2, 4]),
        ("status=breached,cancelled", vec![2, 3, 4, 5]),
        ("priority=urgent&status=achieved", vec![0, 1]),
        ("priority=low", vec![]),
        ("ruleId=sla_of_nobody", vec![]),
    ] {
        let wanted: Vec<String> = wanted
            .into_iter()
            .map(|n: usize| facts[n].clone())
            .collect();
        let found = caller.get(&team.cycles(&format!("{DAY}&{filter}"))).await;
        found.assert_is(200, &all(&wanted));
    }
    for limit in [1, 2, 4, 5] {
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = caller
                .get(&team.cycles(&format!("{DAY}&limit={limit}{cursor}")))
                .await
                .json();
            let rows = page["data"].as_array().unwrap();
            assert!(rows.len() <= limit);
            found.extend(rows.iter().map(Value::to_string));
            match page["nextCursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(found, facts, "{limit} a page");
    }
}

async fn the_facts_are_a_table_that_a_spreadsheet_does_not_execute() {
    let (team, caller, rule) = team_with_rule(world::stack()).await;
    let events = json!([{"at": "2026-03-02T09:10:00Z", "type": "agent_reply"}]);
    let body = json!({"id": "-1", "createdAt": "2026-03-02T09:00:00Z", "events": events});
    ticket(&team, &caller, body).await;
    let reader = caller.with("accept", "text/csv");
    let path = team.cycles("from=2026-03-02&to=2026-03-02&limit=1");
    let first = reader.get(&path).await;
    let expected = format!(
        "ticketId,metric,cycle,status,priority,ruleId,policyId,targetMinutes,startedAt,dueAt,breachedAt,\
         stoppedAt,stoppedBy,elapsedSeconds\r\n\
         '-1,firstResponse,1,achieved,urgent,{rule},,30,2026-03-02T09:00:00Z,2026-03-02T09:30:00Z,,\
         2026-03-02T09:10:00Z,agent_reply,600\r\n"
    );
    assert_eq!(
        (first.status, first.body.as_str()),
        (200, expected.as_str())
    );
    assert_eq!(
        first.header("content-type"),
        Some("text/csv; charset=utf-8; header=present")
    );
    let link = first.header("link").expect("a next page");
    let next = link.trim_start_matches('<').split('>').next().unwrap();
    assert_eq!(link, format!("<{next}>; rel=\"next\""));
    let second = reader.get(next).await;
    let expected = format!(
        "'-1,resolution,1,breached,urgent,{rule},,60,2026-03-02T09:00:00Z,2026-03-02T10:00:00Z,\
         2026-03-02T10:00:00Z,,,\r\n"
    );
    assert_eq!(
        (second.status, second.body.as_str()),
        (200, expected.as_str())
    );
    assert_eq!(
        second.header("content-type"),
        Some("text/csv; charset=utf-8; header=absent")
    );
    assert_eq!(second.header("link"), None);
}

async fn a_report_is_a_page_that_needs_nothing_else() {
    let (team, caller, _rule) = team_with_history(world::stack()).await;
    let browser = caller.with(
        "accept",
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    );
    let page = browser
        .get(&team.report(&format!("{DAY}&groupBy=priority")))
        .await;
    assert_eq!(page.status, 200);
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(page.header("vary"), Some("accept"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.starts_with("default-src 'none'; style-src 'sha256-"),
        "{policy}"
    );
    for absent in ["<script", "http://", "https://", "src=", "style=\""] {
        assert!(!page.body.contains(absent), "{absent}");
    }
    for row in [
        "<th scope=\"row\">First response</th><td>1</td><td>1</td><td>50.00</td><td>1</td><td>0</td>\
         <td>25 min</td><td>10 min</td>",
        "<th scope=\"row\">urgent</th><td>1</td><td>1</td><td>50.00</td><td>1</td><td>0</td>\
         <td>7 h 40 min</td>",
        "<svg",
    ] {
        assert!(page.body.contains(row), "{row}\n{}", page.body);
    }
    // A program that takes anything gets JSON.
    for accept in [
        "*/*",
        "application/json",
        "text/html;q=0.5,application/json",
    ] {
        let answer = caller.with("accept", accept).get(&team.report(DAY)).await;
        assert_eq!(
            answer.header("content-type"),
            Some("application/json"),
            "{accept}"
        );
    }
}

async fn what_makes_no_report_is_refused() {
    let team = Team::new().await;
    let caller = team.secret_key().await;
    let words = "day, week, month, priority, rule, metric";
    for (query, param, message) in [
        (
            "from=2026-3-2",
            "from",
            "must be a date as YYYY-MM-DD".to_owned(),
        ),
        (
            "to=2026-02-30",
            "to",
            "must be a date as YYYY-MM-DD".to_owned(),
        ),
        (
            "to=1999-12-31",
            "to",
            "must be from 2000-01-01 to 9999-12-28".to_owned(),
        ),
        (
            "from=2026-03-02&to=2026-03-01",
            "to",
            "must not be before 'from'".to_owned(),
        ),
        (
            "from=2025-03-02&to=2026-03-03",
            "to",
            "must be at most 365 days after 'from'".to_owned(),
        ),
        ("groupBy=year", "groupBy", format!("must be one of {words}")),
        (
            "timeZone=Berlin",
            "timeZone",
            "must be an IANA time zone name, such as Europe/Berlin".to_owned(),
        ),
    ] {
        let message = format!("The '{param}' field {message}.");
        let refused = caller.get(&team.report(query)).await;
        refused.assert_violation(param, "parameter_invalid", &message);
    }
    for (query, param, message) in [
        ("limit=1001", "limit", "must be an integer from 1 to 1000"),
        (
            "status=late",
            "status",
            "must be one or more of achieved, breached, cancelled, open, with commas",
        ),
        (
            "metric=sla",
            "metric",
            "must be one of firstResponse, nextResponse, resolution",
        ),
        (
            "priority=p1",
            "priority",
            "must be one of low, normal, high, urgent",
        ),
        (
            "cursor=abc",
            "cursor",
            "must be the 'nextCursor' of an earlier response",
        ),
        // A place of another list.
        (
            "from=2026-03-02&to=2026-03-02&cursor=MjAyNi0wMy0wNSNULTEj",
            "cursor",
            "must be the 'nextCursor' of an earlier response",
        ),
    ] {
        let message = format!("The '{param}' field {message}.");
        let refused = caller.get(&team.cycles(query)).await;
        refused.assert_violation(param, "parameter_invalid", &message);
    }
}

/// A recalculation, which succeeds.
async fn recalculate(team: &Team, caller: &Actor, body: Value) -> Value {
    let done = caller.post(&team.recalculations(), &body).await;
    assert_eq!(done.status, 200, "{}", done.body);
    done.json()["data"].clone()
}

async fn an_edit_moves_open_tickets_only_when_they_are_recalculated() {
    let (team, caller, rule) = team_with_rule(world::stack()).await;
    let created_at = Timestamp::now() - SignedDuration::from_mins(10);
    let due = |minutes| (created_at + SignedDuration::from_mins(minutes)).to_string();
    let body = json!({"id": "T-1", "createdAt": created_at.to_string()});
    let path = ticket(&team, &caller, body).await;
    let change = json!({"responseTarget": 5, "resolutionTarget": 90});
    let rule_path = format!("{}/{rule}", team.rules());
    assert_eq!(caller.patch(&rule_path, &change).await.status, 200);
    let stays = caller.get(&path).await.json();
    assert_eq!(stays["data"]["firstResponse"]["dueAt"], due(30));

    let expected = json!({"examined": 1, "changed": 1, "items": [
        {"ticketId": "T-1", "metric": "firstResponse",
            "from": {"dueAt": due(30), "status": "active"},
            "to": {"dueAt": due(5), "status": "breached"}},
        {"ticketId": "T-1", "metric": "resolution",
            "from": {"dueAt": due(60), "status": "active"},
            "to": {"dueAt": due(90), "status": "active"}},
    ]});
    let of_rule = json!({"dryRun": true, "ruleId": rule});
    assert_eq!(recalculate(&team, &caller, of_rule).await, expected);
    let stays = caller.get(&path).await.json();
    assert_eq!(stays["data"]["firstResponse"]["dueAt"], due(30));

    let written = json!({"dryRun": false, "priority": "urgent"});
    assert_eq!(recalculate(&team, &caller, written.clone()).await, expected);
    let moved = caller.get(&format!("{path}?events=true")).await.json();
    let first = &moved["data"]["firstResponse"];
    assert_eq!(
        (&first["breachedAt"], &first["status"]),
        (&json!(due(5)), &json!("breached"))
    );
    assert_eq!(moved["data"]["plan"]["version"], 2);
    assert_eq!(moved["data"]["events"][0]["type"], "recalculated");
    let feed = crate::notices::feed(&team, &caller).await;
    let reported = feed.iter().map(|notice| &notice["data"]["at"]);
    assert_eq!(Vec::from_iter(reported), [&json!(due(5))]);

    // Once more, there is nothing left to do.
    let nothing = json!({"examined": 1, "changed": 0, "items": []});
    assert_eq!(recalculate(&team, &caller, written).await, nothing);
    for other in [
        json!({"dryRun": true, "priority": "low"}),
        json!({"dryRun": true, "ruleId": format!("sla_{}", "0".repeat(32))}),
        json!({"dryRun": true, "calendarId": format!("cal_{}", "0".repeat(32))}),
    ] {
        let nothing = json!({"examined": 0, "changed": 0, "items": []});
        assert_eq!(recalculate(&team, &caller, other).await, nothing);
    }
}

async fn a_recalculation_that_makes_a_breach_untrue_withdraws_it() {
    let (team, caller, rule) = team_with_rule(world::stack()).await;
    let rule_path = format!("{}/{rule}", team.rules());
    let change = json!({"responseTarget": 29 * 60, "resolutionTarget": 100 * 60});
    caller.patch(&rule_path, &change).await;
    // In breach for an hour, not on the day on which the cycle began.
    let created_at = Timestamp::now() - SignedDuration::from_hours(30);
    ticket(&team, &caller, json!({"createdAt": created_at.to_string()})).await;
    caller
        .patch(&rule_path, &json!({"responseTarget": 31 * 60}))
        .await;
    recalculate(&team, &caller, json!({"dryRun": false})).await;
    let feed = crate::notices::feed(&team, &caller).await;
    let types = feed.iter().map(|notice| notice["type"].as_str().unwrap());
    assert_eq!(
        Vec::from_iter(types),
        ["sla.breached", "sla.warning", "sla.withdrawn"]
    );
    assert_eq!(
        count(&team, &caller, "", "firstResponse").await,
        [0, 0, 0, 1]
    );
}

/// On a service of its own, so that every recorded call is this story's.
async fn a_dry_run_takes_drafts_and_writes_nothing() {
    let (stack, _turn) = world::exclusive_stack().await;
    let (team, caller, rule) = team_with_rule(stack).await;
    let office = json!({"name": "Office", "timeZone": "UTC",
        "hours": {"monday": [["09:00", "17:00"]]}, "default": true});
    let office = caller.post(&team.calendars(), &office).await.id();
    ticket(
        &team,
        &caller,
        json!({"id": "T-1", "createdAt": "2026-03-02T09:00:00Z"}),
    )
    .await;
    let wire = stack.wire().expect("a recording stack");
    let before = table::items(stack.dynamodb())
        .await
        .expect("the items")
        .len();
    drop(wire.take());
    let dry_run = |draft: Value| json!({"dryRun": true, "draft": draft});
    let resolution = |due_at: &str| {
        json!({"ticketId": "T-1", "metric": "resolution",
            "from": {"dueAt": "2026-03-02T10:00:00Z", "status": "breached"},
            "to": {"dueAt": due_at, "status": "breached"}})
    };
    // The rule as it would be with office hours, which the draft of the calendar shortens.
    let drafts = json!({
        "rules": [{"id": rule, "resolutionTarget": 120, "businessHoursOnly": true}],
        "calendars": [{"id": office, "hours": {"monday": [["09:00", "10:00"]]}}],
    });
    let found = recalculate(&team, &caller, dry_run(drafts)).await;
    let expected =
        json!({"examined": 1, "changed": 1, "items": [resolution("2026-03-09T10:00:00Z")]});
    assert_eq!(found, expected);
    // A new calendar that would be the default.
    let drafts = json!({
        "rules": [{"id": rule, "businessHoursOnly": true}],
        "calendars": [{"name": "Late", "timeZone": "UTC", "default": true,
            "hours": {"monday": [["12:00", "13:00"]]}}],
    });
    let found = recalculate(&team, &caller, dry_run(drafts)).await;
    assert_eq!(found["items"][1], resolution("2026-03-02T13:00:00Z"));
    // A new rule is the youngest: it applies only if no other one does.
    let new =
        json!({"name": "New", "priority": "urgent", "responseTarget": 1, "resolutionTarget": 2});
    let found = recalculate(&team, &caller, dry_run(json!({"rules": [new]}))).await;
    assert_eq!(found, json!({"examined": 1, "changed": 0, "items": []}));
    let drafts = json!({"rules": [{"id": rule, "enabled": false}, new]});
    let found = recalculate(&team, &caller, dry_run(drafts)).await;
    assert_eq!(found["items"][1], resolution("2026-03-02T09:02:00Z"));

    let calls = wire.take();
    let writes: Vec<&str> = calls
        .iter()
        .map(|call| call.operation.as_str())
        .filter(|operation| !["BatchGetItem", "GetItem", "Query"].contains(operation))
        .collect();
    // The admission counts the call; nothing else is written.
    assert_eq!(writes, ["UpdateItem"; 4]);
    let after = table::items(stack.dynamodb())
        .await
        .expect("the items")
        .len();
    assert_eq!(after, before);
}

async fn a_recalculation_does_exactly_what_the_dry_run_said() {
    let mut random = Rng::with_seed(11);
    let stack = world::stack();
    for round in 0..6 {
        let team = Team::on(stack, Plan::Premium).await;
        let caller = team.secret_key().await;
        let office = |end: u32| {
            let day = json!([["09:00", format!("{end}:00")]]);
            json!({"name": "Office", "timeZone": "Europe/Berlin", "hours": {"monday": day,
                "tuesday": day, "wednesday": day, "saturday": day, "sunday": day}})
        };
        let calendar = caller.post(&team.calendars(), &office(17)).await.id();
        let mut rules = Vec::new();
        for priority in ["low", "high"] {
            let rule = json!({"name": priority, "priority": priority, "responseTarget": 30,
                "resolutionTarget": 600, "nextResponseTarget": 60, "businessHoursOnly": true,
                "calendarId": calendar});
            rules.push(caller.post(&team.rules(), &rule).await.id());
        }
        for number in 0..12 {
            let hours = random.u32(1..60);
            let created_at = Timestamp::now() - SignedDuration::from_hours(i64::from(hours));
            let kinds = [
                "agent_reply",
                "customer_reply",
                "paused",
                "resumed",
                "resolved",
                "reopened",
            ];
            let events = (0..random.usize(0..6)).map(|_| {
                let at =
                    created_at + SignedDuration::from_mins(random.i64(1..i64::from(hours) * 60));
                json!({"at": at.to_string(), "type": random.choice(kinds)})
            });
            let events: Vec<Value> = events.collect();
            let priority = random.choice(["low", "high", "normal"]);
            let body = json!({"id": format!("T-{number}"), "priority": priority,
                "createdAt": created_at.to_string(), "events": events});
            ticket(&team, &caller, body).await;
        }
        let rule =
            json!({"responseTarget": random.u32(1..60), "resolutionTarget": random.u32(60..900)});
        let calendar_change = json!({"hours": office(random.u32(12..24))["hours"]});
        let with_id = |id: &str, members: &Value| {
            let mut draft = json!({"id": id});
            draft
                .as_object_mut()
                .unwrap()
                .extend(members.as_object().unwrap().clone());
            draft
        };
        let draft = json!({"rules": [with_id(&rules[0], &rule)],
            "calendars": [with_id(&calendar, &calendar_change)]});
        let said = recalculate(&team, &caller, json!({"dryRun": true, "draft": draft})).await;
        let edits = [
            caller
                .patch(&format!("{}/{}", team.rules(), rules[0]), &rule)
                .await
                .status,
            caller
                .patch(
                    &format!("{}/{calendar}", team.calendars()),
                    &calendar_change,
                )
                .await
                .status,
        ];
        assert_eq!(edits, [200, 200]);
        let said_again = recalculate(&team, &caller, json!({"dryRun": true})).await;
        assert_eq!(said_again, said, "round {round}");
        assert_ne!(said["changed"], 0, "round {round}");
        let done = recalculate(&team, &caller, json!({"dryRun": false})).await;
        assert_eq!(done, said, "round {round}");
        for item in done["items"].as_array().unwrap() {
            let path = team.ticket(item["ticketId"].as_str().unwrap());
            let found = caller.get(&path).await.json();
            let metric = &found["data"][item["metric"].as_str().unwrap()];
            for member in ["dueAt", "status"] {
                assert_eq!(metric[member], item["to"][member], "{item} {found}");
            }
        }
    }
}

async fn a_recalculation_goes_on_where_it_ended() {
    let (team, caller, rule) = team_with_rule(world::stack()).await;
    let now = Timestamp::now();
    for number in 0..3_i64 {
        let created_at = now - SignedDuration::from_secs(number);
        let body = json!({"id": format!("T-{number}"), "createdAt": created_at.to_string()});
        ticket(&team, &caller, body).await;
    }
    caller
        .patch(
            &format!("{}/{rule}", team.rules()),
            &json!({"responseTarget": 40}),
        )
        .await;
    // The list of open tickets has the same places.
    let list = format!("/api/v1/teams/{}/sla/tickets?limit=1", team.id);
    let first = caller.get(&list).await.json();
    assert_eq!(first["data"][0]["id"], "T-2");
    let body = json!({"dryRun": true, "cursor": first["nextCursor"]});
    let rest = recalculate(&team, &caller, body).await;
    let tickets = rest["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["ticketId"].as_str());
    assert_eq!(tickets.flatten().collect::<Vec<_>>(), ["T-1", "T-0"]);
    assert_eq!(rest["examined"], 2);
}

async fn what_makes_no_recalculation_is_refused() {
    let (team, caller, rule) = team_with_rule(world::stack()).await;
    let nobody = format!("cal_{}", "0".repeat(32));
    let missing = caller.post(&team.recalculations(), &json!({})).await;
    missing.assert_violation(
        "dryRun",
        "parameter_missing",
        "The 'dryRun' field is required.",
    );
    for (body, param, message) in [
        (
            json!({"dryRun": false, "draft": {}}),
            "draft",
            "The 'draft' field must be absent unless 'dryRun' is true.",
        ),
        (
            json!({"dryRun": true, "draft": []}),
            "draft",
            "The 'draft' field must be an object with 'rules', 'calendars' or both.",
        ),
        (
            json!({"dryRun": true, "draft": {"rules": [1]}}),
            "draft.rules[0]",
            "The 'draft.rules[0]' field must be an object.",
        ),
        (
            json!({"dryRun": true, "draft": {"rules": [{"id": rule, "responseTarget": 0}]}}),
            "draft.rules[0].responseTarget",
            "The 'draft.rules[0].responseTarget' field must be an integer from 1 to 525600.",
        ),
        (
            json!({"dryRun": true, "draft": {"rules": [{"id": rule, "calendarId": nobody}]}}),
            "draft.rules[0].calendarId",
            "The 'draft.rules[0].calendarId' field must be the id of one of the team's calendars.",
        ),
        (
            json!({"dryRun": true, "draft": {"calendars": [{"id": nobody}]}}),
            "draft.calendars[0].id",
            "The 'draft.calendars[0].id' field must be the id of one of the team's calendars.",
        ),
        (
            json!({"dryRun": true, "cursor": "Y2xvc2Vk"}),
            "cursor",
            "The 'cursor' field must be the 'nextCursor' of an earlier response.",
        ),
    ] {
        let refused = caller.post(&team.recalculations(), &body).await;
        refused.assert_violation(param, "parameter_invalid", message);
    }
}
