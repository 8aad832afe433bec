//! The Runtime API's requests and answers over HTTP.

use super::{MAX_PAYLOAD_BYTES, Shared, Worker};
use crate::{
    http::{self, Answer, json},
    invoke_error::InvokeError,
};
use ::http::{Method, Request, Response, StatusCode};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use std::sync::Arc;

impl Shared {
    pub(super) async fn handle(self: Arc<Self>, request: Request<Incoming>) -> Answer {
        let path = request.uri().path().to_owned();
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let [function, number, "2018-06-01", "runtime", rest @ ..] = parts.as_slice() else {
            return Ok(not_found());
        };
        let (Some(worker), Ok(number)) = (self.workers.get(*function), number.parse::<u64>())
        else {
            return Ok(not_found());
        };
        Ok(match (request.method(), rest) {
            (&Method::GET, ["invocation", "next"]) => self.next(worker, number).await,
            (&Method::POST, ["invocation", id, "response"]) => {
                self.respond(worker, number, id, request.into_body()).await
            }
            (&Method::POST, ["invocation", id, "error"]) => {
                let error = read_error(request.into_body()).await;
                self.say_of(worker, number, &error.to_string());
                finish(worker, number, id, Err(error))
            }
            (&Method::POST, ["init", "error"]) => {
                let reason = read_error(request.into_body()).await.to_string();
                if let Some(process) = worker.lock().processes.get_mut(&number) {
                    process.init_error = Some(reason);
                }
                accepted()
            }
            _ => not_found(),
        })
    }

    async fn respond(
        &self,
        worker: &Worker,
        number: u64,
        id: &str,
        body: Incoming,
    ) -> Response<Full<Bytes>> {
        match http::read(body, MAX_PAYLOAD_BYTES).await {
            Ok(payload) => finish(worker, number, id, Ok(payload)),
            Err(http::BodyError::TooLarge) => {
                let error = InvokeError::Failed {
                    error_type: "Function.ResponseSizeTooLarge".to_owned(),
                    message: format!("the answer is larger than {MAX_PAYLOAD_BYTES} bytes"),
                };
                self.say_of(worker, number, &error.to_string());
                drop(finish(worker, number, id, Err(error)));
                runtime_error(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "RequestEntityTooLarge",
                    "Exceeded maximum allowed payload size",
                )
            }
            // The process hung up while it answered; its end fails the invocation.
            Err(http::BodyError::Broken) => {
                runtime_error(StatusCode::BAD_REQUEST, "InvalidRequest", "Broken body")
            }
        }
    }
}

fn finish(
    worker: &Worker,
    number: u64,
    id: &str,
    outcome: Result<Bytes, InvokeError>,
) -> Response<Full<Bytes>> {
    let in_flight = worker
        .lock()
        .processes
        .get_mut(&number)
        .and_then(|process| process.in_flight.remove(id));
    match in_flight {
        Some(in_flight) => {
            in_flight.finish(outcome);
            accepted()
        }
        None => runtime_error(
            StatusCode::BAD_REQUEST,
            "InvalidRequestID",
            "Invalid request ID",
        ),
    }
}

/// Reads `{"errorMessage", "errorType"}`, as a runtime reports errors.
async fn read_error(body: Incoming) -> InvokeError {
    let body = http::read(body, MAX_PAYLOAD_BYTES)
        .await
        .unwrap_or_default();
    let report: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let member = |name: &str| {
        report
            .get(name)
            .and_then(serde_json::Value::as_str)
            .unwrap_or("Unknown")
            .to_owned()
    };
    InvokeError::Failed {
        error_type: member("errorType"),
        message: member("errorMessage"),
    }
}

fn accepted() -> Response<Full<Bytes>> {
    json(StatusCode::ACCEPTED, r#"{"status":"OK"}"#)
}

pub(super) fn not_found() -> Response<Full<Bytes>> {
    runtime_error(StatusCode::NOT_FOUND, "NotFound", "Not found")
}

fn runtime_error(status: StatusCode, error_type: &str, message: &str) -> Response<Full<Bytes>> {
    json(
        status,
        format!(r#"{{"errorMessage":"{message}","errorType":"{error_type}"}}"#),
    )
}
