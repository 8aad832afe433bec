//! How a cStar client manages a team's SLA rules.

use serde_json::{Value, json};
use shared::domain::digest::Digest;
use shared::domain::rule::MAX_RULES;
use shared::idempotency::IdempotencyKey;

use crate::actors::{Response, Team, limited_to, resource};

crate::stories![
    a_new_team_has_no_rules_and_creates_one_as_documented,
    rules_are_listed_in_creation_order,
    test_and_live_keys_see_separate_rules,
    every_member_is_validated_and_every_violation_reported,
    integers_may_have_a_zero_fraction_or_an_exponent,
    the_201st_rule_is_refused_even_under_concurrency,
    concurrent_calls_succeed_exactly_up_to_the_limit,
    a_rule_is_read_updated_and_deleted,
    unknown_rules_are_not_found,
    an_update_keeps_unnamed_members_and_is_validated_as_a_whole,
    a_client_with_the_current_version_gets_304,
    concurrent_updates_from_one_version_succeed_once,
    unconditional_concurrent_updates_lose_nothing,
    a_request_with_an_idempotency_key_runs_once,
    an_idempotency_key_is_scoped_and_covers_only_successes,
    an_idempotency_record_expires_after_a_day,
];

fn rule(name: &str) -> Value {
    json!({"name": name, "priority": "urgent", "responseTarget": 15, "resolutionTarget": 120})
}

