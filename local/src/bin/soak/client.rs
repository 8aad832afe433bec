//! A client that retries after a 5xx, and after a connection that closes without a response.

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

/// How often a request is retried.
const MAX_RETRIES: u32 = 5;
/// The pause before the first retry. It doubles for each further retry, and up to half is added at
/// random.
const FIRST_PAUSE_MS: u64 = 40;
/// How long to wait for a response: longer than the gateway waits.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(40);

/// A client with a credential.
pub struct Client {
    pub site: Shared,
    access: Access,
    http: Http<HttpConnector, Full<Bytes>>,
    random: Rng,
}

/// A request, which may be sent several times.
pub struct Request {
    /// Its kind in the tally.
    pub kind: &'static str,
    pub method: Method,
    pub path: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Option<String>,
}

/// A response other than a 5xx.
pub struct Response {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
    /// How often the request was sent. An attempt whose response was lost may have been applied.
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

impl Response {
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

    /// Sends a request until the response is not a 5xx; `None` if that takes too many retries.
    pub async fn send(&mut self, request: &Request) -> Option<Response> {
        for attempt in 1..=MAX_RETRIES + 1 {
            if attempt > 1 {
                let pause = FIRST_PAUSE_MS << (attempt - 2);
                let varied = pause + self.random.u64(..=pause / 2);
                time::sleep(Duration::from_millis(varied)).await;
            }
            let Some(mut response) = self.attempt(request).await else {
                self.site.tally.status("dropped");
                continue;
            };
            response.attempts = attempt;
            self.site.tally.status(&response.status.to_string());
            self.check_rate(&response);
            if response.status < 500 {
                self.site.tally.operation(request.kind, attempt, true);
                return Some(response);
            }
            // The gateway's envelope instead of the service's: a function was killed.
            let is_gateways = response.body.get("message").is_some();
            if response.status != 503 && !is_gateways {
                self.wrong(&response, "internal error");
            }
        }
        let attempts = MAX_RETRIES + 1;
        self.site.tally.operation(request.kind, attempts, false);
        None
    }

    async fn attempt(&self, request: &Request) -> Option<Response> {
        let mut sent = http::Request::builder()
            .method(request.method.clone())
            .uri(format!("{}{}", self.site.url, request.path));
        for (name, value) in self.access.headers.iter().chain(&request.headers) {
            sent = sent.header(*name, value);
        }
        let body = request.body.clone().unwrap_or_default();
        let sent = sent.body(Full::from(body)).ok()?;
        let answered = time::timeout(RESPONSE_TIMEOUT, async {
            let (parts, body) = self.http.request(sent).await.ok()?.into_parts();
            Some((parts, body.collect().await.ok()?.to_bytes()))
        });
        let (parts, body) = answered.await.ok()??;
        let body = if body.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&body).unwrap_or_else(|_| json!(String::from_utf8_lossy(&body)))
        };
        Some(Response {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body,
            attempts: 1,
            about: format!("{} {}", request.method, request.path),
        })
    }

    /// Records how many calls an admitted call leaves in its window.
    fn check_rate(&self, response: &Response) {
        let limit = response.number("x-ratelimit-limit");
        let (Some(limit), Some(window), Some(remaining)) = (
            limit,
            response.header("x-ratelimit-reset"),
            response.number("x-ratelimit-remaining"),
        ) else {
            return;
        };
        if limit != i64::from(self.access.limit) {
            self.wrong(response, "wrong X-RateLimit-Limit");
        }
        if response.status != 429 {
            let Access { number, limit, .. } = self.access;
            self.site.tally.admitted(number, limit, window, remaining);
        }
    }

    /// Records a response that contradicts the model.
    pub fn wrong(&self, response: &Response, why: &str) {
        let Response {
            status,
            body,
            attempts,
            about,
            ..
        } = response;
        let request = ["x-cstar-request-id", "x-request-id"]
            .iter()
            .find_map(|name| response.header(name));
        let what = format!("{about}: {why}: {status} {body} after {attempts} attempts");
        self.site.tally.wrong_response(what, request);
    }

    /// Returns whether the status is one of these, and records a wrong response if not.
    pub fn expects(&self, response: &Response, statuses: &[u16]) -> bool {
        let as_expected = statuses.contains(&response.status);
        if !as_expected {
            self.wrong(response, &format!("expected {statuses:?}"));
        }
        as_expected
    }

    /// Records a wrong response unless the condition holds.
    pub fn check(&self, response: &Response, holds: bool, what: &str) {
        if !holds {
            self.wrong(response, what);
        }
    }
}
