//! The teams and credentials of the measured requests, and the requests' events.

mod late;

use std::sync::LazyLock;

use admin::connection;
use bytes::Bytes;
use http::Method;
use local::examples::{self, NoExample, Operation};
use local::stack::Stack;
use local::table::TABLE_NAME;
use serde_json::{Value, json};
use shared::api::{self, Access, Endpoint};
use shared::auth::issue::{self, NewKey, Terms};
use shared::auth::key::{Key, Token};
use shared::domain::id::TeamId;
use shared::domain::principal::{CredentialKind, Mode, Permission, Plan};
use shared::domain::ticket::MAX_EVENTS_AT_ONCE;
use shared::store::Store;

use crate::copies;

/// The contract. Its examples are the measured requests.
static CONTRACT: LazyLock<Value> = LazyLock::new(|| {
    let contract = include_str!("../../../functions/openapi.json");
    serde_json::from_str(contract).expect("the contract is JSON")
});

/// Where the numbers of prepared resources begin: far above the numbers of measured requests, and
/// below the longest due time.
const FIRST_PREPARED: usize = 500_000;

/// What a team contains before a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Contents {
    /// This many of the endpoint's resources.
    Count(usize),
    /// A rule that counts every hour.
    Rule,
    /// A rule that counts business hours and names a calendar.
    RuleWithCalendar,
    /// A rule that counts business hours and names no calendar, and a default calendar.
    RuleAndDefault,
    /// A rule that counts every hour, and this many open tickets. All but the first are copies.
    OpenTickets(usize),
    /// A rule that counts every hour, and a ticket with this many events, the last of which waits for
    /// an agent.
    TicketWithEvents(usize),
    /// The same rule, a ticket, and a policy that the request names in this way.
    TicketAndPolicy(PolicyNamedBy),
    /// A webhook, and this many tickets, each with two breaches that it is told of.
    LateTickets(usize),
    /// A delivery.
    Delivery,
}

/// How a request names a policy.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum PolicyNamedBy {
    /// By its id.
    Id,
    /// By its name.
    Name,
}

/// A team with the credential that is measured.
pub struct Fixture {
    team: TeamId,
    credential: Credential,
    /// A credential that creates resources of the one dialect, once it has created one.
    key: Option<Credential>,
    /// A credential that creates resources of the other dialect, once it has created one.
    user: Option<Credential>,
    /// Members of the measured requests' bodies that name resources.
    members: Vec<(&'static str, String)>,
    /// The ids of its resources. A deletion removes the last one.
    resources: Vec<String>,
    /// How many resources were ever created.
    created: usize,
}

#[derive(Clone)]
struct Credential {
    headers: Vec<(&'static str, String)>,
    /// The part of it that is hashed.
    secret: String,
}

impl Fixture {
    /// A new team with a credential that `endpoint` accepts, on these terms.
    pub async fn new(database: &str, endpoint: &Endpoint, terms: Terms) -> Fixture {
        let store = connection::open_unchecked(database, TABLE_NAME).expect("a table");
        let team = issue::team(&store, "A team", Plan::Premium).await;
        let team = team.expect("a team").id;
        let credential = match endpoint.access {
            Access::User(permissions) => user(&store, &team, permissions, terms).await,
            Access::SecretKey | Access::Anyone => key(&store, &team, terms).await,
        };
        Fixture {
            team,
            credential,
            key: None,
            user: None,
            members: Vec::new(),
            resources: Vec::new(),
            created: 0,
        }
    }

    /// Creates the contents through the functions themselves, except for copies.
    ///
    /// What a request uses up can be filled in again; the rule beside it is created only once.
    pub async fn fill(&mut self, stack: &Stack, endpoint: &Endpoint, contents: Contents) {
        let ticket = api::TICKET_CREATE.endpoint();
        match contents {
            Contents::Count(count) => {
                for _ in 0..count {
                    let creator = creator(endpoint);
                    let number = FIRST_PREPARED + self.created;
                    self.create(stack, creator, body(creator, number)).await;
                }
            }
            Contents::Rule => self.rule(stack, json!({})).await,
            Contents::RuleWithCalendar => {
                let calendar = api::CALENDAR_CREATE.endpoint();
                let id = self.create(stack, calendar, body(calendar, 0)).await;
                let members = json!({"businessHoursOnly": true, "calendarId": id});
                self.rule(stack, members).await;
            }
            Contents::RuleAndDefault => {
                let calendar = api::CALENDAR_CREATE.endpoint();
                let mut default = body(calendar, 0);
                default["default"] = true.into();
                self.create(stack, calendar, default).await;
                self.rule(stack, json!({"businessHoursOnly": true})).await;
            }
            Contents::OpenTickets(count) => {
                self.rule(stack, json!({})).await;
                let id = self.create(stack, ticket, body(ticket, 0)).await;
                copies::of_ticket(stack.dynamodb(), &id, count - 1).await;
            }
            Contents::TicketWithEvents(count) => {
                if self.created == 0 {
                    self.rule(stack, json!({"nextResponseTarget": 60})).await;
                }
                self.ticket(stack, count).await;
            }
            Contents::LateTickets(count) => self.late_tickets(stack, count).await,
            Contents::Delivery => self.delivery(stack).await,
            Contents::TicketAndPolicy(named_by) => {
                if self.created == 0 {
                    self.rule(stack, json!({})).await;
                }
                let policy = api::POLICY_CREATE.endpoint();
                let policy_body = body(policy, FIRST_PREPARED + self.created);
                let name = policy_body["name"].as_str().unwrap_or_default().to_owned();
                let id = self.create(stack, policy, policy_body).await;
                let room = self.create(stack, ticket, body(ticket, 0)).await;
                let policy = match named_by {
                    PolicyNamedBy::Id => id,
                    PolicyNamedBy::Name => name,
                };
                self.members = vec![("roomId", room), ("sla", policy)];
            }
        }
    }

