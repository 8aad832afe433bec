//! A proxy in front of DynamoDB that records every call and breaks some on demand.
//!
//! It knows which function calls from the access key id in the signature, since every function's
//! is its own logical id here. It asks for the consumed capacity where the caller does not, so
//! that figures need nothing in the functions.

pub mod call;

use crate::{
    error::Error,
    http::{self, Answer, Hangup, Patience, Server},
    random::Random,
};
use ::http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header, uri::PathAndQuery,
};
use bytes::Bytes;
use call::Call;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use serde_json::json;
use std::{
    collections::VecDeque,
    future,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::time;

/// DynamoDB's own limit for a request, 16 MB.
const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;
/// The oldest calls make room for new ones.
const MAX_CALLS: usize = 100_000;

/// What to do to a call instead of just passing it on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Pass it on, then close the connection without the answer.
    DropAnswer,
    /// The same, but only for the first match.
    DropAnswerOnce,
    /// Pass it on after this long, even if its caller has given up by then.
    Delay(Duration),
    /// Neither pass it on nor answer, until the caller gives up.
    Hang,
    /// `ProvisionedThroughputExceededException`.
    Throttle,
    /// Close the connection at once.
    Refuse,
    /// Status 500, `InternalServerError`.
    InternalError,
    /// `AccessDeniedException`: as if the function's role lacked the permission.
    Deny,
    /// `TransactionCanceledException`, with one reason per item, such as `TransactionConflict` or `None`.
    TransactionConflict {
        /// The reasons' codes, in the items' order.
        reasons: Vec<String>,
    },
    /// One of these, drawn anew for each call.
    OneOf(Vec<Fault>),
}

/// Which calls a fault is for. `Matcher::default()` is all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matcher {
    /// Only calls of this function (logical id).
    pub function: Option<String>,
    /// Only this operation, such as `PutItem`.
    pub operation: Option<String>,
    /// Only the nth of the calls that match otherwise, from 1, counted from when the fault was asked for.
    pub nth: Option<usize>,
    /// Only a share of the calls that match otherwise.
    pub chance: Option<Chance>,
}

/// A share of calls, drawn at random.
///
/// The seed determines what is drawn for the first call, the second and so on. Which call comes
/// first depends on the callers: with several of them, no two runs are quite the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chance {
    /// Of a hundred calls, so many.
    pub percent: u8,
    /// What the draws follow from: the same seed draws the same.
    pub seed: u64,
}

/// Keeps a fault in force until dropped.
#[must_use = "the fault ends when this is dropped"]
pub struct FaultGuard {
    rule: Arc<Rule>,
    rules: Arc<Mutex<Vec<Arc<Rule>>>>,
}

impl FaultGuard {
    /// How many calls the fault has struck.
    pub fn hits(&self) -> usize {
        self.rule.struck.load(Ordering::SeqCst)
    }
}

impl Drop for FaultGuard {
    fn drop(&mut self) {
        lock(&self.rules).retain(|rule| !Arc::ptr_eq(rule, &self.rule));
    }
}

struct Rule {
    matcher: Matcher,
    fault: Fault,
    random: Mutex<Random>,
    seen: AtomicUsize,
    struck: AtomicUsize,
}

/// The proxy. Dropping it closes every connection.
pub struct Wire {
    address: SocketAddr,
    tape: Arc<Tape>,
    _server: Server,
}

struct Tape {
    client: Client<HttpConnector, Full<Bytes>>,
    target: Uri,
    rules: Arc<Mutex<Vec<Arc<Rule>>>>,
    calls: Mutex<Calls>,
}

#[derive(Default)]
struct Calls {
    /// The number of the first call that is still held.
    first: usize,
    held: VecDeque<Call>,
}

impl Wire {
    /// Starts a proxy on a free port, in front of the DynamoDB at `target` (`http://host:port`).
    pub(crate) fn start(target: &str) -> Result<Self, Error> {
        let target: Uri = target.parse().map_err(|_| {
            Error::template("the DynamoDB endpoint", format!("`{target}` is not a URL"))
        })?;
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .build(connector);
        let tape = Arc::new(Tape {
            client,
            target,
            rules: Arc::default(),
            calls: Mutex::default(),
        });
        let (listener, address) = http::adopt(http::bind(0, "nothing")?)?;
        let of_server = Arc::clone(&tape);
        let server = http::serve(listener, Patience::Endless, move |request, _| {
            let tape = Arc::clone(&of_server);
            async move { tape.handle(request).await }
        });
        Ok(Self {
            address,
            tape,
            _server: server,
        })
    }

