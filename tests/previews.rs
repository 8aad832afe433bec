//! Previews: when would a ticket be due, and why?

use std::collections::BTreeMap;

use local::{stack::Stack, table};
use serde_json::{Value, json};
use shared::domain::principal::Plan;

use crate::actors::{Actor, Response, Team};
use crate::faults::breakable_stack;

crate::stories![
    the_reference_cases_hold_through_the_api,
    a_preview_includes_a_trace,
    the_oldest_enabled_rule_of_the_priority_is_applied,
    the_most_specific_calendar_applies,
    the_status_is_reported_as_of_an_instant,
    invalid_previews_are_refused,
    previews_write_nothing,
];

/// The cases that open_time.rs checks without the service.
const CASES: &str = include_str!("open-time.jsonl");

async fn the_reference_cases_hold_through_the_api() {
    let team = Team::new().await;
    let caller = team.secret_key().await;
    let mut counted = 0;
    for line in CASES.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let mut calendar = case["calendar"].clone();
        calendar
            .as_object_mut()
            .unwrap()
            .retain(|_, value| !value.is_null());
        let mut body = json!({"createdAt": case["from"], "calendar": calendar});
        let minutes = case.get("minutes").cloned().unwrap_or(json!(1));
        body["responseTarget"] = minutes.clone();
        body["resolutionTarget"] = minutes;
        if let Some(to) = case.get("to") {
            body["asOf"] = to.clone();
        }
        let response = caller.post(&team.preview(), &body).await;
        let body = response.json();
        assert_eq!(response.status, 200, "{line}: {body}");
        assert_eq!(body["data"]["calendar"]["source"], "inline");
        for metric in ["firstResponse", "resolution"] {
            let found = &body["data"][metric];
            if case.get("to").is_some() {
                assert_eq!(found["elapsedSeconds"], case["elapsedSeconds"], "{line}");
            } else {
                let breach = Some(&case["breachAt"]).filter(|at| **at != case["dueAt"]);
                assert_eq!(
                    (&found["dueAt"], found.get("breachAt")),
                    (&case["dueAt"], breach),
                    "{line}"
                );
            }
        }
        counted += 1;
    }
    assert_eq!(counted, 231);
}

async fn a_preview_includes_a_trace() {
    let team = Team::new().await;
    let caller = team.secret_key().await;
    let body = json!({
        "createdAt": "2026-12-23T16:30:00+01:00",
        "responseTarget": 60,
        "resolutionTarget": 210,
        "calendar": {
            "timeZone": "Europe/Berlin",
            "hours": {
                "monday": [["09:00", "17:00"]],
                "wednesday": [["09:00", "17:00"]],
                "thursday": [["09:00", "17:00"]],
            },
            "holidays": ["2026-12-25"],
            "exceptions": {"2026-12-24": [["09:00", "12:00"]]},
        },
        "asOf": "2026-12-24T10:00:00.5Z",
        "trace": true,
    });
    caller.post(&team.preview(), &body).await.assert_is(
        200,
        concat!(
            r#"{"success":true,"data":{"calendar":{"timeZone":"Europe/Berlin","source":"inline"},"#,
            r#""firstResponse":{"targetMinutes":60,"dueAt":"2026-12-24T08:30:00Z","warnAt":"2026-12-24T08:18:00Z","#,
            r#""elapsedSeconds":9000,"remainingSeconds":0,"status":"breached"},"#,
            r#""resolution":{"targetMinutes":210,"dueAt":"2026-12-24T11:00:00Z","breachAt":"2026-12-28T08:00:00Z","#,
            r#""warnAt":"2026-12-24T10:18:00Z","elapsedSeconds":9000,"remainingSeconds":3599,"status":"active"},"#,
            r#""trace":{"firstResponse":[{"from":"2026-12-23T15:30:00Z","to":"2026-12-23T16:00:00Z","seconds":1800},"#,
            r#"{"from":"2026-12-24T08:00:00Z","to":"2026-12-24T08:30:00Z","seconds":1800}],"#,
            r#""resolution":[{"from":"2026-12-23T15:30:00Z","to":"2026-12-23T16:00:00Z","seconds":1800},"#,
            r#"{"from":"2026-12-24T08:00:00Z","to":"2026-12-24T11:00:00Z","seconds":10800}]}}}"#,
        ),
    );
}

