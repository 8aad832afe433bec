//! The Runtime API's requests and responses over HTTP.

use super::workers::{Work, Worker, Workers};
use crate::{
    http::{self, HandlerResult, HttpResponse, json},
    invoke_error::{InvokeError, MAX_PAYLOAD_BYTES},
};
use ::http::{HeaderValue, Method, Request, StatusCode};
use bytes::Bytes;
use hyper::body::Incoming;
use jiff::Timestamp;
use std::sync::Arc;

/// Handles a request whose path begins with the process that sends it.
pub(super) async fn handle(workers: Arc<Workers>, request: Request<Incoming>) -> HandlerResult {
    let path = request.uri().path().to_owned();
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let [function, number, "2018-06-01", "runtime", rest @ ..] = parts.as_slice() else {
        return Ok(not_found());
    };
    let (Some(worker), Ok(number)) = (workers.find(function), number.parse::<u64>()) else {
        return Ok(not_found());
    };
    Ok(match (request.method(), rest) {
        (&Method::GET, ["invocation", "next"]) => workers
            .next(worker, number)
            .await
            .map_or_else(not_found, |work| handed_out(worker, work)),
        (&Method::POST, ["invocation", id, "response"]) => {
            respond(&workers, worker, number, id, request.into_body()).await
        }
        (&Method::POST, ["invocation", id, "error"]) => {
            let error = read_error(request.into_body()).await;
            workers.log_for(worker, number, &error.to_string());
            finish(worker, number, id, Err(error))
        }
        (&Method::POST, ["init", "error"]) => {
            let reason = read_error(request.into_body()).await.to_string();
            worker.report_init_error(number, reason);
            accepted()
        }
        _ => not_found(),
    })
}

/// An event with the headers of an invocation.
fn handed_out(worker: &Worker, work: Work) -> HttpResponse {
    let timeout_ms = i64::try_from(worker.timeout().as_millis()).unwrap_or(i64::MAX);
    let deadline_ms = Timestamp::now().as_millisecond().saturating_add(timeout_ms);
    let arn = format!(
        "arn:aws:lambda:us-east-1:123456789012:function:{}",
        worker.function()
    );
    let mut response = json(StatusCode::OK, work.event);
    for (name, value) in [
        ("lambda-runtime-aws-request-id", work.id.as_str()),
        ("lambda-runtime-deadline-ms", &deadline_ms.to_string()),
        ("lambda-runtime-invoked-function-arn", &arn),
        ("lambda-runtime-trace-id", &work.trace),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

async fn respond(
    workers: &Workers,
    worker: &Worker,
    number: u64,
    id: &str,
    body: Incoming,
) -> HttpResponse {
    match http::read(body, MAX_PAYLOAD_BYTES).await {
        Ok(payload) => finish(worker, number, id, Ok(payload)),
        Err(http::BodyError::TooLarge) => {
            let error = InvokeError::Failed {
                error_type: "Function.ResponseSizeTooLarge".to_owned(),
                message: format!("the response is larger than {MAX_PAYLOAD_BYTES} bytes"),
            };
            workers.log_for(worker, number, &error.to_string());
            drop(finish(worker, number, id, Err(error)));
            runtime_error(
                StatusCode::PAYLOAD_TOO_LARGE,
                "RequestEntityTooLarge",
                "Exceeded maximum allowed payload size",
            )
        }
        // The process hung up in the middle of its response; its end fails the invocation.
        Err(http::BodyError::Broken) => {
            runtime_error(StatusCode::BAD_REQUEST, "InvalidRequest", "Broken body")
        }
    }
}

fn finish(
    worker: &Worker,
    number: u64,
    id: &str,
    outcome: Result<Bytes, InvokeError>,
) -> HttpResponse {
    if worker.finish(number, id, outcome) {
        accepted()
    } else {
        runtime_error(
            StatusCode::BAD_REQUEST,
            "InvalidRequestID",
            "Invalid request ID",
        )
    }
}

/// Reads `{"errorMessage", "errorType"}`, the form in which a runtime reports an error.
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

fn accepted() -> HttpResponse {
    json(StatusCode::ACCEPTED, r#"{"status":"OK"}"#)
}

fn not_found() -> HttpResponse {
    runtime_error(StatusCode::NOT_FOUND, "NotFound", "Not found")
}

fn runtime_error(status: StatusCode, error_type: &str, message: &str) -> HttpResponse {
    json(
        status,
        format!(r#"{{"errorMessage":"{message}","errorType":"{error_type}"}}"#),
    )
}
