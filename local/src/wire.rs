//! A proxy in front of DynamoDB that records every call, injects faults on demand, and refuses what
//! DynamoDB refuses although the embedded database accepts it.
//!
//! The access key id in a call's signature identifies the calling function, because each function's
//! key id here is its own logical id. The proxy asks for the consumed capacity where the caller
//! does not, so that capacity can be measured without a change to the functions.

pub mod call;
pub mod fault;
mod validation;

use crate::{
    error::Error,
    http::{self, HandlerResult, Hangup, HeaderTimeout, HttpResponse, Server},
    lock::lock,
    template::Table,
};
use ::http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header, uri::PathAndQuery,
};
use bytes::Bytes;
use call::DynamoDbCall;
use fault::{FaultGuard, Faults, InjectedFault, Matcher};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use serde_json::{Value, json};
use std::{
    collections::VecDeque,
    future,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Instant,
};
use tokio::time;
use validation::Refusal;

/// DynamoDB's own limit for a request, 16 MB.
const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;
/// Calls that are kept; a new one replaces the oldest.
const MAX_CALLS: usize = 100_000;

/// The proxy. Dropping it closes every connection.
pub struct Wire {
    address: SocketAddr,
    proxy: Arc<Proxy>,
    _server: Server,
}

struct Proxy {
    client: Client<HttpConnector, Full<Bytes>>,
    database: Uri,
    table: Table,
    faults: Faults,
    calls: Mutex<Calls>,
}

#[derive(Default)]
struct Calls {
    /// The number of the first call that is still kept.
    first: usize,
    kept: VecDeque<DynamoDbCall>,
}

impl Wire {
    /// Starts a proxy on a free port, in front of the DynamoDB at `endpoint` (`http://host:port`),
    /// which has this table.
    pub(crate) fn start(endpoint: &str, table: &Table) -> Result<Self, Error> {
        let database: Uri = endpoint.parse().map_err(|_| {
            Error::template(
                "the DynamoDB endpoint",
                format!("`{endpoint}` is not a URL"),
            )
        })?;
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .build(connector);
        let proxy = Arc::new(Proxy {
            client,
            database,
            table: table.clone(),
            faults: Faults::default(),
            calls: Mutex::default(),
        });
        let (listener, address) = http::bind_any()?;
        let for_server = Arc::clone(&proxy);
        let server = http::serve(listener, HeaderTimeout::Never, move |request, _| {
            Arc::clone(&for_server).handle(request)
        });
        Ok(Self {
            address,
            proxy,
            _server: server,
        })
    }

    /// Where the proxy listens.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The calls so far, in the order of their arrival.
    pub fn calls(&self) -> Vec<DynamoDbCall> {
        lock(&self.proxy.calls).kept.iter().cloned().collect()
    }

    /// Removes and returns the calls so far, in the order of their arrival.
    pub fn take(&self) -> Vec<DynamoDbCall> {
        let mut calls = lock(&self.proxy.calls);
        calls.first += calls.kept.len();
        calls.kept.drain(..).collect()
    }

    /// Injects a fault into the calls that match, from now until the guard is dropped.
    ///
    /// ```ignore
    /// let put_item = Matcher { operation: Some("PutItem".into()), ..Matcher::default() };
    /// let fault = wire.fault(put_item, InjectedFault::DropResponseOnce);
    /// // … one PutItem is applied, but its caller sees a closed connection …
    /// assert_eq!(fault.hits(), 1);
    /// ```
    pub fn fault(&self, matcher: Matcher, fault: InjectedFault) -> FaultGuard {
        self.proxy.faults.inject(matcher, fault)
    }
}

impl Proxy {
    async fn handle(self: Arc<Self>, request: Request<Incoming>) -> HandlerResult {
        let started = Instant::now();
        let (parts, body) = request.into_parts();
        let Ok(body) = http::read(body, MAX_BODY_BYTES).await else {
            return Err(Hangup);
        };
        let (mut call, body) = call::read(&parts.headers, body, started);
        let fault = self.faults.strike(&call.function, &call.operation);
        call.fault = fault.clone();
        let operation = call.operation.clone();
        let entry = self.record(call);
        let request = Forwarded {
            operation,
            method: parts.method,
            path: parts.uri.path_and_query().cloned(),
            headers: parts.headers,
            body,
        };
        self.respond(fault, request, entry).await
    }