async fn the_oldest_enabled_rule_of_the_priority_is_applied() {
    let team = Team::new().await;
    let caller = team.secret_key().await;
    let body = json!({"createdAt": "2026-11-22T09:00:00.25Z", "priority": "high"});
    caller.post(&team.preview(), &body).await.assert_is(
        200,
        r#"{"success":true,"data":{"calendar":{"timeZone":"UTC","source":"none"}}}"#,
    );
    let mut ids = Vec::new();
    for (priority, response, enabled) in [
        ("low", 5, true),
        ("high", 10, false),
        ("high", 20, true),
        ("high", 30, true),
    ] {
        let rule = json!({"name": "r", "priority": priority, "responseTarget": response,
            "resolutionTarget": 60, "enabled": enabled});
        ids.push(caller.post(&team.rules(), &rule).await.id());
    }
    caller.post(&team.preview(), &body).await.assert_is(
        200,
        &format!(
            concat!(
                r#"{{"success":true,"data":{{"ruleId":"{}","calendar":{{"timeZone":"UTC","source":"none"}},"#,
                r#""firstResponse":{{"targetMinutes":20,"dueAt":"2026-11-22T09:20:00.25Z","warnAt":"2026-11-22T09:16:00.25Z"}},"#,
                r#""resolution":{{"targetMinutes":60,"dueAt":"2026-11-22T10:00:00.25Z","warnAt":"2026-11-22T09:48:00.25Z"}}}}}}"#,
            ),
            ids[2]
        ),
    );
}

async fn the_most_specific_calendar_applies() {
    let team = Team::new().await;
    let caller = team.secret_key().await;
    let source = |response: Response| {
        let calendar = response.json()["data"]["calendar"].clone();
        (
            calendar["source"].as_str().unwrap().to_owned(),
            calendar["id"].clone(),
            calendar["timeZone"].clone(),
        )
    };
    let rule = json!({"name": "r", "priority": "high", "responseTarget": 1, "resolutionTarget": 2, "businessHoursOnly": true});
    let rule_path = {
        let created = caller.post(&team.rules(), &rule).await;
        created.header("location").unwrap().to_owned()
    };
    let body = |more: Value| {
        let mut body = json!({"createdAt": "2026-11-22T09:00:00Z", "priority": "high"});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        body
    };
    let path = team.preview();
    let built_in = source(caller.post(&path, &body(json!({}))).await);
    assert_eq!(built_in, ("built-in".to_owned(), Value::Null, json!("UTC")));

    let office = create_calendar(&caller, &team, "Europe/Berlin", true).await;
    let night = create_calendar(&caller, &team, "Asia/Tokyo", false).await;
    let default = source(caller.post(&path, &body(json!({}))).await);
    assert_eq!(
        default,
        ("default".to_owned(), json!(office), json!("Europe/Berlin"))
    );

    caller
        .patch(&rule_path, &json!({"calendarId": night}))
        .await;
    let by_rule = source(caller.post(&path, &body(json!({}))).await);
    assert_eq!(
        by_rule,
        ("rule".to_owned(), json!(night), json!("Asia/Tokyo"))
    );

    let named = source(
        caller
            .post(&path, &body(json!({"calendarId": office})))
            .await,
    );
    assert_eq!(
        named,
        ("inline".to_owned(), json!(office), json!("Europe/Berlin"))
    );
    let around_the_clock = source(
        caller
            .post(&path, &body(json!({"businessHoursOnly": false})))
            .await,
    );
    assert_eq!(
        around_the_clock,
        ("none".to_owned(), Value::Null, json!("UTC"))
    );

    let other = Team::new().await;
    let response = other
        .secret_key()
        .await
        .post(&other.preview(), &body(json!({"calendarId": office})))
        .await;
    let message = "The 'calendarId' field must be the id of one of the team's calendars.";
    response.assert_violation("calendarId", "parameter_invalid", message);
}

