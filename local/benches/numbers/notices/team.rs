//! A team with a key, as a client of the gateway.

use std::time::Duration;

use admin::connection;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{Request, header};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use jiff::{SignedDuration, Timestamp};
use local::stack::Stack;
use local::table::TABLE_NAME;
use serde_json::{Value, json};
use shared::auth::issue::{self, NewKey, Terms};
use shared::domain::principal::{CredentialKind, Mode, Plan};

/// Requests at once when many tickets are created.
const CALLERS: usize = 32;

/// The minutes to the end of a metric whose marks no part waits for.
pub const FAR_MINUTES: i64 = 500_000;

/// A team.
pub struct Team {
    pub id: String,
    key: String,
    base: String,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Team {
    /// A team without anything.
    pub async fn new(stack: &Stack) -> Team {
        let store = connection::open_unchecked(stack.dynamodb(), TABLE_NAME).expect("a table");
        let team = issue::team(&store, "A team", Plan::Premium).await;
        let team = team.expect("a team").id;
        let new = NewKey {
            name: None,
            kind: CredentialKind::Secret,
            mode: Mode::Live,
            terms: Terms::default(),
        };
        let key = issue::key(&store, &team, &new).await.expect("a key");
        Team {
            id: team.to_string(),
            key: key.secret.to_string(),
            base: format!("{}/api/v1/teams/{team}/sla", stack.url()),
            client: Client::builder(TokioExecutor::new()).build_http(),
        }
    }

    /// A team whose urgent tickets are in breach after these minutes, with a webhook for these types of
    /// notices.
    pub async fn with_target(
        stack: &Stack,
        minutes: i64,
        webhook: Option<(&str, &[&str])>,
    ) -> Team {
        let team = Team::new(stack).await;
        let rule = json!({
            "name": "Urgent",
            "priority": "urgent",
            "responseTarget": minutes,
            "resolutionTarget": FAR_MINUTES,
            "nextResponseTarget": minutes,
        });
        team.post("rules", &rule).await;
        if let Some((url, types)) = webhook {
            let webhook = json!({"url": url, "types": types});
            team.post("webhooks", &webhook).await;
        }
        team
    }

    /// The same team, as a client of another gateway of the same table.
    pub fn at(self, stack: &Stack) -> Team {
        let base = format!("{}/api/v1/teams/{}/sla", stack.url(), self.id);
        Team { base, ..self }
    }

    /// Creates something, and returns its id.
    pub async fn post(&self, path: &str, body: &Value) -> String {
        let request = Request::post(format!("{}/{path}", self.base))
            .header(header::CONTENT_TYPE, "application/json");
        let answer = self.send(request, body.to_string()).await;
        let answer: Value = serde_json::from_slice(&answer).expect("JSON");
        let id = answer["data"]["id"].as_str().unwrap_or_default();
        id.to_owned()
    }

    /// Reads something as this media type.
    pub async fn get(&self, path: &str, accept: &str) -> Bytes {
        let request = Request::get(format!("{}/{path}", self.base));
        let request = request.header(header::ACCEPT, accept);
        self.send(request, String::new()).await
    }

    /// Gives a rule another target for the first response.
    pub async fn change_target(&self, rule: &str, minutes: i64) {
        let request = Request::patch(format!("{}/rules/{rule}", self.base))
            .header(header::CONTENT_TYPE, "application/json");
        let change = json!({"responseTarget": minutes});
        self.send(request, change.to_string()).await;
    }

    async fn send(&self, request: http::request::Builder, body: String) -> Bytes {
        let request = request
            .header(header::AUTHORIZATION, format!("Bearer {}", self.key))
            .body(Full::from(body))
            .expect("a request");
        let uri = request.uri().clone();
        let response = self.client.request(request).await.expect("a response");
        let status = response.status();
        let answer = response.into_body().collect().await.expect("a body");
        let answer = answer.to_bytes();
        let text = String::from_utf8_lossy(&answer);
        assert!(status.is_success(), "{uri}: {status}: {text}");
        answer
    }

    /// Creates tickets, several at once.
    pub async fn create_all(&self, tickets: Vec<Value>) {
        let creations = stream::iter(tickets);
        let creations = creations.map(|ticket| async move { self.post("tickets", &ticket).await });
        let mut creations = creations.buffer_unordered(CALLERS);
        while creations.next().await.is_some() {}
    }

    /// Creates urgent tickets whose clocks have started then.
    pub async fn tickets(&self, starts: impl IntoIterator<Item = Timestamp>) {
        let tickets = starts.into_iter();
        let tickets = tickets.map(|start| json!({"priority": "urgent", "createdAt": start}));
        self.create_all(tickets.collect()).await;
    }
}

/// So many instants, evenly spread over a time that begins then, in whole milliseconds.
pub fn spread(begin: Timestamp, over: Duration, count: usize) -> Vec<Timestamp> {
    let begin = begin.as_millisecond();
    let over = over.as_millis() as f64;
    let places = (0..count).map(|number| over * number as f64 / count as f64);
    let instants = places.map(|place| Timestamp::from_millisecond(begin + place as i64));
    instants.map(|at| at.expect("an instant")).collect()
}

/// The instant so many minutes before.
pub fn minutes_before(at: Timestamp, minutes: i64) -> Timestamp {
    at - SignedDuration::from_mins(minutes)
}
