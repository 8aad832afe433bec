//! The one way a request is answered.
//!
//! Credential, then rate, then permission, then team: only a request that passes all these checks
//! becomes a [`Call`], and only a `Call` opens a team's store. Writes wait for the admission. So do
//! reads, unless this process has already admitted the same credential to the same team: then the
//! read runs beside the admission and is one round trip deep. Its answer is released only if the
//! admission succeeds, and dropped as soon as it fails. A write that meets a conflict starts again,
//! so a handler reads, decides and writes as if it were alone.
//!
//! Whatever happens below, including a panic and a table that hangs, the caller gets a response in
//! its own dialect before [`DEADLINE`].

pub mod call;
mod event;
pub mod schedule;

use std::any::Any;
use std::convert::Infallible;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Either, select};
use jiff::Timestamp;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use lambda_runtime::{LambdaEvent, service_fn};

use crate::api::{self, Effect, Endpoint};
use crate::auth::{Admitted, Credential, Gate, authorise};
use crate::config::Config;
use crate::dialect::{Dialect, ResponseContext};
use crate::domain::id::RequestId;
use crate::domain::principal::Principal;
use crate::limit::Rate;
use crate::log;
use crate::problem::{Cause, Problem};
use crate::random;
use crate::reply::Answer;
use crate::store::{Store, Table, client};

use call::{Call, PublicCall, ReadCall};
use event::{Event, Request};

/// The most time that a request takes: less than Lambda's ten seconds and the gateway's thirty, more
/// than three DynamoDB operations of two and a half.
pub const DEADLINE: Duration = Duration::from_secs(8);

/// How long INIT waits for the connection to the table that it opens ahead of the first request.
const PRIMING_TIMEOUT: Duration = Duration::from_secs(1);

/// How often a write is attempted when it meets conflicts. Each attempt takes some ten milliseconds:
/// more contention is an outage, and reported as one.
const MAX_WRITE_ATTEMPTS: usize = 16;

/// The longest pause after the first conflict. It doubles with every attempt, up to
/// [`MAX_CONFLICT_PAUSE`]: without pauses, many writers of one item keep meeting each other.
const FIRST_CONFLICT_PAUSE: Duration = Duration::from_millis(5);
/// The longest pause between two attempts.
const MAX_CONFLICT_PAUSE: Duration = Duration::from_millis(160);

/// The path parameter that names a team.
const TEAM_PARAMETER: &str = "teamId";

/// An endpoint whose type decides what its handler may do.
pub trait Serve {
    /// What a handler is given.
    type Call;

    /// The endpoint.
    fn endpoint(&self) -> &Endpoint;

    /// A handler of this kind of endpoint.
    fn handler(handler: BoxedHandler<Self::Call>) -> Handler;
}

/// A handler without its own type, so that everything else is compiled only once.
pub type BoxedHandler<C> = Box<dyn Fn(C) -> BoxFuture<'static, Answer> + Send + Sync>;

/// A handler of any kind of endpoint.
pub enum Handler {
    /// Of an endpoint that only reads.
    Read(BoxedHandler<ReadCall>),
    /// Of an endpoint that writes.
    Write(BoxedHandler<Call>),
    /// Of an endpoint that is open to anyone.
    Public(BoxedHandler<PublicCall>),
}

/// Runs an endpoint until its execution environment is shut down.
pub fn serve<E, H, F>(endpoint: &'static E, handler: H) -> ExitCode
where
    E: Serve,
    H: Fn(E::Call) -> F + Send + Sync + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    let boxed: BoxedHandler<E::Call> = Box::new(move |call| Box::pin(handler(call)));
    run(listen(endpoint.endpoint(), E::handler(boxed)))
}

impl Serve for api::Read {
    type Call = ReadCall;

    fn endpoint(&self) -> &Endpoint {
        self.endpoint()
    }

    fn handler(handler: BoxedHandler<ReadCall>) -> Handler {
        Handler::Read(handler)
    }
}

impl Serve for api::Write {
    type Call = Call;

    fn endpoint(&self) -> &Endpoint {
        self.endpoint()
    }

    fn handler(handler: BoxedHandler<Call>) -> Handler {
        Handler::Write(handler)
    }
}

impl Serve for api::Public {
    type Call = PublicCall;

    fn endpoint(&self) -> &Endpoint {
        self.endpoint()
    }

    fn handler(handler: BoxedHandler<PublicCall>) -> Handler {
        Handler::Public(handler)
    }
}

/// What a process keeps between requests.
struct Server {
    endpoint: &'static Endpoint,
    handler: Handler,
    config: Arc<Config>,
    gate: Gate,
    table: Option<Table>,
}

/// Runs a function until its execution environment is shut down.
fn run(listen: impl Future<Output = Result<(), Cause>>) -> ExitCode {
    log::start();
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error),
    };
    match runtime.block_on(listen) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(error.as_ref()),
    }
}

fn failed(error: &dyn std::error::Error) -> ExitCode {
    log::init_failure(error);
    ExitCode::FAILURE
}

