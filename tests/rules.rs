//! What a team does with its SLA rules, as a client of cStar.

use serde_json::{Value, json};
use shared::domain::digest::Digest;
use shared::domain::rule::MAX_RULES;
use shared::idempotency::IdempotencyKey;

use crate::actors::{Answer, Team, limited_to, rules_of};

crate::stories![
    a_new_team_has_no_rules_and_the_first_is_told_as_documented,
    rules_are_listed_in_the_order_in_which_they_were_made,
    test_keys_see_a_world_of_their_own,
    every_member_is_checked_and_every_violation_told,
    numbers_are_what_they_are_worth,
    the_201st_rule_is_refused_even_when_many_come_at_once,
    exactly_as_many_calls_pass_as_the_limit_allows,
    a_rule_is_read_changed_and_deleted,
    what_is_not_there_is_not_found,
    a_change_leaves_what_it_does_not_name_and_is_valid_as_a_whole,
    whoever_knows_the_version_already_is_told_nothing,
    of_two_who_saw_the_same_version_one_wins,
    without_a_version_no_change_is_lost,
    a_request_with_a_key_is_done_once,
    a_key_counts_where_it_was_used_and_only_for_what_was_done,
    a_finished_request_is_forgotten_after_a_day,
];

fn rule(name: &str) -> Value {
    json!({"name": name, "priority": "urgent", "responseTarget": 15, "resolutionTarget": 120})
}