    /// Where the proxy listens.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The calls so far, in the order they arrived.
    pub fn calls(&self) -> Vec<Call> {
        lock(&self.tape.calls).held.iter().cloned().collect()
    }

    /// The calls so far, in the order they arrived, which are then forgotten.
    pub fn take(&self) -> Vec<Call> {
        let mut calls = lock(&self.tape.calls);
        calls.first += calls.held.len();
        calls.held.drain(..).collect()
    }

    /// Breaks the calls that match, from now until the guard is dropped.
    ///
    /// ```ignore
    /// let fault = wire.fault(Matcher { operation: Some("PutItem".into()), ..Matcher::default() }, Fault::DropAnswerOnce);
    /// // … one PutItem is applied, but its caller sees a closed connection …
    /// assert_eq!(fault.hits(), 1);
    /// ```
    pub fn fault(&self, matcher: Matcher, fault: Fault) -> FaultGuard {
        let seed = matcher.chance.map_or(0, |chance| chance.seed);
        let rule = Arc::new(Rule {
            matcher,
            fault,
            random: Mutex::new(Random::new(seed)),
            seen: AtomicUsize::new(0),
            struck: AtomicUsize::new(0),
        });
        lock(&self.tape.rules).push(Arc::clone(&rule));
        FaultGuard {
            rule,
            rules: Arc::clone(&self.tape.rules),
        }
    }
}

impl Tape {
    async fn handle(self: Arc<Self>, request: Request<Incoming>) -> Answer {
        let started = Instant::now();
        let (parts, body) = request.into_parts();
        let Ok(body) = http::read(body, MAX_BODY_BYTES).await else {
            return Err(Hangup);
        };
        let (mut call, body) = call::read(&parts.headers, body, started);
        let fault = self.fault_for(&call);
        call.fault = fault.clone();
        let entry = self.record(call);
        let passed = Passed {
            method: parts.method,
            path: parts.uri.path_and_query().cloned(),
            headers: parts.headers,
            body,
        };
        self.answer(fault, passed, entry).await
    }

    async fn answer(self: Arc<Self>, fault: Option<Fault>, passed: Passed, entry: Entry) -> Answer {
        match fault {
            None => self.forward(passed, &entry).await,
            Some(Fault::DropAnswer | Fault::DropAnswerOnce) => {
                // The answer exists, but its caller never sees it.
                drop(self.forward(passed, &entry).await);
                Err(Hangup)
            }
            Some(Fault::Delay(length)) => {
                // A task of its own goes on when the caller has hung up.
                let late = tokio::spawn(async move {
                    time::sleep(length).await;
                    self.forward(passed, &entry).await
                });
                late.await.unwrap_or(Err(Hangup))
            }
            // Drawn from before it gets here, unless there is nothing to draw from.
            Some(Fault::OneOf(_)) => Err(Hangup),
            Some(Fault::Hang) => future::pending().await,
            Some(Fault::Refuse) => Err(Hangup),
            Some(Fault::Throttle) => Ok(entry.refuse(
                StatusCode::BAD_REQUEST,
                "ProvisionedThroughputExceededException",
                "The level of configured provisioned throughput for the table was exceeded.",
                &[],
            )),
            Some(Fault::InternalError) => Ok(entry.refuse(
                StatusCode::INTERNAL_SERVER_ERROR,
                "InternalServerError",
                "Internal server error",
                &[],
            )),
            Some(Fault::Deny) => Ok(entry.refuse(
                StatusCode::BAD_REQUEST,
                "AccessDeniedException",
                "User is not authorized to perform this action on this resource",
                &[],
            )),
            Some(Fault::TransactionConflict { reasons }) => Ok(entry.refuse(
                StatusCode::BAD_REQUEST,
                "TransactionCanceledException",
                "Transaction cancelled, please refer cancellation reasons for specific reasons",
                &reasons,
            )),
        }
    }

    fn fault_for(&self, call: &Call) -> Option<Fault> {
        let rules: Vec<_> = lock(&self.rules).clone();
        // The first fault that strikes wins, but every matching rule counts the call.
        let mut fault = None;
        for rule in rules {
            if rule.strikes(call) && fault.is_none() {
                rule.struck.fetch_add(1, Ordering::SeqCst);
                fault = Some(rule.draw());
            }
        }
        fault
    }

