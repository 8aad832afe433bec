//! Every endpoint, and every way in which it refuses a request. The endpoints come from `api::ALL`,
//! so a new one is covered as soon as it is listed there.

use std::collections::BTreeSet;

use http::Method;
use jiff::Timestamp;
use local::examples::{Operation, collection, resource_parameter};
use serde_json::{Value, json};
use shared::api::{self, Access, Endpoint};
use shared::auth::issue::Terms;
use shared::auth::key::{Key, Token};
use shared::dialect::Dialect;
use shared::domain::principal::{CredentialKind, Mode, Permission, Plan};
use shared::fields::MAX_BODY_BYTES;

use crate::actors::{Actor, Response, Team, limited_to};
use crate::contract::{openapi, upper_camel};
use crate::world;

crate::stories![
    requests_without_a_valid_credential_are_unauthenticated,
    a_revocation_takes_effect_on_the_next_call,
    publishable_keys_are_refused_everywhere,
    other_teams_look_nonexistent,
    users_without_permission_or_plan_are_refused_before_the_body_is_read,
    rate_limited_callers_learn_when_to_retry,
    users_who_may_bypass_the_limit_are_not_limited,
    unsupported_methods_get_405_with_the_supported_ones,
    unknown_paths_get_404_in_their_dialect,
    oversized_and_non_json_bodies_are_refused,
    hostile_headers_and_paths_never_cause_a_5xx,
];

/// The endpoints that need a credential.
pub fn guarded() -> impl Iterator<Item = &'static Endpoint> {
    api::ALL
        .iter()
        .copied()
        .filter(|endpoint| endpoint.access != Access::Anyone)
}

fn guarded_in(dialect: Dialect) -> impl Iterator<Item = &'static Endpoint> {
    guarded().filter(move |endpoint| endpoint.dialect == dialect)
}

/// The contract's operation of the endpoint. Its examples are what is sent.
fn documented(endpoint: &Endpoint) -> Operation<'_> {
    Operation::new(openapi(), &endpoint.method, endpoint.path)
}

/// The endpoint's path in a team, with ids that are well-formed and unknown.
pub fn path(endpoint: &Endpoint, team: &str) -> String {
    documented(endpoint).path(&[("teamId", team)]).unwrap()
}

/// The endpoint's path to a resource that this caller has just created.
pub async fn existing(endpoint: &Endpoint, caller: &Actor, team: &Team) -> String {
    if is_inquiry(endpoint) {
        let key = team.secret_key().await;
        let (ticket, policy) = (api::TICKET_CREATE.endpoint(), api::POLICY_CREATE.endpoint());
        let team = team.id.as_str();
        let mut room = body(ticket);
        room["id"] = body(endpoint)["roomId"].clone();
        key.post(&path(ticket, team), &room).await;
        caller.post(&path(policy, team), &body(policy)).await;
    }
    if endpoint.path == api::DELIVERY_RETRY.endpoint().path {
        return format!("{}/retry", delivery(caller, team).await);
    }
    let team = team.id.as_str();
    let Some(parameter) = resource_parameter(endpoint.path) else {
        return path(endpoint, team);
    };
    let creates = |e: &&&Endpoint| e.path == collection(endpoint.path) && e.method == Method::POST;
    let create = api::ALL
        .iter()
        .find(creates)
        .expect("an endpoint creates these resources");
    let created = caller.post(&path(create, team), &body(create)).await;
    let values = [("teamId", team), (parameter, &created.id())];
    documented(endpoint).path(&values).unwrap()
}