async fn a_new_team_has_no_rules_and_the_first_is_told_as_documented() {
    let team = Team::new().await;
    let caller = team.secret_key().await;
    caller
        .get(&team.rules())
        .await
        .is(200, r#"{"success":true,"data":[]}"#);

    let made = caller
        .post(
            &team.rules(),
            &json!({"name":"High Priority","priority":"high","responseTarget":30,"resolutionTarget":240}),
        )
        .await;
    let id = made.id();
    let rule = format!(
        r#"{{"id":"{id}","name":"High Priority","priority":"high","responseTarget":30,"resolutionTarget":240,"businessHoursOnly":false,"enabled":true}}"#
    );
    made.is(201, &format!(r#"{{"success":true,"data":{rule}}}"#));
    let location = format!("{}/{id}", team.rules());
    assert_eq!(made.header("location"), Some(location.as_str()));
    assert_eq!(made.header("etag"), Some("\"1\""));
    let digits = id
        .strip_prefix("sla_")
        .expect("the ids of rules begin with sla_");
    assert!(
        digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit()),
        "{id}"
    );

    let listed = caller.get(&team.rules()).await;
    listed.is(200, &format!(r#"{{"success":true,"data":[{rule}]}}"#));
    assert_eq!(listed.header("x-ratelimit-limit"), Some("1000"));
    assert_eq!(listed.header("x-ratelimit-window"), Some("60"));
    assert_eq!(listed.header("cache-control"), Some("no-store"));
}

async fn rules_are_listed_in_the_order_in_which_they_were_made() {
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

async fn test_keys_see_a_world_of_their_own() {
    let team = Team::new().await;
    let (live, test) = (team.secret_key().await, team.test_key().await);
    live.post(&team.rules(), &rule("live")).await;
    test.get(&team.rules())
        .await
        .is(200, r#"{"success":true,"data":[]}"#);
    test.post(&team.rules(), &rule("test")).await;
    for (caller, name) in [(live, "live"), (test, "test")] {
        let listed = caller.get(&team.rules()).await.json();
        assert_eq!(listed["data"].as_array().unwrap().len(), 1);
        assert_eq!(listed["data"][0]["name"], name);
    }
}

#[track_caller]
fn is_refused(answer: &Answer, param: &str, code: &str, message: &str) {
    let more = format!(",\"param\":{}", Value::from(param));
    answer.is_cstar_error(400, "invalid_request_error", code, message, &more);
}

async fn every_member_is_checked_and_every_violation_told() {
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
        let answer = caller.post(&team.rules(), &body).await;
        is_refused(
            &answer,
            member,
            "parameter_invalid",
            &format!("The '{member}' field {allowed}."),
        );
    }
    for member in ["name", "priority", "responseTarget", "resolutionTarget"] {
        let mut body = rule("Urgent SLA");
        body.as_object_mut().unwrap().remove(member);
        let answer = caller.post(&team.rules(), &body).await;
        is_refused(
            &answer,
            member,
            "parameter_missing",
            &format!("The '{member}' field is required."),
        );
    }
    for member in ["nmae", "id", "", "calendar\nId"] {
        let mut body = rule("Urgent SLA");
        body[member] = json!(1);
        let answer = caller.post(&team.rules(), &body).await;
        is_refused(
            &answer,
            member,
            "parameter_unknown",
            &format!("Unknown field '{member}'."),
        );
    }
    let answer = caller
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
    answer.is_cstar_error(
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
    twice.is_cstar_error(400, "invalid_request_error", "invalid_json", message, "");
    let array = json
        .send(http::Method::POST, &team.rules(), b"[]".to_vec())
        .await;
    let message = "The request body must be a JSON object.";
    array.is_cstar_error(400, "invalid_request_error", "invalid_json", message, "");
    caller
        .get(&team.rules())
        .await
        .is(200, r#"{"success":true,"data":[]}"#);
}

async fn numbers_are_what_they_are_worth() {
    let team = Team::new().await;
    let json = team
        .secret_key()
        .await
        .with("content-type", "application/json");
    let body = br#"{"name":"n","priority":"low","responseTarget":30.0,"resolutionTarget":1.2e2,"enabled":false}"#;
    let made = json
        .send(http::Method::POST, &team.rules(), body.to_vec())
        .await;
    assert_eq!(made.status, 201);
    let made = made.json();
    assert_eq!(made["data"]["responseTarget"].to_string(), "30");
    assert_eq!(made["data"]["resolutionTarget"].to_string(), "120");
    assert_eq!(made["data"]["enabled"], false);
}

async fn the_201st_rule_is_refused_even_when_many_come_at_once() {
    let team = Team::new().await;
    let caller = team.secret_key().await;
    let (path, body) = (team.rules(), rule("one of many"));
    let more = 8;
    let calls = (0..MAX_RULES + more).map(|_| caller.post(&path, &body));
    let answers = futures_util::future::join_all(calls).await;
    let (made, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 201);
    assert_eq!(
        (made.len(), refused.len()),
        (MAX_RULES as usize, more as usize)
    );
    for answer in refused {
        let message = "A team can have at most 200 SLA rules.";
        answer.is_cstar_error(400, "invalid_request_error", "limit_exceeded", message, "");
    }
    let listed = caller.get(&path).await.json();
    assert_eq!(listed["data"].as_array().unwrap().len(), MAX_RULES as usize);
}

async fn exactly_as_many_calls_pass_as_the_limit_allows() {
    let team = Team::new().await;
    let caller = team
        .key(
            shared::domain::principal::CredentialKind::Secret,
            shared::domain::principal::Mode::Live,
            limited_to(120),
        )
        .await;
    let path = rules_of(team.id.as_str());
    let answers = futures_util::future::join_all((0..200).map(|_| caller.get(&path))).await;
    assert_eq!(
        answers.iter().filter(|answer| answer.status == 200).count(),
        120
    );
    assert_eq!(
        answers.iter().filter(|answer| answer.status == 429).count(),
        80
    );
    let processes = team.stack.processes("RuleList");
    assert!(processes.len() > 1, "several processes counted together");
}

fn told(id: &str, members: &str) -> String {
    format!(r#"{{"success":true,"data":{{"id":"{id}",{members}}}}}"#)
}

const FIRST: &str = r#""name":"Urgent SLA","priority":"urgent","responseTarget":15,"resolutionTarget":120,"businessHoursOnly":false,"enabled":true"#;

#[track_caller]
fn is_missing(answer: &Answer) {
    answer.is_cstar_error(
        404,
        "not_found_error",
        "resource_missing",
        "No such SLA rule.",
        "",
    );
}

#[track_caller]
fn is_stale(answer: &Answer) {
    let message = "The resource has changed: it no longer matches 'If-Match'.";
    answer.is_cstar_error(
        412,
        "invalid_request_error",
        "precondition_failed",
        message,
        "",
    );
}

async fn a_rule_is_read_changed_and_deleted() {
    let team = Team::new().await;
    let caller = team.secret_key().await;
    let id = caller.post(&team.rules(), &rule("Urgent SLA")).await.id();
    let path = format!("{}/{id}", team.rules());
    let read = caller.get(&path).await;
    read.is(200, &told(&id, FIRST));
    assert_eq!(read.header("etag"), Some("\"1\""));

    let changed = caller
        .patch(&path, &json!({"enabled": false, "responseTarget": 20}))
        .await;
    let members = FIRST
        .replace("15", "20")
        .replace(r#""enabled":true"#, r#""enabled":false"#);
    changed.is(200, &told(&id, &members));
    assert_eq!(changed.header("etag"), Some("\"2\""));
    caller.get(&path).await.is(200, &told(&id, &members));

    let deleted = format!(r#"{{"success":true,"data":{{"id":"{id}","deleted":true}}}}"#);
    caller.delete(&path).await.is(200, &deleted);
    is_missing(&caller.get(&path).await);
    is_missing(&caller.delete(&path).await);
    caller
        .get(&team.rules())
        .await
        .is(200, r#"{"success":true,"data":[]}"#);
}

async fn what_is_not_there_is_not_found() {
    let (team, other) = (Team::new().await, Team::new().await);
    let caller = team.secret_key().await;
    let anothers = other
        .secret_key()
        .await
        .post(&other.rules(), &rule("theirs"))
        .await
        .id();
    let of_tests = team
        .test_key()
        .await
        .post(&team.rules(), &rule("test"))
        .await
        .id();
    let shouted = anothers.to_uppercase();
    let never = "sla_0198c0de000070008000000000000000";
    for id in [
        never, &anothers, &of_tests, &shouted, "sla_", "x", "%23", "sla_%00",
    ] {
        let path = format!("{}/{id}", team.rules());
        is_missing(&caller.get(&path).await);
        is_missing(&caller.delete(&path).await);
        is_missing(&caller.patch(&path, &json!({"name": 4})).await);
        let undeclared = caller.send(http::Method::PATCH, &path, b"{".to_vec()).await;
        is_missing(&undeclared);
    }
}

async fn a_change_leaves_what_it_does_not_name_and_is_valid_as_a_whole() {
    let team = Team::new().await;
    let caller = team.secret_key().await;
    let id = caller.post(&team.rules(), &rule("Urgent SLA")).await.id();
    let path = format!("{}/{id}", team.rules());
    caller
        .patch(&path, &json!({}))
        .await
        .is(200, &told(&id, FIRST));
    let merge = caller.with("content-type", "application/merge-patch+json");
    merge
        .patch(&path, &json!({"priority": "urgent"}))
        .await
        .is(200, &told(&id, FIRST));
    let refused = caller.patch(&path, &json!({"responseTarget": 121})).await;
    let message =
        "The 'resolutionTarget' field must be at least the 'responseTarget', which is 121.";
    is_refused(&refused, "resolutionTarget", "parameter_invalid", message);
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
            "{member} is not null"
        );
        assert_eq!(refused.json()["error"]["param"], member);
    }
    let refused = caller.patch(&path, &json!({ "id": id })).await;
    is_refused(&refused, "id", "parameter_unknown", "Unknown field 'id'.");
    caller.get(&path).await.is(200, &told(&id, FIRST));
}

async fn whoever_knows_the_version_already_is_told_nothing() {
    let team = Team::new().await;
    let caller = team.secret_key().await;
    let id = caller.post(&team.rules(), &rule("Urgent SLA")).await.id();
    let path = format!("{}/{id}", team.rules());
    for known in ["\"1\"", "W/\"1\"", "\"7\", \"1\"", "*"] {
        let answer = caller.with("if-none-match", known).get(&path).await;
        assert_eq!((answer.status, answer.body.as_str()), (304, ""));
        assert_eq!(answer.header("etag"), Some("\"1\""));
        assert_eq!(answer.header("content-type"), None);
    }
    caller
        .with("if-none-match", "\"2\"")
        .get(&path)
        .await
        .is(200, &told(&id, FIRST));

    let list = caller.get(&team.rules()).await;
    let tag = list.header("etag").expect("lists have a tag").to_owned();
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

async fn of_two_who_saw_the_same_version_one_wins() {
    let team = Team::new().await;
    let caller = team.secret_key().await;
    let id = caller.post(&team.rules(), &rule("Urgent SLA")).await.id();
    let path = format!("{}/{id}", team.rules());
    let saw = caller.with("if-match", "\"1\"");
    let bodies: Vec<_> = (0..16).map(|n| json!({"name": n.to_string()})).collect();
    let answers =
        futures_util::future::join_all(bodies.iter().map(|body| saw.patch(&path, body))).await;
    let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!((won.len(), lost.len()), (1, 15));
    lost.into_iter().for_each(is_stale);
    assert_eq!(caller.get(&path).await.body, won[0].body);

    for stale in ["\"1\"", "W/\"2\"", "2", ""] {
        is_stale(&caller.with("if-match", stale).delete(&path).await);
        is_stale(
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

async fn without_a_version_no_change_is_lost() {
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
    let answers =
        futures_util::future::join_all(bodies.iter().map(|body| caller.patch(&path, body))).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    let members = r#""name":"changed","priority":"low","responseTarget":60,"resolutionTarget":600,"businessHoursOnly":true,"enabled":false"#;
    let read = caller.get(&path).await;
    read.is(200, &told(&id, members));
    assert_eq!(read.header("etag"), Some("\"7\""));
}

async fn a_request_with_a_key_is_done_once() {
    let team = Team::new().await;
    let caller = team.secret_key().await;
    let keyed = caller.with("idempotency-key", "\"create-1\"");
    let made = keyed.post(&team.rules(), &rule("Urgent SLA")).await;
    made.is(201, &told(&made.id(), FIRST));
    assert_eq!(made.header("idempotent-replayed"), None);
    let reordered = json!({"resolutionTarget": 120, "responseTarget": 15, "priority": "urgent", "name": "Urgent SLA"});
    let bare = caller.with("idempotency-key", "create-1");
    for again in [
        keyed.post(&team.rules(), &rule("Urgent SLA")).await,
        bare.post(&team.rules(), &reordered).await,
    ] {
        again.is(201, &made.body);
        assert_eq!(again.header("idempotent-replayed"), Some("true"));
        for header in ["location", "etag"] {
            assert_eq!(again.header(header), made.header(header));
        }
        assert_ne!(
            again.header("x-cstar-request-id"),
            made.header("x-cstar-request-id")
        );
    }
    let other = keyed.post(&team.rules(), &rule("Another")).await;
    let message = "This 'Idempotency-Key' was used before with another body.";
    other.is_cstar_error(
        409,
        "invalid_request_error",
        "idempotency_key_reused",
        message,
        "",
    );

    let at_once = caller.with("idempotency-key", "create-2");
    let body = rule("At once");
    let path = team.rules();
    let answers = futures_util::future::join_all((0..16).map(|_| at_once.post(&path, &body))).await;
    assert!(
        answers
            .iter()
            .all(|answer| answer.status == 201 && answer.body == answers[0].body)
    );
    let fresh = answers
        .iter()
        .filter(|answer| answer.header("idempotent-replayed").is_none());
    assert_eq!(fresh.count(), 1);
    assert_eq!(
        caller.get(&team.rules()).await.json()["data"]
            .as_array()
            .unwrap()
            .len(),
        2
    );

    // A change whose answer was lost is repeated with the version it started from.
    let path = made.header("location").unwrap().to_owned();
    let change = caller
        .with("idempotency-key", "change")
        .with("if-match", "\"1\"");
    let first = change.patch(&path, &json!({"name": "Changed"})).await;
    let again = change.patch(&path, &json!({"name": "Changed"})).await;
    again.is(200, &first.body);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.header("etag"), Some("\"2\""));
    assert_eq!(
        change.patch(&path, &json!({"name": "Other"})).await.status,
        409
    );
    is_stale(
        &caller
            .with("idempotency-key", "x")
            .with("if-match", "\"1\"")
            .patch(&path, &json!({}))
            .await,
    );
}

async fn a_key_counts_where_it_was_used_and_only_for_what_was_done() {
    let (team, other) = (Team::new().await, Team::new().await);
    let key = |actor: crate::actors::Actor| actor.with("idempotency-key", "the-key");
    let caller = key(team.secret_key().await);
    let refused = caller.post(&team.rules(), &rule("")).await;
    assert_eq!(refused.status, 400);
    let made = caller.post(&team.rules(), &rule("mine")).await;
    assert_eq!(
        (made.status, made.header("idempotent-replayed")),
        (201, None)
    );
    for elsewhere in [
        (key(team.test_key().await), team.rules()),
        (key(other.secret_key().await), other.rules()),
    ] {
        let made = elsewhere.0.post(&elsewhere.1, &rule("theirs")).await;
        assert_eq!(
            (made.status, made.header("idempotent-replayed")),
            (201, None)
        );
    }
    let path = made.header("location").unwrap().to_owned();
    let changed = caller.patch(&path, &json!({"name": "another path"})).await;
    assert_eq!(
        (changed.status, changed.header("idempotent-replayed")),
        (200, None)
    );
    // Another key of the same team is the same client.
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
        is_refused(&refused, "Idempotency-Key", "parameter_invalid", message);
    }
}

/// By our own clock: what DynamoDB has not yet cleaned up counts no more.
async fn a_finished_request_is_forgotten_after_a_day() {
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