    fn record(self: &Arc<Self>, call: Call) -> Entry {
        let mut calls = lock(&self.calls);
        if calls.held.len() >= MAX_CALLS {
            calls.held.pop_front();
            calls.first += 1;
        }
        let number = calls.first + calls.held.len();
        calls.held.push_back(call);
        let tape = Arc::clone(self);
        Entry { tape, number }
    }

    async fn forward(&self, passed: Passed, entry: &Entry) -> Answer {
        let Passed {
            method,
            path,
            mut headers,
            body,
        } = passed;
        let mut target = self.target.clone().into_parts();
        target.path_and_query = path;
        let target = Uri::from_parts(target).map_err(|_| Hangup)?;
        headers.remove(header::CONTENT_LENGTH);
        headers.remove(header::TRANSFER_ENCODING);
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = target;
        *request.headers_mut() = headers;

        let (mut parts, body) = self
            .client
            .request(request)
            .await
            .map_err(|_| Hangup)?
            .into_parts();
        let body = body.collect().await.map_err(|_| Hangup)?.to_bytes();
        entry.edit(|call| call.answered(parts.status.as_u16(), &body));
        // The length is counted anew; anything else is DynamoDB's own.
        parts.headers.remove(header::CONTENT_LENGTH);
        parts.headers.remove(header::TRANSFER_ENCODING);
        Ok(Response::from_parts(parts, Full::new(body)))
    }
}

impl Rule {
    fn strikes(&self, call: &Call) -> bool {
        let Matcher {
            function,
            operation,
            nth,
            chance,
        } = &self.matcher;
        if function
            .as_ref()
            .is_some_and(|function| *function != call.function)
            || operation
                .as_ref()
                .is_some_and(|operation| *operation != call.operation)
        {
            return false;
        }
        if chance.is_some_and(|chance| !lock(&self.random).chance(chance.percent)) {
            return false;
        }
        let seen = self.seen.fetch_add(1, Ordering::SeqCst) + 1;
        match (nth, &self.fault) {
            (Some(nth), _) => seen == *nth,
            (None, Fault::DropAnswerOnce) => seen == 1,
            (None, _) => true,
        }
    }

    fn draw(&self) -> Fault {
        let Fault::OneOf(faults) = &self.fault else {
            return self.fault.clone();
        };
        let drawn = lock(&self.random).one_of(faults).cloned();
        drawn.unwrap_or_else(|| self.fault.clone())
    }
}

/// A request on its way to the database.
struct Passed {
    method: Method,
    path: Option<PathAndQuery>,
    headers: HeaderMap,
    body: Bytes,
}

/// A recorded call while it is under way; dropping it notes the end.
struct Entry {
    tape: Arc<Tape>,
    number: usize,
}

impl Entry {
    fn edit(&self, edit: impl FnOnce(&mut Call)) {
        let mut calls = lock(&self.tape.calls);
        // It may have been taken or made room meanwhile.
        let index = self.number.checked_sub(calls.first);
        if let Some(call) = index.and_then(|index| calls.held.get_mut(index)) {
            edit(call);
        }
    }

    /// An answer in DynamoDB's words that the database never gave.
    fn refuse(
        &self,
        status: StatusCode,
        kind: &str,
        message: &str,
        reasons: &[String],
    ) -> Response<Full<Bytes>> {
        let kind = format!("com.amazonaws.dynamodb.v20120810#{kind}");
        let body = if reasons.is_empty() {
            json!({ "__type": kind, "message": message })
        } else {
            // This exception alone writes its message with a capital.
            let message = format!("{message} [{}]", reasons.join(", "));
            let reasons: Vec<_> = reasons.iter().map(|code| json!({ "Code": code })).collect();
            json!({ "__type": kind, "Message": message, "CancellationReasons": reasons })
        };
        let body = body.to_string();
        self.edit(|call| call.answered(status.as_u16(), body.as_bytes()));
        let mut response = Response::new(Full::new(body.into()));
        *response.status_mut() = status;
        let content_type = HeaderValue::from_static("application/x-amz-json-1.0");
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, content_type);
        response
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.edit(|call| call.finished = Some(Instant::now()));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
