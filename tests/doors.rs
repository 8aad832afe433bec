//! Every endpoint, and every way to be turned away from it. The endpoints come from `api::ALL`:
//! a new one is covered by being there.

use std::collections::BTreeSet;

use admin::issue::Terms;
use http::Method;
use jiff::Timestamp;
use local::examples::{Operation, collection, resource_parameter};
use serde_json::{Value, json};
use shared::api::{self, Access, Endpoint};
use shared::auth::key::{Key, Token};
use shared::dialect::Dialect;
use shared::domain::principal::{CredentialKind, Mode, Permission, Plan};
use shared::fields::MAX_BODY_BYTES;
use shared::store::credentials::manage::Change;

use crate::actors::{Actor, Answer, Team, limited_to};
use crate::contract::{camel, openapi};
use crate::world;

crate::stories![
    without_a_credential_that_works_nobody_enters,
    a_revocation_works_on_the_very_next_call,
    a_publishable_key_enters_nowhere_and_a_foreign_team_is_as_good_as_none,
    a_user_without_permission_or_plan_is_refused_before_the_body_is_looked_at,
    whoever_has_used_up_the_window_waits,
    a_user_who_may_bypass_the_limit_has_none,
    methods_that_a_path_has_not_are_told_with_those_it_has,
    a_path_that_is_not_there_is_told_in_its_dialect,
    bodies_that_are_too_large_or_no_json_are_refused,
    hostile_headers_and_paths_are_never_our_fault,
];

fn guarded() -> impl Iterator<Item = &'static Endpoint> {
    api::ALL
        .iter()
        .copied()
        .filter(|endpoint| endpoint.access != Access::Anyone)
}

fn of(dialect: Dialect) -> impl Iterator<Item = &'static Endpoint> {
    guarded().filter(move |endpoint| endpoint.dialect == dialect)
}

/// What the contract says of the endpoint: its examples are what is sent.
fn documented(endpoint: &Endpoint) -> Operation<'_> {
    Operation::new(openapi(), &endpoint.method, endpoint.path)
}

/// A path of the endpoint's, in a team, with ids that are well-formed and unknown.
pub fn path(endpoint: &Endpoint, team: &str) -> String {
    documented(endpoint).path(&[("teamId", team)]).unwrap()
}

