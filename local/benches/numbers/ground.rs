//! Teams to ask about, those who ask, and the events in which they do.

use std::sync::LazyLock;

use admin::issue::{self, NewKey, Terms};
use bytes::Bytes;
use http::Method;
use jiff::Timestamp;
use local::Stack;
use local::examples::{self, NoExample, Operation};
use local::template::TABLE_NAME;
use serde_json::{Value, json};
use shared::api::{self, Access, Endpoint};
use shared::auth::key::{Key, Token};
use shared::domain::id::{RequestId, TeamId};
use shared::domain::principal::{CredentialKind, Mode, Permission, Plan};
use shared::store::{Store, client};

/// Its examples are what is asked.
static CONTRACT: LazyLock<Value> = LazyLock::new(|| {
    let contract = include_str!("../../../functions/openapi.json");
    serde_json::from_str(contract).expect("the contract is JSON")
});

/// Numbers of what is stocked: far from those of what is measured, below the longest due time.
const STOCK_NUMBERS: usize = 500_000;

/// What is in a team before an endpoint is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Stock {
    /// So many of what the endpoint is about.
    Count(usize),
    /// A rule in business hours that names a calendar.
    RuleWithCalendar,
    /// A rule in business hours that names none, and a default calendar.
    RuleAndDefault,
}

/// A team with one credential.
pub struct Ground {
    team: TeamId,
    /// What its caller shows.
    headers: Vec<(&'static str, String)>,
    /// The part of that which is hashed.
    secret: String,
    /// The ids of what is there; a deletion takes the last one away.
    stocked: Vec<String>,
    /// How much ever was.
    stocked_ever: usize,
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
            stocked: Vec::new(),
            stocked_ever: 0,
        }
    }

    /// Has the functions themselves put things there.
    pub async fn stock(&mut self, stack: &Stack, endpoint: &Endpoint, stock: Stock) {
        let rule = api::RULE_CREATE.endpoint();
        let mut hours = body(rule, 0);
        hours["businessHoursOnly"] = true.into();
        match stock {
            Stock::Count(count) => {
                for _ in 0..count {
                    let of = creation(endpoint);
                    let number = STOCK_NUMBERS + self.stocked_ever;
                    self.put(stack, of, body(of, number)).await;
                }
            }
            Stock::RuleWithCalendar => {
                let calendar = api::CALENDAR_CREATE.endpoint();
                self.put(stack, calendar, body(calendar, 0)).await;
                hours["calendarId"] = self.stocked.last().map(String::as_str).into();
                self.put(stack, rule, hours).await;
            }
            Stock::RuleAndDefault => {
                let mut calendar = body(api::CALENDAR_CREATE.endpoint(), 0);
                calendar["default"] = true.into();
                self.put(stack, api::CALENDAR_CREATE.endpoint(), calendar)
                    .await;
                self.put(stack, rule, hours).await;
            }
        }
    }

    async fn put(&mut self, stack: &Stack, create: &Endpoint, body: Value) {
        let event = self.event_with(create, "", body.to_string());
        let answer = ask(stack, &camel(create), event, success(create)).await;
        let id = answer.pointer("/data/id");
        let id = id.or_else(|| answer.pointer("/sla/_id"));
        let id = id.and_then(Value::as_str);
        let id = id.expect("what is created has an id");
        self.stocked.push(id.to_owned());
        self.stocked_ever += 1;
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
    pub fn event(&mut self, endpoint: &Endpoint, number: usize) -> Bytes {
        let item = match endpoint.method {
            Method::DELETE => self.stocked.pop(),
            _ => self.stocked.last().cloned(),
        };
        let body = match endpoint.has_body().then(|| body(endpoint, number)) {
            Some(Value::String(text)) => text,
            Some(json) => json.to_string(),
            None => String::new(),
        };
        self.event_with(endpoint, item.as_deref().unwrap_or_default(), body)
    }

    fn event_with(&self, endpoint: &Endpoint, item: &str, body: String) -> Bytes {
        let mut path = endpoint.path.to_owned();
        let mut parameters = json!({});
        for name in examples::parameters(endpoint.path) {
            let value = match name {
                "teamId" => self.team.as_str(),
                _ if item.is_empty() => present(documented(endpoint).parameter(name)),
                _ => item,
            };
            path = path.replace(&format!("{{{name}}}"), value);
            parameters[name] = value.into();
        }
        if endpoint.is_default() {
            path = "/api/v1/nothing".to_owned();
        }
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
            headers["content-type"] = present(documented(endpoint).body()).content_type.into();
        }
        let key = match endpoint.is_default() {
            true => endpoint.path.to_owned(),
            false => format!("{} {}", endpoint.method, endpoint.path),
        };
        let event = json!({
            "version": "2.0",
            "routeKey": key,
            "rawPath": path,
            "rawQueryString": "",
            "headers": headers,
            "pathParameters": parameters,
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

/// How many things must be there for each time that the endpoint is asked, or for all of them.
pub fn needed(endpoint: &Endpoint) -> usize {
    usize::from(examples::resource_parameter(endpoint.path).is_some())
}

/// The status of a success.
pub fn success(endpoint: &Endpoint) -> u64 {
    documented(endpoint).success().map_or(404, u64::from)
}

/// Who makes what an endpoint is about.
fn creation(endpoint: &Endpoint) -> &'static Endpoint {
    let collection = examples::collection(endpoint.path);
    let mut all = api::ALL.iter().copied();
    let create = all.find(|create| create.path == collection && create.method == Method::POST);
    create.expect("what is there is created")
}

/// A body that is not like any other number's.
fn body(endpoint: &Endpoint, number: usize) -> Value {
    let mut body = present(documented(endpoint).body()).value.clone();
    let unique = [
        ("name", format!("Number {number}").into()),
        ("dueTimeInMinutes", (number + 1).into()),
    ];
    for (name, value) in unique {
        if let Some(member) = body.get_mut(name) {
            *member = value;
        }
    }
    body
}

/// What the contract says of the endpoint.
fn documented(endpoint: &Endpoint) -> Operation<'_> {
    Operation::new(&CONTRACT, &endpoint.method, endpoint.path)
}

fn present<T>(example: Result<T, NoExample>) -> T {
    example.unwrap_or_else(|error| panic!("{error}"))
}

async fn key(store: &Store, team: &TeamId, terms: Terms) -> (Vec<(&'static str, String)>, String) {
    let new = NewKey {
        name: None,
        kind: CredentialKind::Secret,
        mode: Mode::Live,
        terms,
    };
    let key = issue::key(store, team, &new).await;
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
    client::connect_to(database, TABLE_NAME).for_request(&id)
}