/// The path of a delivery: of the breach of a ticket that is late at its creation.
async fn delivery(caller: &Actor, team: &Team) -> String {
    let team = team.id.as_str();
    let (rule, webhook) = (api::RULE_CREATE.endpoint(), api::WEBHOOK_CREATE.endpoint());
    let mut new_rule = body(rule);
    new_rule["priority"] = "urgent".into();
    caller.post(&path(rule, team), &new_rule).await;
    let webhook = caller.post(&path(webhook, team), &body(webhook)).await;
    let late = json!({"priority": "urgent", "createdAt": "2026-03-02T09:00:00Z"});
    let tickets = path(api::TICKET_CREATE.endpoint(), team);
    assert_eq!(caller.post(&tickets, &late).await.status, 201);
    let of_webhook = format!("{}/deliveries", webhook.header("location").unwrap());
    let deliveries = caller.get(&of_webhook).await.json();
    let id = deliveries["data"][0]["id"].as_str().expect("a delivery");
    format!("/api/v1/teams/{team}/sla/deliveries/{id}")
}

/// A body that the endpoint accepts.
pub fn body(endpoint: &Endpoint) -> Value {
    documented(endpoint).body().unwrap().value.clone()
}

/// A file that holiday-replace accepts.
pub const HOLIDAYS: &str = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\n\
    DTSTART;VALUE=DATE:20261225\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

/// Whether the endpoint reads JSON.
fn reads_json(endpoint: &Endpoint) -> bool {
    endpoint.has_body() && documented(endpoint).body().unwrap().is_json()
}

/// Sends a valid request to [`path`]; if the path names a resource, there is no such resource.
pub async fn send_valid(actor: &Actor, endpoint: &Endpoint, team: &str) -> Response {
    send_valid_to(actor, endpoint, &path(endpoint, team)).await
}

fn is_inquiry(endpoint: &Endpoint) -> bool {
    endpoint.path == api::INQUIRY_SET_SLA.endpoint().path
}

/// The status of the response to [`send_valid`] in a team that has nothing yet.
pub fn usual_status(endpoint: &Endpoint) -> u16 {
    // Its body names a ticket and a policy.
    let names_one = resource_parameter(endpoint.path).is_some() || is_inquiry(endpoint);
    match documented(endpoint).statuses().any(|status| status == 404) {
        true if names_one => 404,
        false if names_one => 400,
        _ => documented(endpoint).success().expect("a success"),
    }
}

/// Sends a valid request to a path of the endpoint.
pub async fn send_valid_to(actor: &Actor, endpoint: &Endpoint, path: &str) -> Response {
    let (method, mut actor, mut text) = (endpoint.method.clone(), actor.clone(), String::new());
    if endpoint.has_body() {
        let body = documented(endpoint).body().unwrap();
        (actor, text) = (actor.with("content-type", body.content_type), body.text());
    }
    actor.send(method, path, text.into_bytes()).await
}

/// Asserts that the caller may make the request, whatever else the endpoint says about it.
#[track_caller]
fn assert_admitted(response: &Response) {
    let refused = [401, 403, 405, 429].contains(&response.status) || response.status >= 500;
    assert!(!refused, "{}: {}", response.status, response.body);
}

#[track_caller]
fn assert_unauthenticated(response: &Response, endpoint: &Endpoint) {
    match endpoint.dialect {
        Dialect::Cstar => {
            let (kind, code) = ("authentication_error", "authentication_required");
            response.assert_cstar_error(401, kind, code, "Invalid or expired API key", "");
            assert_eq!(response.header("www-authenticate"), Some("Bearer"));
        }
        Dialect::RocketChat => {
            response.assert_is(
                401,
                r#"{"status":"error","message":"You must be logged in to do this."}"#,
            );
        }
    }
    assert_eq!(
        response.header("x-ratelimit-limit"),
        None,
        "unauthenticated calls are not counted"
    );
}