async fn listen(endpoint: &'static Endpoint, handler: Handler) -> Result<(), Cause> {
    let config = Config::from_env()?;
    let table = match endpoint.effect() {
        Effect::None => None,
        Effect::Read | Effect::Write => Some(connect(&config).await?),
    };
    let gate = Gate::new(&config);
    let server = Arc::new(Server {
        endpoint,
        handler,
        config: Arc::new(config),
        gate,
        table,
    });
    let service = service_fn(move |event: LambdaEvent<Event>| {
        let server = Arc::clone(&server);
        async move { Ok::<_, Infallible>(server.answer(event.payload).await) }
    });
    lambda_runtime::run_concurrent(service).await
}

/// The table, with a connection that is open if the table answers in time.
async fn connect(config: &Config) -> Result<Table, Cause> {
    let table = client::connect(config).await?;
    let id = RequestId::new(Timestamp::now(), &random::bytes());
    // A table that does not answer now may answer later.
    let _ = tokio::time::timeout(PRIMING_TIMEOUT, table.for_request(&id).ping()).await;
    Ok(table)
}

impl Server {
    async fn answer(&self, event: Event) -> ApiGatewayV2httpResponse {
        let (now, started) = (Timestamp::now(), Instant::now());
        let id = RequestId::new(now, &random::bytes());
        let request = Request::from(event);
        let dialect = if self.endpoint.is_default() {
            Dialect::of_path(&request.path)
        } else {
            self.endpoint.dialect
        };
        let store = self.table.as_ref().map(|table| table.for_request(&id));
        let gateway_id = request.gateway_id.clone();
        let call = PublicCall::new(
            request,
            self.endpoint,
            now,
            Arc::clone(&self.config),
            store.clone(),
        );
        let rate = OnceLock::new();

        let work = AssertUnwindSafe(self.work(call, &rate)).catch_unwind();
        let answer = match tokio::time::timeout(DEADLINE, work).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(panic)) => Err(panicked(panic.as_ref())),
            Err(_elapsed) => Err(Problem::Unavailable("our own deadline has passed".into())),
        };

        let context = ResponseContext {
            request: &id,
            now,
            rate: rate.get().copied(),
            error_reference: &self.config.error_reference,
        };
        let (response, problem) = match answer {
            Ok(reply) => (dialect.success(reply, &context), None),
            Err(problem) => {
                if let Problem::Internal(cause) | Problem::Unavailable(cause) = &problem {
                    log::failure(&id, self.endpoint.name, cause);
                }
                let response = dialect.problem(&problem, &context);
                (response, Some(problem.name()))
            }
        };
        log::request(&log::RequestLine {
            id: &id,
            gateway_id: gateway_id.as_deref(),
            endpoint: self.endpoint.name,
            status: response.status,
            problem,
            took: started.elapsed(),
            cost: store.map(|store| store.cost()).unwrap_or_default(),
        });
        event::response(response)
    }

    async fn work(&self, call: PublicCall, rate: &OnceLock<Rate>) -> Answer {
        match &self.handler {
            Handler::Public(handler) => handler(call).await,
            Handler::Write(handler) => {
                let (store, credential) = self.credential(&call)?;
                let principal = self.admit(&store, &credential, &call, rate).await?;
                retry_on_conflict(Call::new(call, store, principal), handler).await
            }
            Handler::Read(handler) => {
                let (store, credential) = self.credential(&call)?;
                let admission = self.admit(&store, &credential, &call, rate);
                match self.expected(&credential, &call) {
                    None => {
                        let principal = admission.await?;
                        handler(ReadCall::new(call, store, principal)).await
                    }
                    Some(expected) => {
                        let read = ReadCall::new(call.clone(), store.clone(), expected.clone());
                        if_admitted(admission, &expected, handler(read)).await
                    }
                }
            }
        }
    }

    fn credential(&self, call: &PublicCall) -> Result<(Store, Credential), Problem> {
        let presented = self.endpoint.dialect.credential(|name| call.header(name));
        let credential = Credential::read(presented)?;
        Ok((call.store()?, credential))
    }

    async fn admit(
        &self,
        store: &Store,
        credential: &Credential,
        call: &PublicCall,
        rate: &OnceLock<Rate>,
    ) -> Result<Principal, Problem> {
        let admitted = self
            .gate
            .admit(store, credential, call.address(), call.now())
            .await;
        let (admitted, rate_of_caller) = match admitted {
            Ok(Admitted { principal, rate }) => (Ok(principal), rate),
            Err(rejection) => (Err(rejection.problem), rejection.rate),
        };
        if let Some(rate_of_caller) = rate_of_caller {
            // Nothing else sets it.
            let _ = rate.set(rate_of_caller);
        }
        let principal = admitted?;
        self.authorise(&principal, call)?;
        Ok(principal)
    }

    fn authorise(&self, principal: &Principal, call: &PublicCall) -> Result<(), Problem> {
        let team_in_path = call.parameter(TEAM_PARAMETER);
        authorise(self.endpoint.access, principal, team_in_path)
    }

    /// The principal as which the caller of a read is expected to be admitted; `None` if the read must
    /// wait for the admission.
    fn expected(&self, credential: &Credential, call: &PublicCall) -> Option<Principal> {
        let principal = self.gate.last_admitted(credential)?;
        self.authorise(&principal, call).ok()?;
        Some(principal)
    }
}

