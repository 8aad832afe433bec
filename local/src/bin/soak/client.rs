//! A client that retries: after a connection that ends without an answer, and after a 5xx.

use crate::site::{Access, Shared};
use bytes::Bytes;
use fastrand::Rng;
use http::{HeaderMap, Method};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client as Http, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time;

/// How often a request is repeated.
const MAX_RETRIES: u32 = 5;
/// The pause before the first retry, doubled for each further one, and varied by half of it.
const FIRST_PAUSE_MS: u64 = 40;
/// Longer than the gateway waits.
const PATIENCE: Duration = Duration::from_secs(40);

/// Somebody with a credential.
pub struct Client {
    pub site: Shared,
    access: Access,
    http: Http<HttpConnector, Full<Bytes>>,
    random: Rng,
}

/// A request, as often as it takes.
pub struct Request {
    /// What it is, for the tally.
    pub kind: &'static str,
    pub method: Method,
    pub path: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Option<String>,
}

/// An answer other than a 5xx.
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
    /// How often the request was sent. An attempt whose answer was lost may have been applied.
    pub attempts: u32,
    about: String,
}

impl Request {
    pub fn new(kind: &'static str, method: Method, path: impl Into<String>) -> Request {
        Request {
            kind,
            method,
            path: path.into(),
            headers: Vec::new(),
            body: None,
        }
    }

    pub fn get(kind: &'static str, path: impl Into<String>) -> Request {
        Request::new(kind, Method::GET, path)
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Request {
        self.headers.push((name, value.into()));
        self
    }

    pub fn json(self, body: &Value) -> Request {
        let mut request = self.with("content-type", "application/json");
        request.body = Some(body.to_string());
        request
    }
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub fn number(&self, name: &str) -> Option<i64> {
        self.header(name)?.parse().ok()
    }

    /// The version that a strong `ETag` names.
    pub fn version(&self) -> Option<u64> {
        self.header("etag")?.trim_matches('"').parse().ok()
    }

    /// Whether an earlier attempt of the same request may have been applied.
    pub fn may_be_repeated(&self) -> bool {
        self.attempts > 1
    }

    pub fn at(&self, pointer: &str) -> &Value {
        self.body.pointer(pointer).unwrap_or(&Value::Null)
    }

    pub fn text(&self, pointer: &str) -> Option<String> {
        self.at(pointer).as_str().map(str::to_owned)
    }
}

impl Client {
    pub fn new(site: &Shared, access: &Access, random: Rng) -> Client {
        Client {
            site: Shared::clone(site),
            access: access.clone(),
            http: Http::builder(TokioExecutor::new()).build_http(),
            random,
        }
    }

    /// Sends a request until it is answered without a 5xx; `None` if that takes too many retries.
    pub async fn ask(&mut self, request: &Request) -> Option<Answer> {
        for attempt in 1..=MAX_RETRIES + 1 {
            if attempt > 1 {
                let pause = FIRST_PAUSE_MS << (attempt - 2);
                let varied = pause + self.random.u64(..=pause / 2);
                time::sleep(Duration::from_millis(varied)).await;
            }
            let Some(mut answer) = self.attempt(request).await else {
                self.site.tally.status("dropped");
                continue;
            };
            answer.attempts = attempt;
            self.site.tally.status(&answer.status.to_string());
            self.check_rate(&answer);
            if answer.status < 500 {
                self.site.tally.operation(request.kind, attempt, true);
                return Some(answer);
            }
            // Not the service's envelope but the gateway's: a function was killed.
            let is_platforms = answer.body.get("message").is_some();
            if answer.status != 503 && !is_platforms {
                self.wrong(&answer, "internal error");
            }
        }
        let attempts = MAX_RETRIES + 1;
        self.site.tally.operation(request.kind, attempts, false);
        None
    }

    async fn attempt(&self, request: &Request) -> Option<Answer> {
        let mut sent = http::Request::builder()
            .method(request.method.clone())
            .uri(format!("{}{}", self.site.url, request.path));
        for (name, value) in self.access.headers.iter().chain(&request.headers) {
            sent = sent.header(*name, value);
        }
        let body = request.body.clone().unwrap_or_default();
        let sent = sent.body(Full::from(body)).ok()?;
        let answered = time::timeout(PATIENCE, async {
            let (parts, body) = self.http.request(sent).await.ok()?.into_parts();
            Some((parts, body.collect().await.ok()?.to_bytes()))
        });
        let (parts, body) = answered.await.ok()??;
        let body = if body.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&body).unwrap_or_else(|_| json!(String::from_utf8_lossy(&body)))
        };
        Some(Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body,
            attempts: 1,
            about: format!("{} {}", request.method, request.path),
        })
    }

    /// Notes what an admitted call has left in its window.
    fn check_rate(&self, answer: &Answer) {
        let limit = answer.number("x-ratelimit-limit");
        let (Some(limit), Some(window), Some(remaining)) = (
            limit,
            answer.header("x-ratelimit-reset"),
            answer.number("x-ratelimit-remaining"),
        ) else {
            return;
        };
        if limit != i64::from(self.access.limit) {
            self.wrong(answer, "wrong X-RateLimit-Limit");
        }
        if answer.status != 429 {
            let Access { number, limit, .. } = self.access;
            self.site.tally.admitted(number, limit, window, remaining);
        }
    }

    /// Records an answer that the model excludes.
    pub fn wrong(&self, answer: &Answer, why: &str) {
        let Answer {
            status,
            body,
            attempts,
            about,
            ..
        } = answer;
        let request = ["x-cstar-request-id", "x-request-id"]
            .iter()
            .find_map(|name| answer.header(name));
        let what = format!("{about}: {why}: {status} {body} after {attempts} attempts");
        self.site.tally.wrong_answer(what, request);
    }

    /// Whether the status is one of these; if not, it is a wrong answer.
    pub fn expects(&self, answer: &Answer, statuses: &[u16]) -> bool {
        let as_expected = statuses.contains(&answer.status);
        if !as_expected {
            self.wrong(answer, &format!("expected {statuses:?}"));
        }
        as_expected
    }

    /// Records a wrong answer unless the condition holds.
    pub fn holds(&self, answer: &Answer, so: bool, what: &str) {
        if !so {
            self.wrong(answer, what);
        }
    }
}