async fn requests_without_a_valid_credential_are_unauthenticated() {
    let team = Team::new().await;
    let expired = Terms {
        expires_at: Some(Timestamp::UNIX_EPOCH),
        limit: None,
    };
    for endpoint in guarded() {
        let callers = match endpoint.dialect {
            Dialect::Cstar => {
                let valid = team.secret_key().await.headers.remove(0).1;
                let never_issued = Key::generate(CredentialKind::Secret, Mode::Live)
                    .unwrap()
                    .unwrap();
                let bearer = |value: &str| team.anonymous().with("authorization", value);
                vec![
                    team.anonymous(),
                    bearer(""),
                    bearer("Bearer"),
                    bearer("Bearer "),
                    bearer("Bearer sk_live_your_key"),
                    bearer(&valid.replace("Bearer", "Basic")),
                    bearer(valid.trim_start_matches("Bearer ")),
                    bearer(&format!("{valid}0")),
                    bearer(&format!("{valid} {valid}")),
                    bearer(&format!("Bearer {never_issued}")),
                    bearer(&valid).with("authorization", valid.clone()),
                    team.key(CredentialKind::Secret, Mode::Live, expired).await,
                ]
            }
            Dialect::RocketChat => {
                let manager = team.livechat_manager().await;
                let (user, token) = (manager.headers[0].1.clone(), manager.headers[1].1.clone());
                let never_issued = Token::generate().unwrap();
                let other_users_token = team.livechat_manager().await.headers[1].1.clone();
                let login = |user: &str, token: &str| team.with_token(user, token);
                vec![
                    team.anonymous(),
                    team.anonymous().with("x-user-id", user.clone()),
                    team.anonymous().with("x-auth-token", token.clone()),
                    login("", ""),
                    login(&user, "short"),
                    login(&user, &never_issued),
                    login(&user, &other_users_token),
                    login("nobody", &token),
                    login(&token, &user),
                    team.user(&[Permission::ManageLivechatSla], expired).await,
                ]
            }
        };
        for caller in callers {
            assert_unauthenticated(
                &send_valid(&caller, endpoint, team.id.as_str()).await,
                endpoint,
            );
        }
    }
}

async fn a_revocation_takes_effect_on_the_next_call() {
    let team = Team::new().await;
    for endpoint in guarded() {
        let caller = team.permitted_caller(endpoint).await;
        let before = send_valid(&caller, endpoint, team.id.as_str()).await;
        assert_eq!(before.status, usual_status(endpoint), "{}", before.body);
        team.revoke(&caller).await;
        let after = send_valid(&caller, endpoint, team.id.as_str()).await;
        assert_unauthenticated(&after, endpoint);
    }
}

#[track_caller]
fn assert_forbidden(response: &Response, message: &str) {
    let (kind, code) = ("authorization_error", "insufficient_permissions");
    response.assert_cstar_error(403, kind, code, message, "");
    assert!(
        response.header("x-ratelimit-remaining").is_some(),
        "the call was counted"
    );
}

async fn publishable_keys_are_refused_everywhere() {
    let team = Team::new().await;
    for endpoint in guarded_in(Dialect::Cstar) {
        let caller = team.publishable_key().await;
        let response = send_valid(&caller, endpoint, team.id.as_str()).await;
        assert_forbidden(&response, "Secret key required for this endpoint");
    }
}

/// A team that exists, one that does not, and what is not even an id get the same response.
async fn other_teams_look_nonexistent() {
    let (team, other) = (Team::new().await, Team::new().await);
    let message = "API key does not have access to this team";
    for endpoint in guarded_in(Dialect::Cstar) {
        let secret = team.secret_key().await;
        let longest = "x".repeat(200);
        for id in [
            other.id.as_str(),
            "team_0",
            "no%20team%23live",
            "%C3%A9",
            &longest,
        ] {
            assert_forbidden(&send_valid(&secret, endpoint, id).await, message);
        }
        let test = team.test_key().await;
        let response = send_valid(&test, endpoint, other.id.as_str()).await;
        assert_forbidden(&response, message);
    }
}