async fn a_new_team_has_no_rules_and_creates_one_as_documented() {
    let team = Team::new().await;
    let caller = team.secret_key().await;
    caller
        .get(&team.rules())
        .await
        .assert_is(200, r#"{"success":true,"data":[]}"#);

    let created = caller
        .post(
            &team.rules(),
            &json!({"name":"High Priority","priority":"high","responseTarget":30,"resolutionTarget":240}),
        )
        .await;
    let id = created.id();
    let rule = format!(
        r#"{{"id":"{id}","name":"High Priority","priority":"high","responseTarget":30,"resolutionTarget":240,"businessHoursOnly":false,"enabled":true}}"#
    );
    created.assert_is(201, &format!(r#"{{"success":true,"data":{rule}}}"#));
    let location = format!("{}/{id}", team.rules());
    assert_eq!(created.header("location"), Some(location.as_str()));
    assert_eq!(created.header("etag"), Some("\"1\""));
    let digits = id
        .strip_prefix("sla_")
        .expect("a rule's id begins with sla_");
    assert!(
        digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit()),
        "{id}"
    );

    let listed = caller.get(&team.rules()).await;
    listed.assert_is(200, &format!(r#"{{"success":true,"data":[{rule}]}}"#));
    assert_eq!(listed.header("x-ratelimit-limit"), Some("1000"));
    assert_eq!(listed.header("x-ratelimit-window"), Some("60"));
    assert_eq!(listed.header("cache-control"), Some("no-store"));
}

async fn rules_are_listed_in_creation_order() {
    let team = Team::new().await;
    let caller = team.secret_key().await;
    let names = ["b", "a", "ß", "a", "\"\\\n\u{1f680}"];
    for name in names {
        assert_eq!(caller.post(&team.rules(), &rule(name)).await.status, 201);
    }
    let listed = caller.get(&team.rules()).await.json();
    let listed = listed["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| rule["name"].as_str().unwrap());
    assert_eq!(listed.collect::<Vec<_>>(), names);
}

async fn test_and_live_keys_see_separate_rules() {
    let team = Team::new().await;
    let (live, test) = (team.secret_key().await, team.test_key().await);
    live.post(&team.rules(), &rule("live")).await;
    test.get(&team.rules())
        .await
        .assert_is(200, r#"{"success":true,"data":[]}"#);
    test.post(&team.rules(), &rule("test")).await;
    for (caller, name) in [(live, "live"), (test, "test")] {
        let listed = caller.get(&team.rules()).await.json();
        assert_eq!(listed["data"].as_array().unwrap().len(), 1);
        assert_eq!(listed["data"][0]["name"], name);
    }
}

async fn every_member_is_validated_and_every_violation_reported() {
    let team = Team::new().await;
    let caller = team.secret_key().await;
    let text = "must be a string of 1 to 200 characters that are not all blank";
    let minutes = "must be an integer from 1 to 525600";
    let words = "must be one of low, normal, high, urgent";
    let flag = "must be true or false";
    let cases: &[(&str, Value, &str)] = &[
        ("name", json!(4), text),
        ("name", json!(null), text),
        ("name", json!(""), text),
        ("name", json!(" \t\u{a0}"), text),
        ("name", json!("é".repeat(201)), text),
        ("priority", json!("High"), words),
        ("priority", json!(["high"]), words),
        ("responseTarget", json!("30"), minutes),
        ("responseTarget", json!(30.5), minutes),
        ("responseTarget", json!(0), minutes),
        ("responseTarget", json!(-5), minutes),
        ("resolutionTarget", json!(525_601), minutes),
        ("resolutionTarget", json!(1e300), minutes),
        ("resolutionTarget", json!(u64::MAX), minutes),
        (
            "resolutionTarget",
            json!(14),
            "must be at least the 'responseTarget', which is 15",
        ),
        ("businessHoursOnly", json!("true"), flag),
        ("businessHoursOnly", json!(null), flag),
        ("enabled", json!(1), flag),
    ];
    for (member, value, allowed) in cases {
        let mut body = rule("Urgent SLA");
        body[member] = value.clone();
        let response = caller.post(&team.rules(), &body).await;
        response.assert_violation(
            member,
            "parameter_invalid",
            &format!("The '{member}' field {allowed}."),
        );
    }
    for member in ["name", "priority", "responseTarget", "resolutionTarget"] {
        let mut body = rule("Urgent SLA");
        body.as_object_mut().unwrap().remove(member);
        let response = caller.post(&team.rules(), &body).await;
        response.assert_violation(
            member,
            "parameter_missing",
            &format!("The '{member}' field is required."),
        );
    }
    for member in ["nmae", "id", "", "calendar\nId"] {
        let mut body = rule("Urgent SLA");
        body[member] = json!(1);
        let response = caller.post(&team.rules(), &body).await;
        response.assert_violation(
            member,
            "parameter_unknown",
            &format!("Unknown field '{member}'."),
        );
    }
    let response = caller
        .post(
            &team.rules(),
            &json!({"enabled": 0, "priority": "x", "nmae": "y"}),
        )
        .await;
    let first = "The 'name' field is required.";
    let errors = [
        ("name", "parameter_missing", first.to_owned()),
        (
            "priority",
            "parameter_invalid",
            format!("The 'priority' field {words}."),
        ),
        (
            "responseTarget",
            "parameter_missing",
            "The 'responseTarget' field is required.".to_owned(),
        ),
        (
            "resolutionTarget",
            "parameter_missing",
            "The 'resolutionTarget' field is required.".to_owned(),
        ),
        (
            "enabled",
            "parameter_invalid",
            format!("The 'enabled' field {flag}."),
        ),
        (
            "nmae",
            "parameter_unknown",
            "Unknown field 'nmae'.".to_owned(),
        ),
    ];
    let errors = errors.map(|(param, code, message)| {
        format!(r#"{{"param":"{param}","code":"{code}","message":"{message}"}}"#)
    });
    let more = format!(r#","param":"name","errors":[{}]"#, errors.join(","));
    response.assert_cstar_error(
        400,
        "invalid_request_error",
        "parameter_missing",
        first,
        &more,
    );

    let json = caller.with("content-type", "application/json; charset=utf-8");
    let twice = json
        .send(
            http::Method::POST,
            &team.rules(),
            br#"{"name":"a","name":"b"}"#.to_vec(),
        )
        .await;
    let message = "The request body is not valid JSON: a member is given twice.";
    twice.assert_cstar_error(400, "invalid_request_error", "invalid_json", message, "");
    let array = json
        .send(http::Method::POST, &team.rules(), b"[]".to_vec())
        .await;
    let message = "The request body must be a JSON object.";
    array.assert_cstar_error(400, "invalid_request_error", "invalid_json", message, "");
    caller
        .get(&team.rules())
        .await
        .assert_is(200, r#"{"success":true,"data":[]}"#);
}

async fn integers_may_have_a_zero_fraction_or_an_exponent() {
    let team = Team::new().await;
    let json = team
        .secret_key()
        .await
        .with("content-type", "application/json");
    let body = br#"{"name":"n","priority":"low","responseTarget":30.0,"resolutionTarget":1.2e2,"enabled":false}"#;
    let created = json
        .send(http::Method::POST, &team.rules(), body.to_vec())
        .await;
    assert_eq!(created.status, 201);
    let created = created.json();
    assert_eq!(created["data"]["responseTarget"].to_string(), "30");
    assert_eq!(created["data"]["resolutionTarget"].to_string(), "120");
    assert_eq!(created["data"]["enabled"], false);
}

async fn the_201st_rule_is_refused_even_under_concurrency() {
    let team = Team::new().await;
    let caller = team.secret_key().await;
    let (path, body) = (team.rules(), rule("one of many"));
    let more = 8;
    let calls = (0..MAX_RULES + more).map(|_| caller.post(&path, &body));
    let responses = futures_util::future::join_all(calls).await;
    let (created, refused): (Vec<_>, Vec<_>) = responses
        .iter()
        .partition(|response| response.status == 201);
    assert_eq!(
        (created.len(), refused.len()),
        (MAX_RULES as usize, more as usize)
    );
    for response in refused {
        let message = "A team can have at most 200 SLA rules.";
        response.assert_cstar_error(400, "invalid_request_error", "limit_exceeded", message, "");
    }
    let listed = caller.get(&path).await.json();
    assert_eq!(listed["data"].as_array().unwrap().len(), MAX_RULES as usize);
}

async fn concurrent_calls_succeed_exactly_up_to_the_limit() {
    let team = Team::new().await;
    let caller = team
        .key(
            shared::domain::principal::CredentialKind::Secret,
            shared::domain::principal::Mode::Live,
            limited_to(120),
        )
        .await;
    let path = team.rules();
    let responses = futures_util::future::join_all((0..200).map(|_| caller.get(&path))).await;
    assert_eq!(
        responses
            .iter()
            .filter(|response| response.status == 200)
            .count(),
        120
    );
    assert_eq!(
        responses
            .iter()
            .filter(|response| response.status == 429)
            .count(),
        80
    );
    let processes = team.stack.processes("RuleList");
    assert!(processes.len() > 1, "several processes share one count");
}

const FIRST: &str = r#""name":"Urgent SLA","priority":"urgent","responseTarget":15,"resolutionTarget":120,"businessHoursOnly":false,"enabled":true"#;

#[track_caller]
fn assert_not_found(response: &Response) {
    response.assert_cstar_error(
        404,
        "not_found_error",
        "resource_missing",
        "No such SLA rule.",
        "",
    );
}

#[track_caller]
fn assert_stale(response: &Response) {
    let message = "The resource has changed: it no longer matches 'If-Match'.";
    response.assert_cstar_error(
        412,
        "invalid_request_error",
        "precondition_failed",
        message,
        "",
    );
}

async fn a_rule_is_read_updated_and_deleted() {
    let team = Team::new().await;
    let caller = team.secret_key().await;
    let id = caller.post(&team.rules(), &rule("Urgent SLA")).await.id();
    let path = format!("{}/{id}", team.rules());
    let read = caller.get(&path).await;
    read.assert_is(200, &resource(&id, FIRST));
    assert_eq!(read.header("etag"), Some("\"1\""));

    let changed = caller
        .patch(&path, &json!({"enabled": false, "responseTarget": 20}))
        .await;
    let members = FIRST
        .replace("15", "20")
        .replace(r#""enabled":true"#, r#""enabled":false"#);
    changed.assert_is(200, &resource(&id, &members));
    assert_eq!(changed.header("etag"), Some("\"2\""));
    caller
        .get(&path)
        .await
        .assert_is(200, &resource(&id, &members));

    let deleted = format!(r#"{{"success":true,"data":{{"id":"{id}","deleted":true}}}}"#);
    caller.delete(&path).await.assert_is(200, &deleted);
    assert_not_found(&caller.get(&path).await);
    assert_not_found(&caller.delete(&path).await);
    caller
        .get(&team.rules())
        .await
        .assert_is(200, r#"{"success":true,"data":[]}"#);
}

async fn unknown_rules_are_not_found() {
    let (team, other) = (Team::new().await, Team::new().await);
    let caller = team.secret_key().await;
    let other_teams_id = other
        .secret_key()
        .await
        .post(&other.rules(), &rule("theirs"))
        .await
        .id();
    let test_mode = team
        .test_key()
        .await
        .post(&team.rules(), &rule("test"))
        .await
        .id();
    let uppercase = other_teams_id.to_uppercase();
    let never = "sla_0198c0de000070008000000000000000";
    for id in [
        never,
        &other_teams_id,
        &test_mode,
        &uppercase,
        "sla_",
        "x",
        "%23",
        "sla_%00",
    ] {
        let path = format!("{}/{id}", team.rules());
        assert_not_found(&caller.get(&path).await);
        assert_not_found(&caller.delete(&path).await);
        assert_not_found(&caller.patch(&path, &json!({"name": 4})).await);
        let response = caller.send(http::Method::PATCH, &path, b"{".to_vec()).await;
        assert_not_found(&response);
    }
}

async fn an_update_keeps_unnamed_members_and_is_validated_as_a_whole() {
    let team = Team::new().await;
    let caller = team.secret_key().await;
    let id = caller.post(&team.rules(), &rule("Urgent SLA")).await.id();
    let path = format!("{}/{id}", team.rules());
    caller
        .patch(&path, &json!({}))
        .await
        .assert_is(200, &resource(&id, FIRST));
    let merge = caller.with("content-type", "application/merge-patch+json");
    merge
        .patch(&path, &json!({"priority": "urgent"}))
        .await
        .assert_is(200, &resource(&id, FIRST));
    let refused = caller.patch(&path, &json!({"responseTarget": 121})).await;
    let message =
        "The 'resolutionTarget' field must be at least the 'responseTarget', which is 121.";
    refused.assert_violation("resolutionTarget", "parameter_invalid", message);
    for member in [
        "name",
        "priority",
        "responseTarget",
        "businessHoursOnly",
        "enabled",
    ] {
        let refused = caller.patch(&path, &json!({ member: null })).await;
        assert_eq!(
            refused.json()["error"]["code"],
            "parameter_invalid",
            "{member} cannot be null"
        );
        assert_eq!(refused.json()["error"]["param"], member);
    }
    let refused = caller.patch(&path, &json!({ "id": id })).await;
    refused.assert_violation("id", "parameter_unknown", "Unknown field 'id'.");
    caller
        .get(&path)
        .await
        .assert_is(200, &resource(&id, FIRST));
}

async fn a_client_with_the_current_version_gets_304() {
    let team = Team::new().await;
    let caller = team.secret_key().await;
    let id = caller.post(&team.rules(), &rule("Urgent SLA")).await.id();
    let path = format!("{}/{id}", team.rules());
    for known in ["\"1\"", "W/\"1\"", "\"7\", \"1\"", "*"] {
        let response = caller.with("if-none-match", known).get(&path).await;
        assert_eq!((response.status, response.body.as_str()), (304, ""));
        assert_eq!(response.header("etag"), Some("\"1\""));
        assert_eq!(response.header("content-type"), None);
    }
    caller
        .with("if-none-match", "\"2\"")
        .get(&path)
        .await
        .assert_is(200, &resource(&id, FIRST));

    let list = caller.get(&team.rules()).await;
    let tag = list.header("etag").expect("a list has an ETag").to_owned();
    assert!(tag.starts_with("W/\"") && tag.len() == 20, "{tag}");
    let same = caller
        .with("if-none-match", tag.clone())
        .get(&team.rules())
        .await;
    assert_eq!(
        (same.status, same.header("etag")),
        (304, Some(tag.as_str()))
    );
    caller.patch(&path, &json!({"enabled": false})).await;
    let changed = caller
        .with("if-none-match", tag.clone())
        .get(&team.rules())
        .await;
    assert_eq!(changed.status, 200);
    assert_ne!(changed.header("etag"), Some(tag.as_str()));
}

async fn concurrent_updates_from_one_version_succeed_once() {
    let team = Team::new().await;
    let caller = team.secret_key().await;
    let id = caller.post(&team.rules(), &rule("Urgent SLA")).await.id();
    let path = format!("{}/{id}", team.rules());
    let caller = caller.with("if-match", "\"1\"");
    let bodies: Vec<_> = (0..16).map(|n| json!({"name": n.to_string()})).collect();
    let responses =
        futures_util::future::join_all(bodies.iter().map(|body| caller.patch(&path, body))).await;
    let (won, lost): (Vec<_>, Vec<_>) = responses
        .iter()
        .partition(|response| response.status == 200);
    assert_eq!((won.len(), lost.len()), (1, 15));
    lost.into_iter().for_each(assert_stale);
    assert_eq!(caller.get(&path).await.body, won[0].body);

    for stale in ["\"1\"", "W/\"2\"", "2", ""] {
        assert_stale(&caller.with("if-match", stale).delete(&path).await);
        assert_stale(
            &caller
                .with("if-match", stale)
                .patch(&path, &json!({}))
                .await,
        );
    }
    assert_eq!(
        caller
            .with("if-match", "*")
            .patch(&path, &json!({}))
            .await
            .status,
        200
    );
    assert_eq!(
        caller
            .with("if-match", "\"1\", \"3\"")
            .delete(&path)
            .await
            .status,
        200
    );
}

async fn unconditional_concurrent_updates_lose_nothing() {
    let team = Team::new().await;
    let caller = team.secret_key().await;
    let id = caller.post(&team.rules(), &rule("Urgent SLA")).await.id();
    let path = format!("{}/{id}", team.rules());
    let bodies = [
        json!({"name": "changed"}),
        json!({"priority": "low"}),
        json!({"responseTarget": 60}),
        json!({"resolutionTarget": 600}),
        json!({"businessHoursOnly": true}),
        json!({"enabled": false}),
    ];
    let responses =
        futures_util::future::join_all(bodies.iter().map(|body| caller.patch(&path, body))).await;
    assert!(responses.iter().all(|response| response.status == 200));
    let members = r#""name":"changed","priority":"low","responseTarget":60,"resolutionTarget":600,"businessHoursOnly":true,"enabled":false"#;
    let read = caller.get(&path).await;
    read.assert_is(200, &resource(&id, members));
    assert_eq!(read.header("etag"), Some("\"7\""));
}

async fn a_request_with_an_idempotency_key_runs_once() {
    let team = Team::new().await;
    let caller = team.secret_key().await;
    let keyed = caller.with("idempotency-key", "\"create-1\"");
    let created = keyed.post(&team.rules(), &rule("Urgent SLA")).await;
    created.assert_is(201, &resource(&created.id(), FIRST));
    assert_eq!(created.header("idempotent-replayed"), None);
    let reordered = json!({"resolutionTarget": 120, "responseTarget": 15, "priority": "urgent", "name": "Urgent SLA"});
    let bare = caller.with("idempotency-key", "create-1");
    for again in [
        keyed.post(&team.rules(), &rule("Urgent SLA")).await,
        bare.post(&team.rules(), &reordered).await,
    ] {
        again.assert_is(201, &created.body);
        assert_eq!(again.header("idempotent-replayed"), Some("true"));
        for header in ["location", "etag"] {
            assert_eq!(again.header(header), created.header(header));
        }
        assert_ne!(
            again.header("x-cstar-request-id"),
            created.header("x-cstar-request-id")
        );
    }
    let other = keyed.post(&team.rules(), &rule("Another")).await;
    let message = "This 'Idempotency-Key' was used before with another body.";
    other.assert_cstar_error(
        409,
        "invalid_request_error",
        "idempotency_key_reused",
        message,
        "",
    );

    let at_once = caller.with("idempotency-key", "create-2");
    let body = rule("At once");
    let path = team.rules();
    let responses =
        futures_util::future::join_all((0..16).map(|_| at_once.post(&path, &body))).await;
    assert!(
        responses
            .iter()
            .all(|response| response.status == 201 && response.body == responses[0].body)
    );
    let fresh = responses
        .iter()
        .filter(|response| response.header("idempotent-replayed").is_none());
    assert_eq!(fresh.count(), 1);
    assert_eq!(
        caller.get(&team.rules()).await.json()["data"]
            .as_array()
            .unwrap()
            .len(),
        2
    );

    // A client that lost the response repeats the change with the version it started from.
    let path = created.header("location").unwrap().to_owned();
    let change = caller
        .with("idempotency-key", "change")
        .with("if-match", "\"1\"");
    let first = change.patch(&path, &json!({"name": "Changed"})).await;
    let again = change.patch(&path, &json!({"name": "Changed"})).await;
    again.assert_is(200, &first.body);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.header("etag"), Some("\"2\""));
    assert_eq!(
        change.patch(&path, &json!({"name": "Other"})).await.status,
        409
    );
    assert_stale(
        &caller
            .with("idempotency-key", "x")
            .with("if-match", "\"1\"")
            .patch(&path, &json!({}))
            .await,
    );
}

async fn an_idempotency_key_is_scoped_and_covers_only_successes() {
    let (team, other) = (Team::new().await, Team::new().await);
    let key = |actor: crate::actors::Actor| actor.with("idempotency-key", "the-key");
    let caller = key(team.secret_key().await);
    let refused = caller.post(&team.rules(), &rule("")).await;
    assert_eq!(refused.status, 400);
    let created = caller.post(&team.rules(), &rule("mine")).await;
    assert_eq!(
        (created.status, created.header("idempotent-replayed")),
        (201, None)
    );
    for other_scope in [
        (key(team.test_key().await), team.rules()),
        (key(other.secret_key().await), other.rules()),
    ] {
        let created = other_scope.0.post(&other_scope.1, &rule("theirs")).await;
        assert_eq!(
            (created.status, created.header("idempotent-replayed")),
            (201, None)
        );
    }
    let path = created.header("location").unwrap().to_owned();
    let changed = caller.patch(&path, &json!({"name": "another path"})).await;
    assert_eq!(
        (changed.status, changed.header("idempotent-replayed")),
        (200, None)
    );
    // All keys of a team share its idempotency keys.
    let colleague = key(team.secret_key().await)
        .post(&team.rules(), &rule("mine"))
        .await;
    assert_eq!(colleague.header("idempotent-replayed"), Some("true"));
    for invalid in ["", "\"\"", "a b", &"k".repeat(256)] {
        let refused = team
            .secret_key()
            .await
            .with("idempotency-key", invalid)
            .post(&team.rules(), &rule("x"))
            .await;
        let message = "The 'Idempotency-Key' field must be 1 to 255 visible ASCII characters.";
        refused.assert_violation("Idempotency-Key", "parameter_invalid", message);
    }
}

/// The record expires by our own clock, even if DynamoDB has not deleted it yet.
async fn an_idempotency_record_expires_after_a_day() {
    let team = Team::new().await;
    let (path, body) = (team.rules(), rule("Urgent SLA"));
    let before = jiff::Timestamp::now();
    team.secret_key()
        .await
        .with("idempotency-key", "k")
        .post(&path, &body)
        .await
        .id();
    let within = [team.id.as_str(), "live", "POST", &path];
    let key = IdempotencyKey::read("k", &within, Digest::of("{}"), before).unwrap();
    let store = crate::world::table(team.stack);
    let hours = jiff::SignedDuration::from_hours;
    for (later, remembered) in [(hours(0), true), (hours(23), true), (hours(25), false)] {
        let found = store.recorded(key.scope(), before + later).await.unwrap();
        assert_eq!(found.is_some(), remembered, "{later:?} later");
    }
}