    /// Creates a rule with these members.
    async fn rule(&mut self, stack: &Stack, members: Value) {
        let rule = api::RULE_CREATE.endpoint();
        let mut rule_body = body(rule, 0);
        for (name, value) in members.as_object().into_iter().flatten() {
            rule_body[name] = value.clone();
        }
        self.create(stack, rule, rule_body).await;
    }

    /// Creates a ticket with this many replies, in turns, the last one by the customer.
    async fn ticket(&mut self, stack: &Stack, events: usize) {
        let replies: Vec<Value> = (0..events)
            .rev()
            .map(|left| match left % 2 {
                0 => json!({"type": "customer_reply"}),
                _ => json!({"type": "agent_reply"}),
            })
            .collect();
        let mut batches = replies.chunks(MAX_EVENTS_AT_ONCE);
        let ticket = api::TICKET_CREATE.endpoint();
        let mut ticket_body = body(ticket, 0);
        ticket_body["events"] = batches.next().unwrap_or_default().into();
        let id = self.create(stack, ticket, ticket_body).await;
        for batch in batches {
            let event = api::EVENT_CREATE.endpoint();
            let batch = json!({"events": batch});
            self.post(stack, event, &id, &batch).await;
        }
    }

    /// Creates a resource, and returns its id.
    async fn create(&mut self, stack: &Stack, creator: &Endpoint, body: Value) -> String {
        let response = self.post(stack, creator, "", &body).await;
        let id = response.pointer("/data/id");
        let id = id.or_else(|| response.pointer("/sla/_id"));
        let id = id.and_then(Value::as_str);
        let id = id.expect("what is created has an id");
        self.resources.push(id.to_owned());
        self.created += 1;
        id.to_owned()
    }

    /// Prepares something with a credential that is not measured.
    async fn post(
        &mut self,
        stack: &Stack,
        endpoint: &Endpoint,
        item: &str,
        body: &Value,
    ) -> Value {
        let credential = self.preparing(stack.dynamodb(), endpoint.access).await;
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let event = self.event_with(&credential, endpoint, item, body);
        invoke(stack, &logical_id(endpoint), event, success(endpoint)).await
    }

    async fn preparing(&mut self, database: &str, access: Access) -> Credential {
        let prepared = match access {
            Access::User(_) => &mut self.user,
            Access::SecretKey | Access::Anyone => &mut self.key,
        };
        if let Some(credential) = prepared {
            return credential.clone();
        }
        let store = connection::open_unchecked(database, TABLE_NAME).expect("a table");
        let credential = match access {
            Access::User(permissions) => {
                user(&store, &self.team, permissions, Terms::default()).await
            }
            Access::SecretKey | Access::Anyone => key(&store, &self.team, Terms::default()).await,
        };
        prepared.insert(credential).clone()
    }

    /// A team with a well-formed credential that was never issued.
    pub async fn unknown(database: &str, endpoint: &Endpoint) -> Fixture {
        let fixture = Fixture::new(database, endpoint, Terms::default()).await;
        let secret = match endpoint.access {
            Access::User(_) => Token::generate().expect("a token"),
            Access::SecretKey | Access::Anyone => {
                let key = Key::generate(CredentialKind::Secret, Mode::Live);
                key.expect("randomness").expect("a secret key")
            }
        };
        fixture.with_secret(&secret)
    }

    /// A team with a malformed credential.
    pub async fn malformed(database: &str, endpoint: &Endpoint) -> Fixture {
        let fixture = Fixture::new(database, endpoint, Terms::default()).await;
        fixture.with_secret("sk_live_your_key")
    }