async fn create_calendar(caller: &Actor, team: &Team, zone: &str, default: bool) -> String {
    let hours = json!({"monday": [["09:00", "17:00"]]});
    let body = json!({"name": "c", "timeZone": zone, "hours": hours, "default": default});
    caller.post(&team.calendars(), &body).await.id()
}

async fn the_status_is_reported_as_of_an_instant() {
    let team = Team::new().await;
    let caller = team.secret_key().await;
    for (as_of, elapsed, remaining, status) in [
        ("2026-11-22T09:00:00Z", 0, 600, "active"),
        ("2026-11-22T09:07:59.999Z", 479, 120, "active"),
        ("2026-11-22T09:08:00Z", 480, 120, "warning"),
        ("2026-11-22T09:10:00Z", 600, 0, "warning"),
        ("2026-11-22T09:10:00.001Z", 600, 0, "breached"),
        ("2027-11-22T09:00:00Z", 31_536_000, 0, "breached"),
    ] {
        let body = json!({"createdAt": "2026-11-22T09:00:00Z", "responseTarget": 10, "resolutionTarget": 10, "asOf": as_of});
        let response = caller.post(&team.preview(), &body).await.json();
        let found = &response["data"]["firstResponse"];
        let found = (
            &found["elapsedSeconds"],
            &found["remainingSeconds"],
            &found["status"],
        );
        assert_eq!(
            found,
            (&json!(elapsed), &json!(remaining), &json!(status)),
            "{as_of}"
        );
    }
}

async fn invalid_previews_are_refused() {
    let team = Team::new().await;
    let caller = team.secret_key().await;
    let at = "2026-11-22T09:00:00Z";
    let hours = json!({"monday": [["09:00", "17:00"]]});
    let cases = [
        (
            json!({"priority": "high"}),
            "createdAt",
            "parameter_missing",
        ),
        (
            json!({"createdAt": "yesterday", "priority": "high"}),
            "createdAt",
            "parameter_invalid",
        ),
        (
            json!({"createdAt": "2026-11-22T09:00:00", "priority": "high"}),
            "createdAt",
            "parameter_invalid",
        ),
        (
            json!({"createdAt": 5, "priority": "high"}),
            "createdAt",
            "parameter_invalid",
        ),
        (json!({"createdAt": at}), "priority", "parameter_missing"),
        (
            json!({"createdAt": at, "responseTarget": 5}),
            "resolutionTarget",
            "parameter_missing",
        ),
        (
            json!({"createdAt": at, "responseTarget": 5, "resolutionTarget": 4}),
            "resolutionTarget",
            "parameter_invalid",
        ),
        (
            json!({"createdAt": at, "responseTarget": 5, "resolutionTarget": 5, "priority": "high"}),
            "priority",
            "parameter_invalid",
        ),
        (
            json!({"createdAt": at, "priority": "high", "asOf": "2026-11-22T08:59:59Z"}),
            "asOf",
            "parameter_invalid",
        ),
        (
            json!({"createdAt": at, "priority": "high", "trace": "yes"}),
            "trace",
            "parameter_invalid",
        ),
        (
            json!({"createdAt": at, "priority": "high", "calendarId": "cal_x"}),
            "calendarId",
            "parameter_invalid",
        ),
        (
            json!({"createdAt": at, "priority": "high", "calendar": []}),
            "calendar",
            "parameter_invalid",
        ),
        (
            json!({"createdAt": at, "priority": "high", "calendar": {"timeZone": "UTC"}}),
            "calendar.hours",
            "parameter_missing",
        ),
        (
            json!({"createdAt": at, "priority": "high", "calendar": {"timeZone": "UTC", "hours": hours, "name": "x"}}),
            "calendar.name",
            "parameter_unknown",
        ),
        (
            json!({"createdAt": at, "priority": "high", "calendar": {"timeZone": "UTC", "hours": {"monday": [["17:00", "09:00"]]}}}),
            "calendar.hours.monday[0]",
            "parameter_invalid",
        ),
        (
            json!({"createdAt": at, "priority": "high", "nothing": 1}),
            "nothing",
            "parameter_unknown",
        ),
    ];
    for (body, param, code) in cases {
        let response = caller.post(&team.preview(), &body).await;
        let error = response.json()["error"].clone();
        assert_eq!(
            (response.status, &error["param"], &error["code"]),
            (400, &json!(param), &json!(code)),
            "{body}"
        );
    }
    for refused in [
        "2026-11-22 09:00:00Z",
        "20261122T090000Z",
        "2026-11-22T09:00Z",
        "2026-11-22T09:00:00,5Z",
        "2026-11-22T09:00:00.Z",
        "2026-11-22T09:00:00.1234567890Z",
        "2026-11-22T09:00:00+01",
        "2026-11-22T09:00:00+25:00",
        "2026-11-22T09:00:00Z[Europe/Berlin]",
        "-000001-01-01T00:00:00Z",
        "2026-02-30T09:00:00Z",
    ] {
        let body = json!({"createdAt": refused, "priority": "high"});
        let error = caller.post(&team.preview(), &body).await.json()["error"].clone();
        assert_eq!(error["param"], "createdAt", "{refused}: {error}");
    }
    for accepted in [
        "2026-11-22t09:00:00.123456789z",
        "2026-11-22T09:00:00-23:59",
    ] {
        let body = json!({"createdAt": accepted, "priority": "high"});
        assert_eq!(
            caller.post(&team.preview(), &body).await.status,
            200,
            "{accepted}"
        );
    }
    let never = json!({"createdAt": at, "responseTarget": 525_600, "resolutionTarget": 525_600,
        "calendar": {"timeZone": "UTC", "hours": {"monday": [["09:00", "09:01"]]}}});
    let message = "The due date is more than ten years away, or after the year 9999.";
    let response = caller.post(&team.preview(), &never).await;
    response.assert_cstar_error(
        400,
        "invalid_request_error",
        "due_date_out_of_reach",
        message,
        "",
    );
}

