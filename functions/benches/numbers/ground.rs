//! Teams to ask about, those who ask, and the events in which they do.

use admin::issue::{self, Terms};
use bytes::Bytes;
use http::Method;
use jiff::Timestamp;
use local::Stack;
use local::template::TABLE_NAME;
use serde_json::{Value, json};
use shared::api::{self, Access, Effect, Endpoint};
use shared::auth::key::{Key, Token};
use shared::dialect::Dialect;
use shared::domain::id::{RequestId, TeamId};
use shared::domain::principal::{CredentialKind, Mode, Permission, Plan};
use shared::store::{self, Store};

/// The path parameters that name one of a team's things.
const ITEM_PARAMETERS: &[&str] = &["{ruleId}", "{slaId}"];

/// A team with one credential.
pub struct Ground {
    team: TeamId,
    /// What its caller shows.
    headers: Vec<(&'static str, String)>,
    /// The part of that which is hashed.
    secret: String,
    /// An id of something that is there, once there is.
    stocked: String,
}

impl Ground {
    /// A new team whose caller is somebody `endpoint` lets in, on these terms.
    pub async fn new(database: &str, endpoint: &Endpoint, terms: Terms) -> Ground {
        let store = table(database);
        let team = issue::team(&store, "A team", Plan::Premium).await;
        let team = team.expect("a team").id;
        let (headers, secret) = match endpoint.access {
            Access::User(permissions) => user(&store, &team, permissions, terms).await,
            Access::SecretKey | Access::Anyone => key(&store, &team, terms).await,
        };
        Ground {
            team,
            headers,
            secret,
            stocked: String::new(),
        }
    }

    /// Has the functions themselves put `count` rules or policies there.
    pub async fn stock(&mut self, stack: &Stack, endpoint: &Endpoint, count: usize) {
        let create = match endpoint.dialect {
            Dialect::Cstar => &api::RULE_CREATE,
            Dialect::RocketChat => &api::POLICY_CREATE,
        };
        let id = match endpoint.dialect {
            Dialect::Cstar => "/data/id",
            Dialect::RocketChat => "/sla/_id",
        };
        for number in 0..count {
            // Far from the numbers that are measured.
            let event = self.event(create, 500_000 + number);
            let body = ask(stack, &camel(create), event, success(create)).await;
            let id = body.pointer(id).and_then(Value::as_str);
            self.stocked = id.expect("what is created has an id").to_owned();
        }
    }

    /// A team whose caller shows a credential that looks right and was never issued.
    pub async fn unknown(database: &str, endpoint: &Endpoint) -> Ground {
        let ground = Ground::new(database, endpoint, Terms::default()).await;
        let secret = match endpoint.access {
            Access::User(_) => Token::generate().expect("a token"),
            Access::SecretKey | Access::Anyone => {
                let key = Key::generate(CredentialKind::Secret, Mode::Live);
                key.expect("randomness").expect("a secret key")
            }
        };
        ground.showing(&secret)
    }

    /// A team whose caller shows junk.
    pub async fn junk(database: &str, endpoint: &Endpoint) -> Ground {
        let ground = Ground::new(database, endpoint, Terms::default()).await;
        ground.showing("sk_live_your_key")
    }

    fn showing(mut self, secret: &str) -> Ground {
        for (_, value) in &mut self.headers {
            *value = value.replace(&self.secret, secret);
        }
        self
    }

    /// The partition key of the caller's credential.
    pub fn credential(&self) -> String {
        let digest = shared::domain::digest::Digest::of(&self.secret);
        let hex = serde_json::to_value(digest).expect("a digest is a string");
        format!("CREDENTIAL#{}", hex.as_str().unwrap_or_default())
    }

    /// The partition key of the team.
    pub fn partition(&self) -> String {
        format!("TEAM#{}#live", self.team)
    }