    fn with_secret(mut self, secret: &str) -> Fixture {
        let Credential {
            headers,
            secret: old,
        } = &mut self.credential;
        for (_, value) in headers {
            *value = value.replace(&*old, secret);
        }
        self
    }

    /// The partition key of the credential.
    pub fn credential(&self) -> String {
        let digest = shared::domain::digest::Digest::of(&self.credential.secret);
        let hex = serde_json::to_value(digest).expect("a digest is a string");
        format!("CREDENTIAL#{}", hex.as_str().unwrap_or_default())
    }

    /// The partition key of the team.
    pub fn partition(&self) -> String {
        format!("TEAM#{}#live", self.team)
    }

    /// A request to `endpoint` in this team, as API Gateway passes it on.
    pub fn event(&mut self, endpoint: &Endpoint, number: usize) -> Bytes {
        let item = match endpoint.method {
            Method::DELETE => self.resources.pop(),
            _ => self.resources.last().cloned(),
        };
        let mut body = match endpoint.has_body() {
            true => body(endpoint, number),
            false => "".into(),
        };
        for (name, value) in &self.members {
            body[*name] = value.as_str().into();
        }
        let body = match body {
            Value::String(text) => text,
            json => json.to_string(),
        };
        let item = item.as_deref().unwrap_or_default();
        self.event_with(&self.credential, endpoint, item, body)
    }

    fn event_with(
        &self,
        credential: &Credential,
        endpoint: &Endpoint,
        item: &str,
        body: String,
    ) -> Bytes {
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
        for (name, value) in &credential.headers {
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

/// Runs an event through a function, which must respond with this status, and returns the body.
pub async fn invoke(stack: &Stack, function: &str, event: Bytes, status: u64) -> Value {
    let response = stack.invoke_raw(function, event).await;
    let response = response.unwrap_or_else(|error| panic!("{function}: {error}"));
    let response: Value = serde_json::from_slice(&response).expect("a response is JSON");
    let actual = response.get("statusCode").and_then(Value::as_u64);
    assert_eq!(actual, Some(status), "{function}: {response}");
    let body = response.get("body").and_then(Value::as_str);
    serde_json::from_str(body.unwrap_or_default()).unwrap_or_default()
}

/// An endpoint's logical id in the template.
pub fn logical_id(endpoint: &Endpoint) -> String {
    let words = endpoint.name.split('-').filter_map(|word| {
        let (first, rest) = word.split_at_checked(1)?;
        Some(first.to_ascii_uppercase() + rest)
    });
    words.collect()
}

/// What a request to the endpoint needs.
pub fn needed(endpoint: &Endpoint) -> Contents {
    if endpoint.name == api::INQUIRY_SET_SLA.endpoint().name {
        return Contents::TicketAndPolicy(PolicyNamedBy::Id);
    }
    if endpoint.name == api::DELIVERY_RETRY.endpoint().name {
        return Contents::Delivery;
    }
    Contents::Count(usize::from(
        examples::resource_parameter(endpoint.path).is_some(),
    ))
}

/// Whether a request uses up what it needs, or changes what the next one costs.
pub fn uses_up(endpoint: &Endpoint) -> bool {
    let tickets = [&api::EVENT_CREATE, &api::INQUIRY_SET_SLA];
    endpoint.method == Method::DELETE
        || tickets
            .iter()
            .any(|other| other.endpoint().name == endpoint.name)
}

/// The status of a success.
pub fn success(endpoint: &Endpoint) -> u64 {
    documented(endpoint).success().map_or(404, u64::from)
}

/// The endpoint that creates another endpoint's resources.
fn creator(endpoint: &Endpoint) -> &'static Endpoint {
    let collection = examples::collection(endpoint.path);
    let mut all = api::ALL.iter().copied();
    let create = all.find(|create| create.path == collection && create.method == Method::POST);
    create.expect("an endpoint creates these resources")
}

/// A body, different for each number.
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

async fn key(store: &Store, team: &TeamId, terms: Terms) -> Credential {
    let new = NewKey {
        name: None,
        kind: CredentialKind::Secret,
        mode: Mode::Live,
        terms,
    };
    let key = issue::key(store, team, &new).await;
    let secret = key.expect("a key").secret;
    Credential {
        headers: vec![("authorization", format!("Bearer {secret}"))],
        secret,
    }
}

async fn user(
    store: &Store,
    team: &TeamId,
    permissions: &[Permission],
    terms: Terms,
) -> Credential {
    // The user must also be allowed to create the contents.
    let permissions = [permissions, &[Permission::ManageLivechatSla]].concat();
    let user = issue::user(store, team, "Ada", &permissions, terms).await;
    let user = user.expect("a user");
    let headers = vec![
        ("x-user-id", user.id.to_string()),
        ("x-auth-token", user.token.clone()),
    ];
    Credential {
        headers,
        secret: user.token,
    }
}