/// On a service of its own, so that every recorded call is this story's.
async fn previews_write_nothing() {
    let (stack, _turn) = breakable_stack().await;
    let team = Team::on(stack, Plan::Premium).await;
    let caller = team.secret_key().await;
    let office = create_calendar(&caller, &team, "Europe/Berlin", true).await;
    for (priority, calendar) in [("urgent", json!(office)), ("high", Value::Null)] {
        let mut rule = json!({"name": "r", "priority": priority, "responseTarget": 1,
            "resolutionTarget": 2, "businessHoursOnly": true});
        if !calendar.is_null() {
            rule["calendarId"] = calendar;
        }
        caller.post(&team.rules(), &rule).await.id();
    }
    let wire = stack.wire().expect("a recording stack");
    let before = all_but_credentials(stack).await;
    drop(wire.take());
    let priorities = ["low", "high", "urgent"];
    for priority in priorities {
        let body = json!({"createdAt": "2026-11-22T09:00:00Z", "priority": priority});
        assert_eq!(caller.post(&team.preview(), &body).await.status, 200);
    }
    let calls = wire.take();
    let (writes, reads): (Vec<_>, Vec<_>) = calls
        .iter()
        .map(|call| call.operation.as_str())
        .partition(|operation| !["GetItem", "Query"].contains(operation));
    // The admission counts the call; nothing else is written.
    assert_eq!(writes, vec!["UpdateItem"; priorities.len()]);
    assert!(reads.len() >= priorities.len(), "{reads:?}");
    let after = all_but_credentials(stack).await;
    let changed = after
        .iter()
        .filter(|(key, item)| before.get(*key) != Some(*item));
    let changed: Vec<_> = changed.map(|(key, _)| key).collect();
    assert_eq!((changed, after.len()), (vec![], before.len()));
}

/// Every item of the table except the credentials, which count calls.
async fn all_but_credentials(stack: &Stack) -> BTreeMap<[String; 2], table::Item> {
    let items = table::items(stack.dynamodb()).await.expect("the items");
    let (credentials, others): (Vec<_>, Vec<_>) = items
        .into_iter()
        .partition(|item| table::text(item, "sk") == Some("CREDENTIAL"));
    assert!(!credentials.is_empty() && !others.is_empty());
    let keyed = others.into_iter().map(|item| {
        let key = ["pk", "sk"].map(|name| table::text(&item, name).expect("a key").to_owned());
        (key, item)
    });
    keyed.collect()
}