    async fn respond(
        self: Arc<Self>,
        fault: Option<InjectedFault>,
        request: Forwarded,
        entry: Entry,
    ) -> HandlerResult {
        match fault {
            None => self.forward(request, &entry).await,
            Some(InjectedFault::DropResponse | InjectedFault::DropResponseOnce) => {
                // The database responds, but the caller never sees it.
                drop(self.forward(request, &entry).await);
                Err(Hangup)
            }
            Some(InjectedFault::Delay(delay)) => {
                // In a task of its own, which goes on after the caller has hung up.
                let late = tokio::spawn(async move {
                    time::sleep(delay).await;
                    self.forward(request, &entry).await
                });
                late.await.unwrap_or(Err(Hangup))
            }
            // Already drawn from, unless there is nothing to draw from.
            Some(InjectedFault::OneOf(_)) => Err(Hangup),
            Some(InjectedFault::Hang) => future::pending().await,
            Some(InjectedFault::Refuse) => Err(Hangup),
            Some(InjectedFault::Throttle) => Ok(entry.refuse(
                StatusCode::BAD_REQUEST,
                "ProvisionedThroughputExceededException",
                "The level of configured provisioned throughput for the table was exceeded.",
            )),
            Some(InjectedFault::InternalError) => Ok(entry.refuse(
                StatusCode::INTERNAL_SERVER_ERROR,
                "InternalServerError",
                "Internal server error",
            )),
            Some(InjectedFault::Deny) => Ok(entry.refuse(
                StatusCode::BAD_REQUEST,
                "AccessDeniedException",
                "User is not authorized to perform this action on this resource",
            )),
            Some(InjectedFault::TransactionInProgress) => Ok(entry.refuse(
                StatusCode::BAD_REQUEST,
                "TransactionInProgressException",
                "The transaction with the given request token is already in progress.",
            )),
            Some(InjectedFault::TransactionConflict { reasons }) => {
                let reason = |code| json!({ "Code": code });
                let reasons = reasons.iter().map(reason).collect();
                Ok(entry.respond(StatusCode::BAD_REQUEST, &canceled_transaction(reasons)))
            }
        }
    }

    fn record(self: &Arc<Self>, call: DynamoDbCall) -> Entry {
        let mut calls = lock(&self.calls);
        if calls.kept.len() >= MAX_CALLS {
            calls.kept.pop_front();
            calls.first += 1;
        }
        let number = calls.first + calls.kept.len();
        calls.kept.push_back(call);
        let proxy = Arc::clone(self);
        Entry { proxy, number }
    }

    async fn forward(&self, request: Forwarded, entry: &Entry) -> HandlerResult {
        let Forwarded {
            operation,
            method,
            path,
            mut headers,
            body,
        } = request;
        if let Err(refusal) = validation::check(&self.table, &operation, &body) {
            return Ok(entry.refuse_as_invalid(refusal));
        }
        let mut target = self.database.clone().into_parts();
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
        entry.edit(|call| call.record_response(parts.status.as_u16(), &body));
        // The length is computed again; every other header is DynamoDB's own.
        parts.headers.remove(header::CONTENT_LENGTH);
        parts.headers.remove(header::TRANSFER_ENCODING);
        Ok(Response::from_parts(parts, Full::new(body)))
    }
}

/// A request on its way to the database.
struct Forwarded {
    operation: String,
    method: Method,
    path: Option<PathAndQuery>,
    headers: HeaderMap,
    body: Bytes,
}

/// A recorded call that is still in progress. Dropping it records the end.
struct Entry {
    proxy: Arc<Proxy>,
    number: usize,
}

impl Entry {
    fn edit(&self, edit: impl FnOnce(&mut DynamoDbCall)) {
        let mut calls = lock(&self.proxy.calls);
        // It may have been taken or replaced in the meantime.
        let index = self.number.checked_sub(calls.first);
        if let Some(call) = index.and_then(|index| calls.kept.get_mut(index)) {
            edit(call);
        }
    }

    /// A fault in DynamoDB's form that the database never gave.
    fn refuse(&self, status: StatusCode, kind: &str, message: &str) -> HttpResponse {
        let kind = format!("com.amazonaws.dynamodb.v20120810#{kind}");
        self.respond(status, &json!({ "__type": kind, "message": message }))
    }