    /// A request to `endpoint` in this team, as API Gateway hands it over.
    pub fn event(&self, endpoint: &Endpoint, number: usize) -> Bytes {
        let path = endpoint.path.replace("{teamId}", self.team.as_str());
        let path = ITEM_PARAMETERS
            .iter()
            .fold(path, |path, item| path.replace(item, &self.stocked));
        let path = if endpoint.is_default() {
            "/api/v1/nothing".to_owned()
        } else {
            path
        };
        let body = if has_body(endpoint) {
            body(endpoint, number).to_string()
        } else {
            String::new()
        };
        let mut headers = json!({
            "accept": "*/*",
            "content-length": body.len().to_string(),
            "host": "abcdefghij.execute-api.us-east-1.amazonaws.com",
            "user-agent": "curl/8.14.1",
            "x-amzn-trace-id": "Root=1-5e9f0c65-1de4d666d4dd26aced652b6c",
            "x-forwarded-for": "203.0.113.7",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
        });
        for (name, value) in &self.headers {
            headers[*name] = value.as_str().into();
        }
        if !body.is_empty() {
            headers["content-type"] = "application/json".into();
        }
        let key = format!("{} {}", endpoint.method, endpoint.path);
        let event = json!({
            "version": "2.0",
            "routeKey": key,
            "rawPath": path,
            "rawQueryString": "",
            "headers": headers,
            "pathParameters": {
                "teamId": self.team.as_str(),
                "ruleId": &self.stocked,
                "slaId": &self.stocked,
            },
            "requestContext": {
                "accountId": "123456789012",
                "apiId": "abcdefghij",
                "domainName": "abcdefghij.execute-api.us-east-1.amazonaws.com",
                "domainPrefix": "abcdefghij",
                "http": {
                    "method": endpoint.method.as_str(),
                    "path": path,
                    "protocol": "HTTP/1.1",
                    "sourceIp": "203.0.113.7",
                    "userAgent": "curl/8.14.1",
                },
                "requestId": "QQCtFipSIAMEPNQ=",
                "routeKey": key,
                "stage": "$default",
                "time": "22/Nov/2026:10:00:17 +0000",
                "timeEpoch": 1_795_341_617_001_u64,
            },
            "body": body,
            "isBase64Encoded": false,
        });
        event.to_string().into()
    }
}

/// Runs an event through a function, which must answer it with this status; returns its body.
pub async fn ask(stack: &Stack, function: &str, event: Bytes, status: u64) -> Value {
    let answer = stack.invoke_raw(function, event).await;
    let answer = answer.unwrap_or_else(|error| panic!("{function}: {error}"));
    let answer: Value = serde_json::from_slice(&answer).expect("an answer is JSON");
    let told = answer.get("statusCode").and_then(Value::as_u64);
    assert_eq!(told, Some(status), "{function}: {answer}");
    let body = answer.get("body").and_then(Value::as_str);
    serde_json::from_str(body.unwrap_or_default()).unwrap_or_default()
}

/// An endpoint's logical id in the template.
pub fn camel(endpoint: &Endpoint) -> String {
    let words = endpoint.name.split('-').filter_map(|word| {
        let (first, rest) = word.split_at_checked(1)?;
        Some(first.to_ascii_uppercase() + rest)
    });
    words.collect()
}

/// How many things must be there before the endpoint can be asked.
pub fn needed(endpoint: &Endpoint) -> usize {
    let names_one = ITEM_PARAMETERS
        .iter()
        .any(|item| endpoint.path.contains(item));
    usize::from(names_one)
}

/// The status of a success.
pub fn success(endpoint: &Endpoint) -> u64 {
    match endpoint.name {
        "route-unknown" => 404,
        "rule-create" => 201,
        _ => 200,
    }
}

/// A body that is not like any other number's.
fn body(endpoint: &Endpoint, number: usize) -> Value {
    let name = format!("Policy {number}");
    match endpoint.name {
        "policy-create" => {
            json!({"name": name, "description": "Optimum SLA", "dueTimeInMinutes": number + 1})
        }
        _ => {
            json!({"name": name, "priority": "high", "responseTarget": 30, "resolutionTarget": 240})
        }
    }
}

fn has_body(endpoint: &Endpoint) -> bool {
    endpoint.effect == Effect::Write && endpoint.method != Method::DELETE
}

async fn key(store: &Store, team: &TeamId, terms: Terms) -> (Vec<(&'static str, String)>, String) {
    let key = issue::key(store, team, CredentialKind::Secret, Mode::Live, terms).await;
    let secret = key.expect("a key").secret;
    (vec![("authorization", format!("Bearer {secret}"))], secret)
}

async fn user(
    store: &Store,
    team: &TeamId,
    permissions: &[Permission],
    terms: Terms,
) -> (Vec<(&'static str, String)>, String) {
    // It must also be able to put something there.
    let permissions = [permissions, &[Permission::ManageLivechatSla]].concat();
    let user = issue::user(store, team, "Ada", &permissions, terms).await;
    let user = user.expect("a user");
    let headers = vec![
        ("x-user-id", user.id.to_string()),
        ("x-auth-token", user.token.clone()),
    ];
    (headers, user.token)
}

/// The table, as operators reach it.
fn table(database: &str) -> Store {
    let mut random = [0; 10];
    getrandom::fill(&mut random).expect("random bytes");
    let id = RequestId::new(Timestamp::now(), &random);
    store::connect_to(database, TABLE_NAME).for_request(&id)
}