/// Runs a handler until it meets no conflicting write.
async fn retry_on_conflict(call: Call, handler: &BoxedHandler<Call>) -> Answer {
    let mut longest_pause = FIRST_CONFLICT_PAUSE;
    for _ in 0..MAX_WRITE_ATTEMPTS {
        match handler(call.clone()).await {
            Err(Problem::WriteConflict) => {}
            answer => return answer,
        }
        tokio::time::sleep(longest_pause * u32::from(random::bytes::<1>()[0]) / 255).await;
        longest_pause = (longest_pause * 2).min(MAX_CONFLICT_PAUSE);
    }
    Err(Problem::Unavailable(
        "every attempt of a write met a conflict".into(),
    ))
}

/// The answer of the read if the caller is admitted as expected; otherwise the refusal, as soon as it
/// is known.
async fn if_admitted(
    admission: impl Future<Output = Result<Principal, Problem>>,
    expected: &Principal,
    read: BoxFuture<'static, Answer>,
) -> Answer {
    // A panic in the read must not reveal anything before the admission, so it waits, too.
    let read = AssertUnwindSafe(read).catch_unwind();
    let admission = std::pin::pin!(admission);
    let (principal, answer) = match select(admission, read).await {
        Either::Left((admitted, read)) => (admitted?, read.await),
        Either::Right((answer, admission)) => (admission.await?, answer),
    };
    if (&principal.team, principal.mode) != (&expected.team, expected.mode) {
        return Err(Problem::Internal("a credential has changed teams".into()));
    }
    answer.unwrap_or_else(|panic| Err(panicked(panic.as_ref())))
}

/// The panic hook has already logged the panic and its location.
fn panicked(_panic: &(dyn Any + Send)) -> Problem {
    Problem::Internal("the handler panicked".into())
}

#[cfg(test)]
mod tests {
    use lambda_http::Body;
    use serde_json::{Value, json};

    use super::*;
    use crate::config::TrustStore;
    use crate::domain::webhook_url::Loopback;
    use crate::limit::Allowance;

    /// The response of a public endpoint with this handler.
    fn respond<F>(path: &str, handler: fn() -> F) -> (i64, ApiGatewayV2httpResponse)
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        let allowance = Allowance {
            limit: 1,
            window_seconds: 1,
        };
        let config = Config {
            table: "none".to_owned(),
            secret_key: allowance,
            publishable_key: allowance,
            user_token: allowance,
            trust_store: TrustStore::Amazon,
            revision: "none".to_owned(),
            error_reference: "https://example.com/errors".to_owned(),
            look_ahead_seconds: 0,
            metrics_namespace: None,
            loopback: Loopback::Refused,
        };
        let gate = Gate::new(&config);
        let handler = Handler::Public(Box::new(move |_call| Box::pin(handler())));
        let server = Server {
            endpoint: api::ROUTE_UNKNOWN.endpoint(),
            handler,
            config: Arc::new(config),
            gate,
            table: None,
        };
        let event = serde_json::from_value(json!({ "rawPath": path })).expect("an event");
        // Time advances only while everything waits for it, so eight seconds take none.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .expect("a runtime");
        let response = runtime.block_on(server.answer(event));
        (response.status_code, response)
    }

    fn body(response: &ApiGatewayV2httpResponse) -> Value {
        match &response.body {
            Some(Body::Text(text)) => serde_json::from_str(text).expect("JSON"),
            other => json!(format!("{other:?}")),
        }
    }

    #[test]
    fn a_panic_is_answered_in_the_callers_dialect_and_reveals_nothing() {
        async fn panics() -> Answer {
            let nothing: [u8; 0] = [];
            if nothing[nothing.len()] == 0 {
                Err(Problem::UnknownPath)
            } else {
                Err(Problem::NotAnObject)
            }
        }
        let (status, response) = respond("/api/v1/livechat/sla", panics);
        let text = "Internal server error [error-internal]";
        let expected = json!({"success": false, "error": text, "errorType": "error-internal"});
        assert_eq!((status, body(&response)), (500, expected));
        let (status, response) = respond("/api/v1/teams", panics);
        assert_eq!(
            (status, &body(&response)["error"]["code"]),
            (500, &json!("internal_error"))
        );
    }

    #[test]
    fn a_request_that_takes_too_long_is_abandoned() {
        async fn hangs() -> Answer {
            std::future::pending().await
        }
        let (status, response) = respond("/api/v1/teams", hangs);
        assert_eq!(
            (status, &body(&response)["error"]["code"]),
            (503, &json!("service_unavailable"))
        );
        assert_eq!(response.headers["retry-after"], "1");
    }
}