    fn refuse_as_invalid(&self, refusal: Refusal) -> HttpResponse {
        let body = match refusal {
            Refusal::Invalid(message) => json!({
                "__type": "com.amazon.coral.validate#ValidationException",
                "message": message,
            }),
            Refusal::Canceled {
                place,
                actions,
                message,
            } => {
                let mut reasons = vec![json!({ "Code": "None" }); actions];
                if let Some(reason) = reasons.get_mut(place) {
                    *reason = json!({ "Code": "ValidationError", "Message": message });
                }
                canceled_transaction(reasons)
            }
        };
        self.respond(StatusCode::BAD_REQUEST, &body)
    }

    fn respond(&self, status: StatusCode, body: &Value) -> HttpResponse {
        let body = body.to_string();
        self.edit(|call| call.record_response(status.as_u16(), body.as_bytes()));
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

/// A `TransactionCanceledException`, with one reason for each action.
fn canceled_transaction(reasons: Vec<Value>) -> Value {
    let codes: Vec<_> = reasons
        .iter()
        .filter_map(|reason| reason.get("Code")?.as_str())
        .collect();
    let codes = codes.join(", ");
    json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        // Only this exception spells its message member with a capital letter.
        "Message": format!(
            "Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]"
        ),
        "CancellationReasons": reasons,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        dynamodb::Database,
        table::{self, TABLE_NAME},
        template::Template,
    };

    const TEMPLATE: &str = r#"
Resources:
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      KeySchema:
        - { AttributeName: pk, KeyType: HASH }
        - { AttributeName: sk, KeyType: RANGE }
      AttributeDefinitions:
        - { AttributeName: pk, AttributeType: S }
        - { AttributeName: sk, AttributeType: S }
  Worker:
    Type: AWS::Serverless::Function
    Properties: { CodeUri: target/lambda/worker, Events: { Http: { Type: HttpApi } } }
"#;

    #[tokio::test]
    async fn the_wire_refuses_what_only_dynamodb_refuses() -> Result<(), Error> {
        let template = Template::parse(TEMPLATE)?;
        let database = Database::start(&template, 0, None).await?;
        let wire = Wire::start(&database.endpoint(), &template.table)?;
        let query = json!({
            "TableName": TABLE_NAME,
            "KeyConditionExpression": "pk = :pk AND begins_with(sk, :prefix)",
            "ExpressionAttributeValues": { ":pk": { "S": "a" }, ":prefix": { "S": "" } },
        });
        let put =
            json!({ "TableName": TABLE_NAME, "Item": { "pk": { "S": "a" }, "sk": { "S": "a" } } });
        let moved = json!({
            "TableName": TABLE_NAME,
            "Key": { "pk": { "S": "a" }, "sk": { "S": "b" } },
            "UpdateExpression": "SET sk = :sk",
            "ExpressionAttributeValues": { ":sk": { "S": "c" } },
        });
        let transaction = json!({ "TransactItems": [{ "Put": put }, { "Update": moved }] });
        let refusals = [
            (
                "Query",
                query,
                json!({
                    "__type": "com.amazon.coral.validate#ValidationException",
                    "message": "One or more parameter values are not valid. The AttributeValue for a key \
                                attribute cannot contain an empty string value. Key: sk",
                }),
            ),
            (
                "TransactWriteItems",
                transaction,
                json!({
                    "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
                    "Message": "Transaction cancelled, please refer cancellation reasons for specific \
                                reasons [None, ValidationError]",
                    "CancellationReasons": [
                        { "Code": "None" },
                        {
                            "Code": "ValidationError",
                            "Message": "One or more parameter values were invalid: Cannot update attribute \
                                        sk. This attribute is part of the key",
                        },
                    ],
                }),
            ),
        ];
        for (operation, request, refusal) in refusals {
            let refused = table::call(&wire.endpoint(), operation, &request).await?;
            assert_eq!(refused, refusal);
            assert_eq!(table::items(&database.endpoint()).await?, []);
            assert_eq!(wire.take().pop().and_then(|call| call.status), Some(400));
        }
        let accepted = table::call(&wire.endpoint(), "PutItem", &put).await?;
        assert_eq!(accepted.get("__type"), None);
        assert_eq!(table::items(&database.endpoint()).await?.len(), 1);
        Ok(())
    }
}
