//! What a Rocket.Chat workspace does with its SLA policies.

use std::collections::BTreeSet;

use http::Method;
use serde_json::{Value, json};

use crate::actors::{Answer, POLICIES, Team};

crate::stories![
    a_policy_is_made_and_told_as_documented,
    names_and_due_times_are_each_unique_in_a_workspace,
    ajvs_first_word_is_the_only_one,
    of_many_who_want_one_name_exactly_one_gets_it,
];

pub fn policy(name: &str, due: u32) -> Value {
    json!({"name": name, "description": "Optimum SLA", "dueTimeInMinutes": due})
}

#[track_caller]
pub fn is_duplicate(answer: &Answer) {
    answer.is(400, r#"{"success":false,"error":"error-duplicated-sla"}"#);
}

async fn a_policy_is_made_and_told_as_documented() {
    let team = Team::new().await;
    let manager = team.livechat_manager().await;
    let made = manager.post(POLICIES, &policy("Optimum", 4)).await;
    let id = made.id();
    made.is(
        200,
        &format!(
            r#"{{"sla":{{"name":"Optimum","description":"Optimum SLA","dueTimeInMinutes":4,"_id":"{id}"}},"success":true}}"#
        ),
    );
    assert!(
        id.len() == 24 && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')),
        "{id}"
    );
    assert_eq!(made.header("cache-control"), Some("no-store"));
    assert_eq!(made.header("x-ratelimit-limit"), Some("1000"));
    let reset: i64 = made.header("x-ratelimit-reset").unwrap().parse().unwrap();
    assert_eq!(reset % 60_000, 0, "the end of a minute, in milliseconds");
}

async fn names_and_due_times_are_each_unique_in_a_workspace() {
    let (team, other) = (Team::new().await, Team::new().await);
    let manager = team.livechat_manager().await;
    manager.post(POLICIES, &policy("Optimum", 4)).await.id();
    is_duplicate(&manager.post(POLICIES, &policy("Optimum", 5)).await);
    is_duplicate(&manager.post(POLICIES, &policy("Other", 4)).await);
    for (name, due) in [
        ("optimum", 5),
        ("Optimum ", 6),
        (" ", 7),
        ("ø".repeat(200).as_str(), 8),
    ] {
        manager.post(POLICIES, &policy(name, due)).await.id();
    }
    other
        .livechat_manager()
        .await
        .post(POLICIES, &policy("Optimum", 4))
        .await
        .id();
}

async fn ajvs_first_word_is_the_only_one() {
    let team = Team::new().await;
    let manager = team
        .livechat_manager()
        .await
        .with("content-type", "application/json");
    let cases: &[(&str, &str)] = &[
        ("[]", "must be object"),
        ("null", "must be object"),
        ("\"{}\"", "must be object"),
        ("{}", "must have required property 'name'"),
        (
            r#"{"name":4,"extra":1}"#,
            "must have required property 'description'",
        ),
        (
            r#"{"name":"","description":4}"#,
            "must have required property 'dueTimeInMinutes'",
        ),
        (
            r#"{"name":1,"description":2,"dueTimeInMinutes":"3","_id":"x"}"#,
            "must NOT have additional properties",
        ),
        (
            r#"{"name":1,"description":2,"dueTimeInMinutes":"3"}"#,
            "must be string",
        ),
        (
            r#"{"name":"","description":null,"dueTimeInMinutes":0}"#,
            "must be string",
        ),
        (
            r#"{"name":"","description":"","dueTimeInMinutes":4.5}"#,
            "must be integer",
        ),
        (
            r#"{"name":"","description":"","dueTimeInMinutes":"4"}"#,
            "must be integer",
        ),
        (
            r#"{"name":"","description":"","dueTimeInMinutes":0}"#,
            "must NOT have fewer than 1 characters",
        ),
        (
            r#"{"name":"a","description":"","dueTimeInMinutes":0}"#,
            "must be >= 1",
        ),
        (
            r#"{"name":"a","description":"","dueTimeInMinutes":-0.0}"#,
            "must be >= 1",
        ),
        (
            r#"{"name":"a","description":"","dueTimeInMinutes":5256001}"#,
            "must be <= 5256000",
        ),
        (
            r#"{"name":"a","description":"","dueTimeInMinutes":1e300}"#,
            "must be <= 5256000",
        ),
    ];
    let refused = |answer: &Answer, text: &str| {
        let body = format!(
            r#"{{"success":false,"error":"{text} [invalid-params]","errorType":"invalid-params"}}"#
        );
        answer.is(400, &body);
    };
    for (body, text) in cases {
        refused(
            &manager
                .send(Method::POST, POLICIES, body.as_bytes().to_vec())
                .await,
            text,
        );
    }
    let mut long = policy(&"n".repeat(201), 4);
    refused(
        &manager.post(POLICIES, &long).await,
        "must NOT have more than 200 characters",
    );
    long = policy("n", 4);
    long["description"] = json!("d".repeat(2_001));
    refused(
        &manager.post(POLICIES, &long).await,
        "must NOT have more than 2000 characters",
    );

    // The last of two members counts, an integer may be written as one may, ten years is allowed.
    let body = br#"{"name":1,"name":"a","description":"","dueTimeInMinutes":5.256e6}"#;
    let made = manager.send(Method::POST, POLICIES, body.to_vec()).await;
    let id = made.id();
    made.is(
        200,
        &format!(
            r#"{{"sla":{{"name":"a","description":"","dueTimeInMinutes":5256000,"_id":"{id}"}},"success":true}}"#
        ),
    );
}

async fn of_many_who_want_one_name_exactly_one_gets_it() {
    let team = Team::new().await;
    let manager = team.livechat_manager().await;
    let bodies: Vec<_> = (0..64).map(|due| policy("Optimum", due + 1)).collect();
    let answers =
        futures_util::future::join_all(bodies.iter().map(|body| manager.post(POLICIES, body)))
            .await;
    let (made, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!((made.len(), refused.len()), (1, 63));
    refused.into_iter().for_each(is_duplicate);

    let bodies: Vec<_> = (0..16).map(|name| policy(&name.to_string(), 100)).collect();
    let answers =
        futures_util::future::join_all(bodies.iter().map(|body| manager.post(POLICIES, body)))
            .await;
    let statuses: BTreeSet<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, BTreeSet::from([200, 400]));
    assert_eq!(
        answers.iter().filter(|answer| answer.status == 200).count(),
        1
    );
}