async fn users_without_permission_or_plan_are_refused_before_the_body_is_read() {
    let team = Team::new().await;
    let community_team = Team::on(world::stack(), Plan::Community).await;
    for endpoint in guarded_in(Dialect::RocketChat) {
        let Access::User(any_of) = endpoint.access else {
            panic!("{} does not accept users", endpoint.name);
        };
        let others = Permission::ALL
            .into_iter()
            .filter(|permission| !any_of.contains(permission));
        let unprivileged = team
            .user(&others.collect::<Vec<_>>(), Terms::default())
            .await;
        let path = path(endpoint, "");
        let invalid = unprivileged
            .send(endpoint.method.clone(), &path, b"{".to_vec())
            .await;
        let text =
            "User does not have the permissions required for this action [error-unauthorized]";
        invalid.assert_is(403, &format!(r#"{{"success":false,"error":"{text}"}}"#));
        for permission in any_of {
            let allowed = team.user(&[*permission], Terms::default()).await;
            assert_admitted(&send_valid(&allowed, endpoint, "").await);
            let unpaid = community_team.user(&[*permission], Terms::default()).await;
            let response = unpaid
                .send(endpoint.method.clone(), &path, b"{".to_vec())
                .await;
            response.assert_is(403, r#"{"success":false,"error":"unauthorized"}"#);
        }
    }
}

async fn rate_limited_callers_learn_when_to_retry() {
    let team = Team::new().await;
    for endpoint in guarded() {
        let caller = match endpoint.dialect {
            Dialect::Cstar => {
                team.key(CredentialKind::Secret, Mode::Live, limited_to(2))
                    .await
            }
            Dialect::RocketChat => team.user(&Permission::ALL[..2], limited_to(2)).await,
        };
        for remaining in ["1", "0"] {
            let response = send_valid(&caller, endpoint, team.id.as_str()).await;
            assert_admitted(&response);
            assert_eq!(response.header("x-ratelimit-limit"), Some("2"));
            assert_eq!(response.header("x-ratelimit-remaining"), Some(remaining));
        }
        // Each process refuses first by the table, then from memory, in the same words.
        for _ in 0..5 {
            let sent_at = Timestamp::now();
            let response = send_valid(&caller, endpoint, team.id.as_str()).await;
            assert_rate_limited(&response, endpoint, sent_at);
        }
    }
}

#[track_caller]
fn assert_rate_limited(response: &Response, endpoint: &Endpoint, sent_at: Timestamp) {
    let wait: i64 = response
        .header("retry-after")
        .expect("a Retry-After")
        .parse()
        .unwrap();
    let reset: i64 = response
        .header("x-ratelimit-reset")
        .expect("an X-RateLimit-Reset")
        .parse()
        .unwrap();
    assert_eq!(response.header("x-ratelimit-remaining"), Some("0"));
    let reset_second = match endpoint.dialect {
        Dialect::Cstar => {
            let message = format!("Rate limit exceeded. Try again in {wait} seconds");
            response.assert_cstar_error(
                429,
                "rate_limit_error",
                "rate_limit_exceeded",
                &message,
                "",
            );
            assert_eq!(response.header("x-ratelimit-window"), Some("86400"));
            assert_eq!(
                response.header("ratelimit-policy"),
                Some("\"default\";q=2;w=86400")
            );
            let left = format!("\"default\";r=0;t={wait}");
            assert_eq!(response.header("ratelimit"), Some(left.as_str()));
            reset
        }
        Dialect::RocketChat => {
            let text = format!(
                "Error, too many requests. Please slow down. You must wait {wait} seconds before \
                 trying this endpoint again. [error-too-many-requests]"
            );
            response.assert_is(429, &format!(r#"{{"success":false,"error":"{text}"}}"#));
            assert_eq!(reset % 1_000, 0, "milliseconds");
            reset / 1_000
        }
    };
    assert_eq!(
        reset_second % 86_400,
        0,
        "a window of a day ends with the day"
    );
    // The wait was computed at some time after the request was sent and before the response came.
    let left_at = |at: Timestamp| (reset_second * 1_000 - at.as_millisecond() + 999) / 1_000;
    let possible = left_at(Timestamp::now())..=left_at(sent_at);
    assert!(possible.contains(&wait), "{wait} is not in {possible:?}");
}

async fn users_who_may_bypass_the_limit_are_not_limited() {
    let team = Team::new().await;
    for endpoint in guarded_in(Dialect::RocketChat) {
        let caller = team.user(&Permission::ALL, limited_to(1)).await;
        for _ in 0..3 {
            let response = send_valid(&caller, endpoint, "").await;
            assert_admitted(&response);
            assert_eq!(response.header("x-ratelimit-limit"), None);
        }
    }
}

async fn unsupported_methods_get_405_with_the_supported_ones() {
    let team = Team::new().await;
    let paths: BTreeSet<&str> = api::ALL
        .iter()
        .filter(|e| !e.is_default())
        .map(|e| e.path)
        .collect();
    for template in paths {
        let endpoints = api::ALL.iter().filter(|endpoint| endpoint.path == template);
        let allow: Vec<&str> = endpoints
            .clone()
            .map(|endpoint| endpoint.method.as_str())
            .collect();
        let path = path(endpoints.clone().next().unwrap(), team.id.as_str());
        let dialect = endpoints.clone().next().unwrap().dialect;
        let methods = [
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
            Method::OPTIONS,
        ];
        for method in methods
            .into_iter()
            .filter(|method| !allow.contains(&method.as_str()))
        {
            let response = team.anonymous().send(method, &path, b"{".to_vec()).await;
            match dialect {
                Dialect::Cstar => {
                    let message = format!("This path answers only {}.", allow.join(", "));
                    let (kind, code) = ("invalid_request_error", "method_not_allowed");
                    response.assert_cstar_error(405, kind, code, &message, "");
                }
                Dialect::RocketChat => {
                    response.assert_is(
                        405,
                        r#"{"status":"error","message":"API endpoint does not exist"}"#,
                    );
                }
            }
            assert_eq!(response.header("allow"), Some(allow.join(", ").as_str()));
        }
    }
}

async fn unknown_paths_get_404_in_their_dialect() {
    let anonymous = Team::new().await.anonymous();
    for path in [
        "/",
        "/api",
        "/api/v1/",
        "/api/v1/teams/t/sla/rules/a/b",
        "/API/v1/health",
        "/api/v1/livechats",
    ] {
        let response = anonymous.get(path).await;
        let message = "There is no endpoint at this path.";
        response.assert_cstar_error(404, "not_found_error", "resource_missing", message, "");
    }
    for path in [
        "/api/v1/livechat/",
        "/api/v1/livechat/nowhere",
        "/api/v1/livechat/sla/a/b",
    ] {
        let response = anonymous.get(path).await;
        response.assert_is(
            404,
            r#"{"success":false,"error":"API endpoint does not exist"}"#,
        );
    }
}

async fn oversized_and_non_json_bodies_are_refused() {
    let team = Team::new().await;
    for endpoint in guarded().filter(|endpoint| reads_json(endpoint)) {
        let caller = team.permitted_caller(endpoint).await;
        let path = existing(endpoint, &caller, &team).await;
        let json = caller.with("content-type", "application/json");
        let mut large = body(endpoint);
        large["name"] = Value::from("x".repeat(MAX_BODY_BYTES));
        let response = json
            .send(
                endpoint.method.clone(),
                &path,
                large.to_string().into_bytes(),
            )
            .await;
        match endpoint.dialect {
            Dialect::Cstar => {
                let message = "The request body may have at most 65536 bytes.";
                let (kind, code) = ("invalid_request_error", "body_too_large");
                response.assert_cstar_error(413, kind, code, message, "");
            }
            Dialect::RocketChat => response.assert_is(
                413,
                r#"{"success":false,"error":"Request body too large [error-body-too-large]","errorType":"error-body-too-large"}"#,
            ),
        }
        let valid = body(endpoint).to_string();
        for declared in [
            None,
            Some("text/plain"),
            Some("application/x-www-form-urlencoded"),
        ] {
            let caller =
                declared.map_or(caller.clone(), |value| caller.with("content-type", value));
            let response = caller
                .send(endpoint.method.clone(), &path, valid.clone().into_bytes())
                .await;
            match endpoint.dialect {
                Dialect::Cstar => response.assert_cstar_error(
                    415,
                    "invalid_request_error",
                    "unsupported_media_type",
                    if endpoint.method == Method::PATCH {
                        "The request body must be sent with 'Content-Type: application/json' or 'application/merge-patch+json'."
                    } else {
                        "The request body must be sent with 'Content-Type: application/json'."
                    },
                    "",
                ),
                Dialect::RocketChat => assert_first_member_missing(&response, endpoint),
            }
        }
        let nested = [b"[".repeat(3_000), b"]".repeat(3_000)].concat();
        let not_json: [&[u8]; 8] = [
            b"",
            b"{",
            b"\xef\xbb\xbf{}",
            b"{\"name\":\"\xff\"}",
            br#"{"name":"\ud800"}"#,
            br#"{"dueTimeInMinutes":1e400}"#,
            b"name=Optimum",
            &nested,
        ];
        for body in not_json {
            let response = json
                .send(endpoint.method.clone(), &path, body.to_vec())
                .await;
            match endpoint.dialect {
                Dialect::Cstar => {
                    let error = &response.json()["error"];
                    assert_eq!(
                        (response.status, error["code"].as_str()),
                        (400, Some("invalid_json"))
                    );
                }
                Dialect::RocketChat => assert_first_member_missing(&response, endpoint),
            }
        }
    }
}

#[track_caller]
fn assert_first_member_missing(response: &Response, endpoint: &Endpoint) {
    if is_inquiry(endpoint) {
        let body = r#"{"success":false,"error":"The 'roomId' param is required"}"#;
        return response.assert_is(400, body);
    }
    let text = "must have required property 'name' [invalid-params]";
    response.assert_is(
        400,
        &format!(r#"{{"success":false,"error":"{text}","errorType":"invalid-params"}}"#),
    );
}

async fn hostile_headers_and_paths_never_cause_a_5xx() {
    let team = Team::new().await;
    for endpoint in api::ALL {
        let path = path(endpoint, team.id.as_str()).replace('$', "/");
        for (name, value) in [
            ("x-forwarded-proto", "javascript"),
            ("x-odd", "é"),
            ("cookie", "a=b; c=d"),
            ("content-type", ";;;"),
            ("x-amzn-trace-id", "nonsense"),
        ] {
            let caller = team.anonymous().with(name, value).with(name, value);
            let path = format!("{path}?%zz&a=%00");
            let response = caller
                .send(endpoint.method.clone(), &path, Vec::new())
                .await;
            assert!(response.status < 500, "{name} on {path}: {}", response.body);
        }
        // Events that a gateway less strict than the local one may let through.
        let event = json!({
            "rawPath": format!("{path}/a b\r\nset-cookie: c\u{0}"),
            "rawQueryString": "%zz&\u{ffff}",
            "headers": {"host": "a b\"<>", "": "", "X-Forwarded-Proto": "\n", "content-type": "\u{0}"},
            "requestContext": {"http": {"method": "BREW"}, "stage": "\n"},
            "body": "not base64",
            "isBase64Encoded": true,
        });
        let function = upper_camel(endpoint.name);
        let response = team
            .stack
            .invoke(&function, event)
            .await
            .expect("a response");
        let status = response["statusCode"].as_u64().expect("a status");
        assert!(
            (200..500).contains(&status),
            "{}: {response}",
            endpoint.name
        );
    }
    for path in [
        "/api/v1/livechat/%0d%0aset-cookie:a",
        "/%ff%fe",
        "/api/v1/livechat/sla%20x",
        "/%23%3f",
    ] {
        let response = team.anonymous().get(path).await;
        assert_eq!(response.status, 404, "{path}");
        assert_eq!(response.header("set-cookie"), None);
    }
}
