//! Webhooks: where notices are sent, how they are signed, and what becomes of a bad receiver.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use local::stack::Stack;
use local::table;
use serde_json::{Value, json};

use crate::actors::{Actor, Response, Team};
use crate::notices::{breach, feed, run, team_with_rule, ticket, ticket_soon_in_breach};
use crate::receiver::{Answer, Receiver};
use crate::world;

crate::stories![
    a_webhook_is_created_read_changed_and_deleted,
    invalid_webhooks_are_refused,
    a_team_has_at_most_ten_webhooks,
    notices_are_sent_signed_and_recorded,
    a_test_says_what_came_back,
    a_rotated_secret_signs_beside_the_new_one,
    bad_receivers_hold_up_nobody,
    a_failed_delivery_is_attempted_again,
    a_receiver_that_is_gone_is_left_alone,
    what_is_on_its_way_ends_with_its_webhook_or_its_notice,
];

/// Before the ticket's marks, so that its creation reports them.
const LONG_AGO: &str = "2026-03-02T09:00:00Z";

impl Team {
    fn webhooks(&self) -> String {
        format!("/api/v1/teams/{}/sla/webhooks", self.id)
    }
}

/// Creates a webhook. Returns its path and its secret.
async fn webhook(team: &Team, caller: &Actor, body: Value) -> (String, String) {
    let created = caller.post(&team.webhooks(), &body).await;
    assert_eq!(created.status, 201, "{}", created.body);
    let secret = created.json()["data"]["secret"]
        .as_str()
        .unwrap()
        .to_owned();
    (format!("{}/{}", team.webhooks(), created.id()), secret)
}

async fn deliveries(caller: &Actor, webhook: &str) -> Vec<Value> {
    let list = caller.get(&format!("{webhook}/deliveries")).await;
    list.json()["data"].as_array().unwrap().clone()
}

