//! What a team does with its SLA rules, as a client of cStar.

use serde_json::{Value, json};
use shared::domain::rule::MAX_RULES;

use crate::actors::{Answer, Team, limited_to, rules_of};

crate::stories![
    a_new_team_has_no_rules_and_the_first_is_told_as_documented,
    rules_are_listed_in_the_order_in_which_they_were_made,
    test_keys_see_a_world_of_their_own,
    every_member_is_checked_and_every_violation_told,
    numbers_are_what_they_are_worth,
    the_201st_rule_is_refused_even_when_many_come_at_once,
    exactly_as_many_calls_pass_as_the_limit_allows,
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
