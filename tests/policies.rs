//! How a Rocket.Chat workspace manages its SLA policies.

use std::collections::BTreeSet;

use http::Method;
use serde_json::{Value, json};

use crate::actors::{POLICIES, Response, Team};

crate::stories![
    a_policy_is_created_as_documented,
    names_and_due_times_are_unique_per_workspace,
    only_the_first_ajv_error_is_reported,
    concurrent_creates_with_one_name_succeed_once,
    a_policy_is_read_replaced_and_deleted_in_rocket_chats_format,
    a_policy_does_not_conflict_with_itself_and_frees_its_old_values,
    unknown_policies_are_not_found,
    concurrent_replacements_are_never_mixed,
    an_agent_can_read_policies_but_not_change_them,
    policies_are_searched_sorted_and_paged,
    invalid_list_parameters_are_refused,
    the_1001st_policy_is_refused,
];

pub fn policy(name: &str, due: u32) -> Value {
    json!({"name": name, "description": "Optimum SLA", "dueTimeInMinutes": due})
}

#[track_caller]
pub fn assert_duplicate(response: &Response) {
    response.assert_is(400, r#"{"success":false,"error":"error-duplicated-sla"}"#);
}

async fn a_policy_is_created_as_documented() {
    let team = Team::new().await;
    let manager = team.livechat_manager().await;
    let created = manager.post(POLICIES, &policy("Optimum", 4)).await;
    let id = created.id();
    created.assert_is(
        200,
        &format!(
            r#"{{"sla":{{"name":"Optimum","description":"Optimum SLA","dueTimeInMinutes":4,"_id":"{id}"}},"success":true}}"#
        ),
    );
    assert!(
        id.len() == 24 && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')),
        "{id}"
    );
    assert_eq!(created.header("cache-control"), Some("no-store"));
    assert_eq!(created.header("x-ratelimit-limit"), Some("1000"));
    let reset: i64 = created
        .header("x-ratelimit-reset")
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(reset % 60_000, 0, "the end of a minute, in milliseconds");
}

async fn names_and_due_times_are_unique_per_workspace() {
    let (team, other) = (Team::new().await, Team::new().await);
    let manager = team.livechat_manager().await;
    manager.post(POLICIES, &policy("Optimum", 4)).await.id();
    assert_duplicate(&manager.post(POLICIES, &policy("Optimum", 5)).await);
    assert_duplicate(&manager.post(POLICIES, &policy("Other", 4)).await);
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

async fn only_the_first_ajv_error_is_reported() {
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
            r#"{"name":"a","description":"","dueTimeInMinutes":10000000}"#,
            "must be <= 9999999",
        ),
        (
            r#"{"name":"a","description":"","dueTimeInMinutes":1e300}"#,
            "must be <= 9999999",
        ),
    ];
    let refused = |response: &Response, text: &str| {
        let body = format!(
            r#"{{"success":false,"error":"{text} [invalid-params]","errorType":"invalid-params"}}"#
        );
        response.assert_is(400, &body);
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

    // The last of two equal members counts, and an integer may have a zero fraction or an exponent.
    let body = br#"{"name":1,"name":"a","description":"","dueTimeInMinutes":9.999999e6}"#;
    let created = manager.send(Method::POST, POLICIES, body.to_vec()).await;
    let id = created.id();
    created.assert_is(
        200,
        &format!(
            r#"{{"sla":{{"name":"a","description":"","dueTimeInMinutes":9999999,"_id":"{id}"}},"success":true}}"#
        ),
    );
}

async fn concurrent_creates_with_one_name_succeed_once() {
    let team = Team::new().await;
    let manager = team.livechat_manager().await;
    let bodies: Vec<_> = (0..64).map(|due| policy("Optimum", due + 1)).collect();
    let responses =
        futures_util::future::join_all(bodies.iter().map(|body| manager.post(POLICIES, body)))
            .await;
    let (created, refused): (Vec<_>, Vec<_>) = responses
        .iter()
        .partition(|response| response.status == 200);
    assert_eq!((created.len(), refused.len()), (1, 63));
    refused.into_iter().for_each(assert_duplicate);

    let bodies: Vec<_> = (0..16).map(|name| policy(&name.to_string(), 100)).collect();
    let responses =
        futures_util::future::join_all(bodies.iter().map(|body| manager.post(POLICIES, body)))
            .await;
    let statuses: BTreeSet<u16> = responses.iter().map(|response| response.status).collect();
    assert_eq!(statuses, BTreeSet::from([200, 400]));
    assert_eq!(
        responses
            .iter()
            .filter(|response| response.status == 200)
            .count(),
        1
    );
}

fn path(id: &str) -> String {
    format!("{POLICIES}/{id}")
}

#[track_caller]
fn assert_not_found(response: &Response, status: u16, id: &str) {
    response.assert_is(
        status,
        &format!(r#"{{"success":false,"error":"SLA with id {id} not found"}}"#),
    );
}

fn updated_at(value: &Value) -> String {
    let text = value["_updatedAt"].as_str().expect("a time").to_owned();
    assert!(text.len() == 24 && text.ends_with('Z'), "{text}");
    text.parse::<jiff::Timestamp>().expect("ISO 8601");
    text
}

async fn a_policy_is_read_replaced_and_deleted_in_rocket_chats_format() {
    let team = Team::new().await;
    let manager = team.livechat_manager().await;
    let id = manager.post(POLICIES, &policy("Optimum", 4)).await.id();
    let members = r#""name":"Optimum","description":"Optimum SLA","dueTimeInMinutes":4"#;
    let read = manager.get(&path(&id)).await;
    let at = updated_at(&read.json());
    read.assert_is(
        200,
        &format!(r#"{{"_id":"{id}",{members},"_updatedAt":"{at}","success":true}}"#),
    );
    let listed = manager.get(POLICIES).await;
    listed.assert_is(
        200,
        &format!(
            r#"{{"sla":[{{"_id":"{id}",{members},"_updatedAt":"{at}"}}],"count":1,"offset":0,"total":1,"success":true}}"#
        ),
    );
    let replaced = manager.put(&path(&id), &policy("Better", 5)).await;
    let later = updated_at(&replaced.json()["sla"]);
    assert!(later >= at, "{later} is not before {at}");
    replaced.assert_is(
        200,
        &format!(
            r#"{{"sla":{{"name":"Better","description":"Optimum SLA","dueTimeInMinutes":5,"_updatedAt":"{later}","_id":"{id}"}},"success":true}}"#
        ),
    );
    assert_eq!(updated_at(&manager.get(&path(&id)).await.json()), later);
    manager
        .delete(&path(&id))
        .await
        .assert_is(200, r#"{"success":true}"#);
    assert_not_found(&manager.get(&path(&id)).await, 404, &id);
    let none = r#"{"sla":[],"count":0,"offset":0,"total":0,"success":true}"#;
    manager.get(POLICIES).await.assert_is(200, none);
}

async fn a_policy_does_not_conflict_with_itself_and_frees_its_old_values() {
    let team = Team::new().await;
    let manager = team.livechat_manager().await;
    let first = manager.post(POLICIES, &policy("first", 1)).await.id();
    let second = manager.post(POLICIES, &policy("second", 2)).await.id();
    for body in [policy("first", 1), policy("first", 10), policy("First", 10)] {
        assert_eq!(manager.put(&path(&first), &body).await.status, 200);
    }
    for body in [
        policy("second", 10),
        policy("First", 2),
        policy("second", 2),
    ] {
        assert_duplicate(&manager.put(&path(&first), &body).await);
    }
    // Its old name and due time are free, its new ones are not.
    assert_eq!(
        manager
            .put(&path(&second), &policy("first", 1))
            .await
            .status,
        200
    );
    assert_duplicate(&manager.post(POLICIES, &policy("First", 3)).await);
    assert_duplicate(&manager.post(POLICIES, &policy("third", 10)).await);
    manager.post(POLICIES, &policy("second", 2)).await.id();
    manager.delete(&path(&first)).await;
    manager.post(POLICIES, &policy("First", 10)).await.id();
}

async fn unknown_policies_are_not_found() {
    let (team, other) = (Team::new().await, Team::new().await);
    let manager = team.livechat_manager().await;
    let other_teams_id = other
        .livechat_manager()
        .await
        .post(POLICIES, &policy("theirs", 1))
        .await
        .id();
    for (sent, id) in [
        ("641db89a7718f90c810429cc", "641db89a7718f90c810429cc"),
        (&other_teams_id, &other_teams_id),
        ("x", "x"),
        ("a%20b%23", "a b#"),
    ] {
        assert_not_found(&manager.get(&path(sent)).await, 404, id);
        assert_not_found(&manager.put(&path(sent), &policy("x", 1)).await, 404, id);
        assert_not_found(&manager.delete(&path(sent)).await, 400, id);
        assert_eq!(
            manager.put(&path(sent), &json!({})).await.status,
            400,
            "the body is validated first"
        );
    }
}

async fn concurrent_replacements_are_never_mixed() {
    let team = Team::new().await;
    let manager = team.livechat_manager().await;
    let id = manager.post(POLICIES, &policy("0", 1)).await.id();
    let path = path(&id);
    let bodies: Vec<_> = (1..=8)
        .map(
            |n| json!({"name": n.to_string(), "description": n.to_string(), "dueTimeInMinutes": n}),
        )
        .collect();
    let responses =
        futures_util::future::join_all(bodies.iter().map(|body| manager.put(&path, body))).await;
    assert!(responses.iter().all(|response| response.status == 200));
    let last = manager.get(&path).await.json();
    assert_eq!(last["name"], last["description"]);
    assert_eq!(last["name"], last["dueTimeInMinutes"].to_string());
    // What the other replacements held for a moment is free.
    for (body, n) in bodies.iter().zip(1..) {
        let taken = last["dueTimeInMinutes"] == n;
        assert_eq!(
            manager.post(POLICIES, body).await.status,
            if taken { 400 } else { 200 }
        );
    }
}

async fn an_agent_can_read_policies_but_not_change_them() {
    let team = Team::new().await;
    let (manager, agent) = (team.livechat_manager().await, team.agent().await);
    let id = manager.post(POLICIES, &policy("Optimum", 4)).await.id();
    assert_eq!(
        agent.get(POLICIES).await.body,
        manager.get(POLICIES).await.body
    );
    assert_eq!(agent.get(&path(&id)).await.status, 200);
    let refused = [
        agent.post(POLICIES, &policy("x", 5)).await,
        agent.put(&path(&id), &policy("x", 5)).await,
        agent.delete(&path(&id)).await,
    ];
    assert!(refused.iter().all(|response| response.status == 403));
}

async fn policies_are_searched_sorted_and_paged() {
    let team = Team::new().await;
    let manager = team.livechat_manager().await;
    for (name, description, due) in [
        ("b", "Ärger", 3),
        ("B", "x.*", 1),
        ("a", "ÄRGER", 2),
        ("c", "", 4),
    ] {
        let body = json!({"name": name, "description": description, "dueTimeInMinutes": due});
        manager.post(POLICIES, &body).await.id();
    }
    let cases = [
        ("", "B a b c", 4),
        ("?sort={\"name\":-1}", "c b a B", 4),
        ("?sort=%7B%22dueTimeInMinutes%22%3A1%7D", "B a b c", 4),
        ("?sort={\"description\":1,\"name\":-1}", "c B a b", 4),
        ("?sort={\"_updatedAt\":-1}", "c a B b", 4),
        (
            "?sort={\"name\":1,\"dueTimeInMinutes\":1,\"name\":-1}",
            "c b a B",
            4,
        ),
        ("?sort={}", "B a b c", 4),
        ("?text=%C3%A4rger", "a b", 2),
        ("?text=.*", "B", 1),
        ("?text=b", "B b", 2),
        ("?text=zzz", "", 0),
        ("?count=2", "B a", 4),
        ("?count=2&offset=3", "c", 4),
        ("?count=1e0&offset=2.0", "b", 4),
        ("?count=0", "B a b c", 4),
        ("?count=1000&offset=4", "", 4),
        ("?query={\"name\":\"b\"}&fields={\"name\":1}", "B a b c", 4),
    ];
    for (query, names, total) in cases {
        let query = query
            .replace('"', "%22")
            .replace('{', "%7B")
            .replace('}', "%7D");
        let listed = manager.get(&format!("{POLICIES}{query}")).await.json();
        let rows = listed["sla"]
            .as_array()
            .unwrap_or_else(|| panic!("{query}: {listed}"));
        let listed_names: Vec<_> = rows
            .iter()
            .map(|row| row["name"].as_str().unwrap())
            .collect();
        assert_eq!(listed_names.join(" "), names, "{query}");
        assert_eq!(
            (&listed["count"], &listed["total"]),
            (&json!(listed_names.len()), &json!(total)),
            "{query}"
        );
    }
}

async fn invalid_list_parameters_are_refused() {
    let team = Team::new().await;
    let manager = team.livechat_manager().await;
    let invalid = |text: &str| {
        format!(
            r#"{{"success":false,"error":"{text} [invalid-params]","errorType":"invalid-params"}}"#
        )
    };
    for (query, text) in [
        ("page=1", "must NOT have additional properties"),
        ("count=many&page=1", "must NOT have additional properties"),
        ("count=many", "must be number"),
        ("count=", "must be number"),
        ("count=NaN", "must be number"),
        ("offset=1e999", "must be number"),
        ("text=a&text=b", "must be string"),
        ("count=1&count=1", "must be string"),
        ("offset=-1", "must be >= 0"),
    ] {
        manager
            .get(&format!("{POLICIES}?{query}"))
            .await
            .assert_is(400, &invalid(text));
    }
    for sort in [
        "xyz",
        "1",
        "[]",
        "",
        "{\"name\":2}",
        "{\"name\":\"1\"}",
        "{\"_id\":1}",
    ] {
        let query = sort
            .replace('"', "%22")
            .replace('{', "%7B")
            .replace('}', "%7D");
        let response = manager.get(&format!("{POLICIES}?sort={query}")).await;
        let text = Value::from(format!(
            "Invalid sort parameter provided: \"{sort}\" [error-invalid-sort]"
        ));
        response.assert_is(
            400,
            &format!(
                r#"{{"success":false,"error":{text},"errorType":"error-invalid-sort","details":{{"helperMethod":"parseJsonQuery"}}}}"#
            ),
        );
    }
}

async fn the_1001st_policy_is_refused() {
    let team = Team::new().await;
    let manager = team
        .user(
            &shared::domain::principal::Permission::ALL,
            Default::default(),
        )
        .await;
    let max = shared::domain::policy::MAX_POLICIES;
    // Long enough that they do not fit on one page of DynamoDB.
    let nth = |n: u32| json!({"name": n.to_string(), "description": "d".repeat(1_500), "dueTimeInMinutes": n + 1});
    for batch in 0..max / 50 {
        let bodies: Vec<_> = (0..50).map(|n| nth(batch * 50 + n)).collect();
        let created =
            futures_util::future::join_all(bodies.iter().map(|body| manager.post(POLICIES, body)))
                .await;
        created.iter().for_each(|response| drop(response.id()));
    }
    let text = format!("A workspace can have at most {max} SLA policies [error-limit-exceeded]");
    let refused =
        format!(r#"{{"success":false,"error":"{text}","errorType":"error-limit-exceeded"}}"#);
    manager
        .post(POLICIES, &nth(max))
        .await
        .assert_is(400, &refused);
    assert_duplicate(&manager.post(POLICIES, &nth(7)).await);
    let listed = manager.get(&format!("{POLICIES}?offset=990")).await.json();
    assert_eq!(
        (&listed["total"], &listed["count"]),
        (&json!(max), &json!(10))
    );
    let id = listed["sla"][0]["_id"].as_str().unwrap();
    manager
        .delete(&path(id))
        .await
        .assert_is(200, r#"{"success":true}"#);
    manager.post(POLICIES, &nth(max)).await.id();
}