/// Waits until all deliveries to a webhook have this status. Returns them.
async fn settled(caller: &Actor, webhook: &str, status: &str) -> Vec<Value> {
    for _ in 0..200 {
        let deliveries = deliveries(caller, webhook).await;
        if deliveries
            .iter()
            .all(|delivery| delivery["status"] == status)
        {
            return deliveries;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{status}: {:?}", deliveries(caller, webhook).await);
}

async fn a_webhook_is_created_read_changed_and_deleted() {
    let team = Team::new().await;
    let caller = team.secret_key().await;
    let body = json!({"url": "https://hooks.example.com/sla", "types": ["sla.breached"], "description": "Chat"});
    let once = caller.with("idempotency-key", "webhook-1");
    let created = once.post(&team.webhooks(), &body).await;
    let (id, data) = (created.id(), created.json()["data"].clone());
    let path = format!("{}/{id}", team.webhooks());
    let (secret, at) = (
        data["secret"].as_str().unwrap(),
        data["createdAt"].as_str().unwrap(),
    );
    assert!(
        secret.starts_with("whsec_") && secret.len() == 50,
        "{secret}"
    );
    crate::log::record_secret(secret);
    let members = |types: &str, rest: &str| {
        format!(
            r#"{{"id":"{id}","url":"https://hooks.example.com/sla","types":[{types}],{rest},"createdAt":"{at}""#
        )
    };
    let whole = members(
        r#""sla.breached""#,
        r#""enabled":true,"description":"Chat""#,
    );
    created.assert_is(
        201,
        &format!(r#"{{"success":true,"data":{whole},"secret":"{secret}"}}}}"#),
    );
    assert_eq!(created.header("location"), Some(path.as_str()));
    assert_eq!(created.header("etag"), Some("\"1\""));
    let again = once.post(&team.webhooks(), &body).await;
    assert_eq!(
        (again.status, again.body.as_str()),
        (201, created.body.as_str())
    );
    let other = json!({"url": "https://hooks.example.com/other"});
    assert_eq!(once.post(&team.webhooks(), &other).await.status, 409);

    let read = caller.get(&path).await;
    read.assert_is(200, &format!(r#"{{"success":true,"data":{whole}}}}}"#));
    let list = caller.get(&team.webhooks()).await;
    list.assert_is(200, &format!(r#"{{"success":true,"data":[{whole}}}]}}"#));
    for (path, read) in [(&path, &read), (&team.webhooks(), &list)] {
        let known = caller.with("if-none-match", read.header("etag").unwrap());
        assert_eq!(known.get(path).await.status, 304);
    }
    let stale = caller.with("if-match", "\"7\"");
    for response in [
        stale.patch(&path, &json!({"enabled": false})).await,
        stale.delete(&path).await,
        stale
            .send(http::Method::POST, &format!("{path}/rotate"), Vec::new())
            .await,
    ] {
        assert_eq!(response.status, 412, "{}", response.body);
    }
    let once = caller.with("idempotency-key", "webhook-2");
    let change = json!({"types": [], "description": null, "enabled": false});
    let changed = once.patch(&path, &change).await;
    let whole = members("", r#""enabled":false"#);
    changed.assert_is(200, &format!(r#"{{"success":true,"data":{whole}}}}}"#));
    assert_eq!(
        once.patch(&path, &json!({"enabled": true})).await.status,
        409
    );
    let deleted = caller.delete(&path).await;
    deleted.assert_is(
        200,
        &format!(r#"{{"success":true,"data":{{"id":"{id}","deleted":true}}}}"#),
    );
    assert_eq!(caller.get(&path).await.status, 404);
}

async fn invalid_webhooks_are_refused() {
    let team = Team::new().await;
    let caller = team.secret_key().await;
    let long = format!("https://example.com/{}", "a".repeat(2_000));
    for (body, param, requirement) in [
        (json!({"url": 1}), "url", "must be an absolute https URL"),
        (
            json!({"url": "example.com"}),
            "url",
            "must be an absolute https URL",
        ),
        (
            json!({"url": long}),
            "url",
            "must be at most 2,000 characters",
        ),
        (
            json!({"url": "http://example.com/"}),
            "url",
            "must be an https URL",
        ),
        (
            json!({"url": "https://a:b@example.com/"}),
            "url",
            "must not contain a user name or a password",
        ),
        (
            json!({"url": "https://example.com:25/"}),
            "url",
            "must use port 443, or a port from 1024",
        ),
        (
            json!({"url": "https://0x7f.1/"}),
            "url",
            "must lead to a public address",
        ),
        (
            json!({"url": "https://[::ffff:169.254.169.254]/"}),
            "url",
            "must lead to a public address",
        ),
        (
            json!({"url": "https://example.com", "enabled": 1}),
            "enabled",
            "must be true or false",
        ),
        (
            json!({"url": "https://example.com", "types": ["x"]}),
            "types",
            "must be a list of sla.warning, sla.breached, sla.escalated and sla.withdrawn, each at most once",
        ),
        (
            json!({"url": "https://example.com", "description": "x".repeat(201)}),
            "description",
            "must be a string of at most 200 characters",
        ),
    ] {
        let refused = caller.post(&team.webhooks(), &body).await;
        let message = format!("The '{param}' field {requirement}.");
        refused.assert_violation(param, "parameter_invalid", &message);
    }
    let refused = caller.post(&team.webhooks(), &json!({})).await;
    refused.assert_violation("url", "parameter_missing", "The 'url' field is required.");
    for (query, param) in [
        ("limit=0", "limit"),
        ("cursor=x", "cursor"),
        ("status=x", "status"),
    ] {
        let (path, _) = webhook(&team, &caller, json!({"url": "https://example.com"})).await;
        let refused = caller.get(&format!("{path}/deliveries?{query}")).await;
        assert_eq!(refused.json()["error"]["param"], param, "{}", refused.body);
        caller.delete(&path).await;
    }
    let (path, _) = webhook(&team, &caller, json!({"url": "https://example.com"})).await;
    let key = caller.with("idempotency-key", "");
    let refused = key
        .send(http::Method::POST, &format!("{path}/rotate"), Vec::new())
        .await;
    assert_eq!(refused.status, 400, "{}", refused.body);
}

async fn a_team_has_at_most_ten_webhooks() {
    let team = Team::new().await;
    let caller = team.secret_key().await;
    let body = json!({"url": "https://example.com/"});
    let mut last = String::new();
    for _ in 0..10 {
        (last, _) = webhook(&team, &caller, body.clone()).await;
    }
    let refused = caller.post(&team.webhooks(), &body).await;
    let message = "A team can have at most 10 webhooks.";
    refused.assert_cstar_error(400, "invalid_request_error", "limit_exceeded", message, "");
    caller.delete(&last).await;
    webhook(&team, &caller, body).await;
}

async fn notices_are_sent_signed_and_recorded() {
    let (stack, _turn) = world::sweeping_stack().await;
    let (team, caller, _) = team_with_rule(stack).await;
    let receiver = Receiver::start(Answer::Status(200)).await;
    let (path, secret) = webhook(&team, &caller, json!({"url": receiver.url})).await;
    let warnings = json!({"url": receiver.url, "types": ["sla.warning"]});
    let (unwanted, _) = webhook(&team, &caller, warnings).await;
    ticket(&team, &caller, json!({"createdAt": LONG_AGO})).await;
    assert_eq!(receiver.received().len(), 0, "endpoints send nothing");
    run(stack, "WebhookDeliver").await;
    let messages = receiver.messages(2).await;
    let feed = feed(&team, &caller).await;
    let mut sent = BTreeSet::new();
    for message in &messages {
        message.assert_signed(&secret);
        let body = message.json();
        assert_eq!(message.headers["webhook-id"], body["id"].as_str().unwrap());
        assert_eq!(message.headers["content-type"], "application/json");
        assert!(message.headers["user-agent"].starts_with("Dueline/"));
        assert!(feed.contains(&body), "it is in the feed");
        sent.insert(message.body.clone());
    }
    assert_eq!(sent.len(), 2);
    let delivered = settled(&caller, &path, "delivered").await;
    assert_eq!(delivered.len(), 2);
    for (delivery, notice) in delivered.iter().zip(feed.iter().rev()) {
        assert_eq!(delivery["noticeId"], notice["id"], "newest first");
        let (last, id) = (&delivery["lastAttempt"], delivery["id"].as_str().unwrap());
        assert!(id.starts_with("dlv_") && id.len() == 68);
        let whole = json!({
            "id": id,
            "noticeId": notice["id"],
            "type": "sla.breached",
            "status": "delivered",
            "attempts": 1,
            "createdAt": notice["timestamp"],
            "lastAttempt": {"at": last["at"], "delivered": true, "status": 200,
                "milliseconds": last["milliseconds"], "body": "note"},
        });
        assert_eq!(*delivery, whole);
    }
    assert_eq!(deliveries(&caller, &unwanted).await, Vec::<Value>::new());
    let page = caller
        .get(&format!("{path}/deliveries?limit=1&status=delivered"))
        .await
        .json();
    let next = page["nextCursor"].as_str().unwrap();
    let rest = caller
        .get(&format!("{path}/deliveries?cursor={next}"))
        .await
        .json();
    assert_eq!(rest["data"], json!([delivered[1]]));
}

async fn a_test_says_what_came_back() {
    let team = Team::new().await;
    let caller = team.secret_key().await;
    let receiver = Receiver::start(Answer::Status(202)).await;
    let (path, secret) = webhook(
        &team,
        &caller,
        json!({"url": receiver.url, "enabled": false}),
    )
    .await;
    let test = async || {
        let path = format!("{path}/test");
        let response = caller.send(http::Method::POST, &path, Vec::new()).await;
        assert_eq!(response.status, 200, "{}", response.body);
        let mut data = response.json()["data"].clone();
        let members = data.as_object_mut().unwrap();
        let at: Timestamp = members
            .shift_remove("at")
            .unwrap()
            .as_str()
            .unwrap()
            .parse()
            .unwrap();
        assert!(at <= Timestamp::now());
        assert!(members.shift_remove("milliseconds").unwrap().is_u64());
        data
    };
    assert_eq!(
        test().await,
        json!({"delivered": true, "status": 202, "body": "note"})
    );
    let message = receiver.messages(1).await.remove(0);
    message.assert_signed(&secret);
    let body = message.json();
    let whole = json!({"id": message.headers["webhook-id"], "type": "sla.test",
        "timestamp": body["timestamp"], "data": {"teamId": team.id.as_str()}});
    assert_eq!(body, whole);
    receiver.answer_with(Answer::With(302, "location: http://169.254.169.254/"));
    assert_eq!(test().await, json!({"delivered": false, "status": 302}));
    receiver.answer_with(Answer::Nothing);
    let late = json!({"delivered": false, "error": "the receiver did not answer within 5 seconds"});
    assert_eq!(test().await, late);
}

async fn a_rotated_secret_signs_beside_the_new_one() {
    let team = Team::new().await;
    let caller = team.secret_key().await;
    let receiver = Receiver::start(Answer::Status(200)).await;
    let (path, old) = webhook(&team, &caller, json!({"url": receiver.url})).await;
    let rotated = caller
        .send(http::Method::POST, &format!("{path}/rotate"), Vec::new())
        .await;
    assert_eq!(
        (rotated.status, rotated.header("etag")),
        (200, Some("\"2\""))
    );
    let new = rotated.json()["data"]["secret"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_ne!(old, new);
    caller
        .send(http::Method::POST, &format!("{path}/test"), Vec::new())
        .await;
    let message = receiver.messages(1).await.remove(0);
    message.assert_signed(&old);
    message.assert_signed(&new);
    assert_eq!(message.headers["webhook-signature"].split(' ').count(), 2);
}

async fn bad_receivers_hold_up_nobody() {
    let (stack, _turn) = world::sweeping_stack().await;
    let (team, caller, _) = team_with_rule(stack).await;
    let mut bad = Vec::new();
    for answer in [
        Answer::Nothing,
        Answer::Endless,
        Answer::Status(500),
        Answer::With(307, "location: http://169.254.169.254/latest/meta-data/"),
    ] {
        let receiver = Receiver::start(answer).await;
        bad.push(
            webhook(&team, &caller, json!({"url": receiver.url}))
                .await
                .0,
        );
    }
    let good = Receiver::start(Answer::Status(200)).await;
    webhook(&team, &caller, json!({"url": good.url})).await;
    for number in 0..10 {
        let body = json!({"id": format!("t{number}"), "createdAt": LONG_AGO});
        ticket(&team, &caller, body).await;
    }
    let started = Instant::now();
    let (_, took) = tokio::join!(run(stack, "WebhookDeliver"), async {
        good.messages(20).await;
        started.elapsed()
    });
    assert!(
        took < Duration::from_secs(5),
        "the good one waits for no other: {took:?}"
    );
    let whole = started.elapsed();
    assert!(whole < Duration::from_secs(25), "the run ends: {whole:?}");
    // An answer with success is one, however long its body is.
    settled(&caller, &bad[1], "delivered").await;
    for path in [&bad[0], &bad[2], &bad[3]] {
        for delivery in deliveries(&caller, path).await {
            assert_eq!(delivery["status"], "pending", "{delivery}");
            assert_eq!(delivery["lastAttempt"]["delivered"], false, "{delivery}");
        }
    }
    // Nor does the sweep wait for them.
    let at = ticket_soon_in_breach(&team, &caller).await;
    let (_, late) = tokio::join!(breach(stack, (&team, &caller), 1, at), async {
        good.messages(21).await;
        at.duration_until(Timestamp::now())
    });
    assert!(
        late < SignedDuration::from_secs(5),
        "it arrives on time: {late}"
    );
}

/// Brings the next attempt of every pending delivery to a webhook forward, as if its time had come.
async fn bring_forward(stack: &Stack, webhook: &str) {
    let id = webhook.rsplit('/').next().unwrap();
    let past = "2026-03-02T10:00:00Z";
    for mut item in table::items(stack.dynamodb()).await.unwrap() {
        let is_due =
            item.contains_key("dueSk") && item["sk"]["S"].as_str().unwrap().starts_with(id);
        if is_due {
            let sort_key = format!(
                "2026-03-02T10:00:00.000000000Z#{}",
                item["pk"]["S"].as_str().unwrap()
            );
            item.insert("nextAttemptAt".to_owned(), json!({"S": past}));
            item.insert("dueSk".to_owned(), json!({"S": sort_key}));
            table::put(stack.dynamodb(), item).await.unwrap();
        }
    }
}

async fn a_failed_delivery_is_attempted_again() {
    let (stack, _turn) = world::sweeping_stack().await;
    let (team, caller, _) = team_with_rule(stack).await;
    let receiver = Receiver::start(Answer::With(503, "retry-after: 600")).await;
    let (path, _) = webhook(&team, &caller, json!({"url": receiver.url})).await;
    ticket(&team, &caller, json!({"createdAt": LONG_AGO})).await;
    run(stack, "WebhookDeliver").await;
    for delivery in settled(&caller, &path, "pending").await {
        let instant = |value: &Value| value.as_str().unwrap().parse::<Timestamp>().unwrap();
        let pause = instant(&delivery["lastAttempt"]["at"])
            .duration_until(instant(&delivery["nextAttemptAt"]));
        assert!(
            (600..660).contains(&pause.as_secs()),
            "as the receiver asks: {delivery}"
        );
    }
    // What fails eleven times in all is given up.
    receiver.answer_with(Answer::Status(500));
    for _ in 0..12 {
        bring_forward(stack, &path).await;
        run(stack, "WebhookDeliver").await;
    }
    let given_up = settled(&caller, &path, "failed").await;
    assert_eq!(given_up[0]["attempts"], 11);
    assert_eq!(receiver.received().len(), 22);
    let ids: BTreeSet<String> = receiver
        .received()
        .iter()
        .map(|message| message.headers["webhook-id"].clone())
        .collect();
    assert_eq!(ids.len(), 2, "a message has the same id at every attempt");
    receiver.answer_with(Answer::Status(204));
    let retried = retry(&team, &caller, &given_up[0]).await;
    let data = &retried.json()["data"];
    assert_eq!(
        (&data["status"], &data["attempts"]),
        (&json!("pending"), &json!(0))
    );
    run(stack, "WebhookDeliver").await;
    let delivered = caller
        .get(&format!("{path}/deliveries?status=delivered"))
        .await
        .json();
    assert_eq!(delivered["data"][0]["id"], given_up[0]["id"]);
}

async fn retry(team: &Team, caller: &Actor, delivery: &Value) -> Response {
    let id = delivery["id"].as_str().unwrap();
    let path = format!("/api/v1/teams/{}/sla/deliveries/{id}/retry", team.id);
    caller.send(http::Method::POST, &path, Vec::new()).await
}

async fn a_receiver_that_is_gone_is_left_alone() {
    let (stack, _turn) = world::sweeping_stack().await;
    let (team, caller, _) = team_with_rule(stack).await;
    let receiver = Receiver::start(Answer::Status(410)).await;
    let (path, _) = webhook(&team, &caller, json!({"url": receiver.url})).await;
    ticket(&team, &caller, json!({"createdAt": LONG_AGO})).await;
    run(stack, "WebhookDeliver").await;
    let failed = settled(&caller, &path, "failed").await;
    let data = caller.get(&path).await.json()["data"].clone();
    assert_eq!(
        (&data["enabled"], &data["disabledReason"]),
        (&json!(false), &json!("gone"))
    );
    let refused = retry(&team, &caller, &failed[0]).await;
    let message = "The webhook is disabled. Enable it first.";
    refused.assert_cstar_error(
        409,
        "invalid_request_error",
        "webhook_disabled",
        message,
        "",
    );
    let sent = receiver.received().len();
    ticket(&team, &caller, json!({"createdAt": LONG_AGO})).await;
    run(stack, "WebhookDeliver").await;
    assert_eq!(receiver.received().len(), sent);
    let enabled = caller.patch(&path, &json!({"enabled": true})).await.json();
    assert_eq!(enabled["data"]["disabledReason"], Value::Null);
    assert_eq!(retry(&team, &caller, &failed[0]).await.status, 200);
}

async fn what_is_on_its_way_ends_with_its_webhook_or_its_notice() {
    let (stack, _turn) = world::sweeping_stack().await;
    let (team, caller, _) = team_with_rule(stack).await;
    let receiver = Receiver::start(Answer::Status(200)).await;
    let (deleted, _) = webhook(&team, &caller, json!({"url": receiver.url})).await;
    let (disabled, _) = webhook(&team, &caller, json!({"url": receiver.url})).await;
    let (kept, _) = webhook(&team, &caller, json!({"url": receiver.url})).await;
    let path = ticket(&team, &caller, json!({"createdAt": LONG_AGO})).await;
    let lost = deliveries(&caller, &deleted).await;
    assert_eq!(lost.len(), 2);
    caller.delete(&deleted).await;
    caller.patch(&disabled, &json!({"enabled": false})).await;
    caller.delete(&path).await;
    run(stack, "WebhookDeliver").await;
    assert_eq!(receiver.received().len(), 0);
    assert_eq!(deliveries(&caller, &kept).await, Vec::<Value>::new());
    assert_eq!(retry(&team, &caller, &lost[0]).await.status, 404);
    assert_eq!(
        caller.get(&format!("{deleted}/deliveries")).await.status,
        404
    );
    let items = table::items(stack.dynamodb()).await.unwrap();
    let left = items
        .iter()
        .filter(|item| item["pk"]["S"] == format!("DELIVERY#{}#live", team.id));
    assert_eq!(left.count(), 0);
}