/// A path of the endpoint's that leads to something, made by this caller.
pub async fn existing(endpoint: &Endpoint, caller: &Actor, team: &Team) -> String {
    let team = team.id.as_str();
    let Some(parameter) = resource_parameter(endpoint.path) else {
        return path(endpoint, team);
    };
    let creates = |e: &&&Endpoint| e.path == collection(endpoint.path) && e.method == Method::POST;
    let create = api::ALL
        .iter()
        .find(creates)
        .expect("what is named is created");
    let made = caller.post(&path(create, team), &body(create)).await;
    let values = [("teamId", team), (parameter, &made.id())];
    documented(endpoint).path(&values).unwrap()
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

/// Asks the endpoint for something that is not there, or for what needs nothing to be there.
pub async fn knock(actor: &Actor, endpoint: &Endpoint, team: &str) -> Answer {
    knock_at(actor, endpoint, &path(endpoint, team)).await
}

/// What [`knock`] is answered in a team that has nothing yet.
pub fn usual(endpoint: &Endpoint) -> u16 {
    let names_one = resource_parameter(endpoint.path).is_some();
    match documented(endpoint).statuses().any(|status| status == 404) {
        true if names_one => 404,
        false if names_one => 400,
        _ => documented(endpoint).success().expect("a success"),
    }
}

pub async fn knock_at(actor: &Actor, endpoint: &Endpoint, path: &str) -> Answer {
    let (method, mut actor, mut text) = (endpoint.method.clone(), actor.clone(), String::new());
    if endpoint.has_body() {
        let body = documented(endpoint).body().unwrap();
        (actor, text) = (actor.with("content-type", body.content_type), body.text());
    }
    actor.send(method, path, text.into_bytes()).await
}

/// Whatever the endpoint says of the request, it is not that the caller may not make it.
#[track_caller]
fn is_let_in(answer: &Answer) {
    let turned_away = [401, 403, 405, 429].contains(&answer.status) || answer.status >= 500;
    assert!(!turned_away, "{}: {}", answer.status, answer.body);
}

#[track_caller]
fn is_unauthenticated(answer: &Answer, endpoint: &Endpoint) {
    match endpoint.dialect {
        Dialect::Cstar => {
            let (kind, code) = ("authentication_error", "authentication_required");
            answer.is_cstar_error(401, kind, code, "Invalid or expired API key", "");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
        Dialect::RocketChat => {
            answer.is(
                401,
                r#"{"status":"error","message":"You must be logged in to do this."}"#,
            );
        }
    }
    assert_eq!(
        answer.header("x-ratelimit-limit"),
        None,
        "a stranger is not counted"
    );
}

async fn without_a_credential_that_works_nobody_enters() {
    let team = Team::new().await;
    let expired = Terms {
        expires_at: Some(Timestamp::UNIX_EPOCH),
        limit: None,
    };
    for endpoint in guarded() {
        let strangers = match endpoint.dialect {
            Dialect::Cstar => {
                let valid = team.secret_key().await.headers.remove(0).1;
                let never_made = Key::generate(CredentialKind::Secret, Mode::Live)
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
                    bearer(&format!("Bearer {never_made}")),
                    bearer(&valid).with("authorization", valid.clone()),
                    team.key(CredentialKind::Secret, Mode::Live, expired).await,
                ]
            }
            Dialect::RocketChat => {
                let manager = team.livechat_manager().await;
                let (user, token) = (manager.headers[0].1.clone(), manager.headers[1].1.clone());
                let never_made = Token::generate().unwrap();
                let anothers = team.livechat_manager().await.headers[1].1.clone();
                let login = |user: &str, token: &str| {
                    team.anonymous()
                        .with("x-user-id", user)
                        .with("x-auth-token", token)
                };
                vec![
                    team.anonymous(),
                    team.anonymous().with("x-user-id", user.clone()),
                    team.anonymous().with("x-auth-token", token.clone()),
                    login("", ""),
                    login(&user, "short"),
                    login(&user, &never_made),
                    login(&user, &anothers),
                    login("nobody", &token),
                    login(&token, &user),
                    team.user(&[Permission::ManageLivechatSla], expired).await,
                ]
            }
        };
        for stranger in strangers {
            is_unauthenticated(
                &knock(&stranger, endpoint, team.id.as_str()).await,
                endpoint,
            );
        }
    }
}

async fn a_revocation_works_on_the_very_next_call() {
    let team = Team::new().await;
    let store = world::table(team.stack);
    for endpoint in guarded() {
        let revoked = match endpoint.dialect {
            Dialect::Cstar => team.secret_key().await,
            Dialect::RocketChat => team.livechat_manager().await,
        };
        let before = knock(&revoked, endpoint, team.id.as_str()).await;
        assert_eq!(before.status, usual(endpoint), "{}", before.body);
        let change = match (&revoked.key, &revoked.user) {
            (Some(key), _) => store.change_key(&team.id, key, &Change::Revoke).await,
            (_, Some(user)) => store.change_user(&team.id, user, &Change::Revoke).await,
            _ => unreachable!("a credential belongs to a key or a user"),
        };
        assert!(change.unwrap());
        is_unauthenticated(&knock(&revoked, endpoint, team.id.as_str()).await, endpoint);
    }
}

async fn a_publishable_key_enters_nowhere_and_a_foreign_team_is_as_good_as_none() {
    let (team, other) = (Team::new().await, Team::new().await);
    let forbidden = |answer: &Answer, message: &str| {
        answer.is_cstar_error(
            403,
            "authorization_error",
            "insufficient_permissions",
            message,
            "",
        );
        assert!(
            answer.header("x-ratelimit-remaining").is_some(),
            "it reached the limiter"
        );
    };
    for endpoint in of(Dialect::Cstar) {
        let publishable = team.publishable_key().await;
        let answer = knock(&publishable, endpoint, team.id.as_str()).await;
        forbidden(&answer, "Secret key required for this endpoint");

        let secret = team.secret_key().await;
        let longest = "x".repeat(200);
        for foreign in [
            other.id.as_str(),
            "team_0",
            "no%20team%23live",
            "%C3%A9",
            &longest,
        ] {
            let answer = knock(&secret, endpoint, foreign).await;
            forbidden(&answer, "API key does not have access to this team");
        }
        let other_mode = knock(&team.test_key().await, endpoint, other.id.as_str()).await;
        forbidden(&other_mode, "API key does not have access to this team");
    }
}

async fn a_user_without_permission_or_plan_is_refused_before_the_body_is_looked_at() {
    let team = Team::new().await;
    let poor = Team::on(world::stack(), Plan::Community).await;
    for endpoint in of(Dialect::RocketChat) {
        let Access::User(any_of) = endpoint.access else {
            panic!("{} knows no users", endpoint.name);
        };
        let others = Permission::ALL
            .into_iter()
            .filter(|permission| !any_of.contains(permission));
        let unprivileged = team
            .user(&others.collect::<Vec<_>>(), Terms::default())
            .await;
        let path = path(endpoint, "");
        let nonsense = unprivileged
            .send(endpoint.method.clone(), &path, b"{".to_vec())
            .await;
        let text =
            "User does not have the permissions required for this action [error-unauthorized]";
        nonsense.is(403, &format!(r#"{{"success":false,"error":"{text}"}}"#));
        for permission in any_of {
            let allowed = team.user(&[*permission], Terms::default()).await;
            is_let_in(&knock(&allowed, endpoint, "").await);
            let unpaid = poor.user(&[*permission], Terms::default()).await;
            let answer = unpaid
                .send(endpoint.method.clone(), &path, b"{".to_vec())
                .await;
            answer.is(403, r#"{"success":false,"error":"unauthorized"}"#);
        }
    }
}

async fn whoever_has_used_up_the_window_waits() {
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
            let answer = knock(&caller, endpoint, team.id.as_str()).await;
            is_let_in(&answer);
            assert_eq!(answer.header("x-ratelimit-limit"), Some("2"));
            assert_eq!(answer.header("x-ratelimit-remaining"), Some(remaining));
        }
        // Refused by the table, then from memory, by each process: all the same.
        for _ in 0..5 {
            let asked = Timestamp::now();
            let answer = knock(&caller, endpoint, team.id.as_str()).await;
            is_rate_limited(&answer, endpoint, asked);
        }
    }
}

#[track_caller]
fn is_rate_limited(answer: &Answer, endpoint: &Endpoint, asked: Timestamp) {
    let wait: i64 = answer
        .header("retry-after")
        .expect("how long to wait")
        .parse()
        .unwrap();
    let reset: i64 = answer
        .header("x-ratelimit-reset")
        .expect("when it ends")
        .parse()
        .unwrap();
    assert_eq!(answer.header("x-ratelimit-remaining"), Some("0"));
    let reset_second = match endpoint.dialect {
        Dialect::Cstar => {
            let message = format!("Rate limit exceeded. Try again in {wait} seconds");
            answer.is_cstar_error(429, "rate_limit_error", "rate_limit_exceeded", &message, "");
            assert_eq!(answer.header("x-ratelimit-window"), Some("86400"));
            assert_eq!(
                answer.header("ratelimit-policy"),
                Some("\"default\";q=2;w=86400")
            );
            let left = format!("\"default\";r=0;t={wait}");
            assert_eq!(answer.header("ratelimit"), Some(left.as_str()));
            reset
        }
        Dialect::RocketChat => {
            let text = format!(
                "Error, too many requests. Please slow down. You must wait {wait} seconds before \
                 trying this endpoint again. [error-too-many-requests]"
            );
            answer.is(429, &format!(r#"{{"success":false,"error":"{text}"}}"#));
            assert_eq!(reset % 1_000, 0, "milliseconds");
            reset / 1_000
        }
    };
    assert_eq!(
        reset_second % 86_400,
        0,
        "windows of a day end with the day"
    );
    // It is the time that was left when the service looked: after the question, before the answer.
    let left_at = |at: Timestamp| (reset_second * 1_000 - at.as_millisecond() + 999) / 1_000;
    let possible = left_at(Timestamp::now())..=left_at(asked);
    assert!(possible.contains(&wait), "{wait} is not in {possible:?}");
}

async fn a_user_who_may_bypass_the_limit_has_none() {
    let team = Team::new().await;
    for endpoint in of(Dialect::RocketChat) {
        let caller = team.user(&Permission::ALL, limited_to(1)).await;
        for _ in 0..3 {
            let answer = knock(&caller, endpoint, "").await;
            is_let_in(&answer);
            assert_eq!(answer.header("x-ratelimit-limit"), None);
        }
    }
}

async fn methods_that_a_path_has_not_are_told_with_those_it_has() {
    let team = Team::new().await;
    let paths: BTreeSet<&str> = api::ALL
        .iter()
        .filter(|e| !e.is_default())
        .map(|e| e.path)
        .collect();
    for template in paths {
        let there = api::ALL.iter().filter(|endpoint| endpoint.path == template);
        let allow: Vec<&str> = there
            .clone()
            .map(|endpoint| endpoint.method.as_str())
            .collect();
        let path = path(there.clone().next().unwrap(), team.id.as_str());
        let dialect = there.clone().next().unwrap().dialect;
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
            let answer = team.anonymous().send(method, &path, b"{".to_vec()).await;
            match dialect {
                Dialect::Cstar => {
                    let message = format!("This path answers only {}.", allow.join(", "));
                    let (kind, code) = ("invalid_request_error", "method_not_allowed");
                    answer.is_cstar_error(405, kind, code, &message, "");
                }
                Dialect::RocketChat => {
                    answer.is(
                        405,
                        r#"{"status":"error","message":"API endpoint does not exist"}"#,
                    );
                }
            }
            assert_eq!(answer.header("allow"), Some(allow.join(", ").as_str()));
        }
    }
}

async fn a_path_that_is_not_there_is_told_in_its_dialect() {
    let anonymous = Team::new().await.anonymous();
    for path in [
        "/",
        "/api",
        "/api/v1/",
        "/api/v1/teams/t/sla/rules/a/b",
        "/API/v1/health",
        "/api/v1/livechats",
    ] {
        let answer = anonymous.get(path).await;
        let message = "There is no endpoint at this path.";
        answer.is_cstar_error(404, "not_found_error", "resource_missing", message, "");
    }
    for path in [
        "/api/v1/livechat/",
        "/api/v1/livechat/nowhere",
        "/api/v1/livechat/sla/a/b",
    ] {
        let answer = anonymous.get(path).await;
        answer.is(
            404,
            r#"{"success":false,"error":"API endpoint does not exist"}"#,
        );
    }
}

async fn bodies_that_are_too_large_or_no_json_are_refused() {
    let team = Team::new().await;
    for endpoint in guarded().filter(|endpoint| reads_json(endpoint)) {
        let caller = match endpoint.dialect {
            Dialect::Cstar => team.secret_key().await,
            Dialect::RocketChat => team.livechat_manager().await,
        };
        let path = existing(endpoint, &caller, &team).await;
        let json = caller.with("content-type", "application/json");
        let mut large = body(endpoint);
        large["name"] = Value::from("x".repeat(MAX_BODY_BYTES));
        let answer = json
            .send(
                endpoint.method.clone(),
                &path,
                large.to_string().into_bytes(),
            )
            .await;
        match endpoint.dialect {
            Dialect::Cstar => {
                let message = "The request body may have at most 65536 bytes.";
                answer.is_cstar_error(413, "invalid_request_error", "body_too_large", message, "");
            }
            Dialect::RocketChat => answer.is(
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
            let undeclared =
                declared.map_or(caller.clone(), |value| caller.with("content-type", value));
            let answer = undeclared
                .send(endpoint.method.clone(), &path, valid.clone().into_bytes())
                .await;
            match endpoint.dialect {
                Dialect::Cstar => answer.is_cstar_error(
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
                Dialect::RocketChat => no_name(&answer),
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
            let answer = json
                .send(endpoint.method.clone(), &path, body.to_vec())
                .await;
            match endpoint.dialect {
                Dialect::Cstar => {
                    let error = &answer.json()["error"];
                    assert_eq!(
                        (answer.status, error["code"].as_str()),
                        (400, Some("invalid_json"))
                    );
                }
                Dialect::RocketChat => no_name(&answer),
            }
        }
    }
}

#[track_caller]
fn no_name(answer: &Answer) {
    let text = "must have required property 'name' [invalid-params]";
    answer.is(
        400,
        &format!(r#"{{"success":false,"error":"{text}","errorType":"invalid-params"}}"#),
    );
}

async fn hostile_headers_and_paths_are_never_our_fault() {
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
            let answer = caller
                .send(endpoint.method.clone(), &path, Vec::new())
                .await;
            assert!(answer.status < 500, "{name} on {path}: {}", answer.body);
        }
        // What gets past a gateway that is less strict than the local one.
        let event = json!({
            "rawPath": format!("{path}/a b\r\nset-cookie: c\u{0}"),
            "rawQueryString": "%zz&\u{ffff}",
            "headers": {"host": "a b\"<>", "": "", "X-Forwarded-Proto": "\n", "content-type": "\u{0}"},
            "requestContext": {"http": {"method": "BREW"}, "stage": "\n"},
            "body": "not base64",
            "isBase64Encoded": true,
        });
        let function = camel(endpoint.name, true);
        let answer = team
            .stack
            .invoke(&function, event)
            .await
            .expect("an answer");
        let status = answer["statusCode"].as_u64().expect("a status");
        assert!((200..500).contains(&status), "{}: {answer}", endpoint.name);
    }
    for path in [
        "/api/v1/livechat/%0d%0aset-cookie:a",
        "/%ff%fe",
        "/api/v1/livechat/sla%20x",
        "/%23%3f",
    ] {
        let answer = team.anonymous().get(path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.header("set-cookie"), None);
    }
}
