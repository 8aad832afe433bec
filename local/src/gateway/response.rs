//! Turns a function's result in payload format 2.0 into an HTTP response.

use crate::http::{HttpResponse, is_hop_by_hop, json};
use ::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http_body_util::Full;
use serde_json::{Map, Value};

/// The response that a function's result describes; `None` if it is malformed.
pub(super) fn read(payload: &[u8]) -> Option<HttpResponse> {
    let result: Value = serde_json::from_slice(payload).ok()?;
    let Some(status) = result.get("statusCode") else {
        return Some(inferred(result));
    };
    // A function cannot send a 1xx: those belong to the protocol.
    let status = u16::try_from(status.as_u64()?)
        .ok()
        .filter(|status| (200..600).contains(status))?;
    let is_base64 = result
        .get("isBase64Encoded")
        .and_then(Value::as_bool)
        .unwrap_or(false);
    let body: Bytes = match result.get("body") {
        None | Some(Value::Null) => Bytes::new(),
        Some(Value::String(body)) if is_base64 => BASE64_STANDARD.decode(body).ok()?.into(),
        Some(Value::String(body)) => body.clone().into(),
        Some(_) => return None,
    };

    let mut response = Response::new(Full::new(body));
    *response.status_mut() = StatusCode::from_u16(status).ok()?;
    let headers = response.headers_mut();
    if let Some(single) = members(&result, "headers")? {
        for (name, value) in single {
            put(headers, name, value)?;
        }
    }
    if let Some(multiple) = members(&result, "multiValueHeaders")? {
        for (name, values) in multiple {
            headers.remove(name.as_str());
            for value in values.as_array()? {
                put(headers, name, value)?;
            }
        }
    }
    for cookie in result
        .get("cookies")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        put(headers, header::SET_COOKIE.as_str(), cookie)?;
    }
    if !headers.contains_key(header::CONTENT_TYPE) && !matches!(status, 204 | 304) {
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/plain; charset=utf-8"),
        );
    }
    Some(response)
}

/// The response to a result without a statusCode: a 200 with the whole result as its body.
fn inferred(result: Value) -> HttpResponse {
    let body = match result {
        Value::String(text) => text,
        other => other.to_string(),
    };
    json(StatusCode::OK, body)
}

/// A member that must be an object: `None` if it is something else, `Some(None)` if it is absent.
fn members<'a>(result: &'a Value, name: &str) -> Option<Option<&'a Map<String, Value>>> {
    match result.get(name) {
        None | Some(Value::Null) => Some(None),
        Some(value) => value.as_object().map(Some),
    }
}

fn put(headers: &mut HeaderMap, name: &str, value: &Value) -> Option<()> {
    let value = match value {
        Value::String(text) => HeaderValue::from_str(text).ok()?,
        Value::Number(number) => HeaderValue::from_str(&number.to_string()).ok()?,
        Value::Bool(flag) => HeaderValue::from_static(if *flag { "true" } else { "false" }),
        Value::Null => return Some(()),
        _ => return None,
    };
    let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
    // The gateway sets the length, and manages the connection.
    if name != header::CONTENT_LENGTH && !is_hop_by_hop(name.as_str()) {
        headers.append(name, value);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;
    use serde_json::json;

    async fn response_to(result: &Value) -> Option<(u16, Vec<String>, Vec<u8>)> {
        let (parts, body) = read(result.to_string().as_bytes())?.into_parts();
        let mut headers: Vec<_> = parts
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))
            .collect();
        headers.sort();
        Some((
            parts.status.as_u16(),
            headers,
            body.collect().await.ok()?.to_bytes().to_vec(),
        ))
    }

    #[tokio::test]
    async fn a_result_becomes_a_response() {
        let result = json!({
            "statusCode": 201,
            "headers": { "Content-Type": "application/json", "Content-Length": "999", "X-Both": "dropped", "Transfer-Encoding": "chunked" },
            "multiValueHeaders": { "x-both": ["1", "2"] },
            "cookies": ["a=1", "b=2"],
            "body": "eyJhIjoxfQ==",
            "isBase64Encoded": true,
        });
        let headers = [
            "content-type: application/json",
            "set-cookie: a=1",
            "set-cookie: b=2",
            "x-both: 1",
            "x-both: 2",
        ];
        let expected = (
            201,
            headers.map(str::to_owned).to_vec(),
            b"{\"a\":1}".to_vec(),
        );
        assert_eq!(response_to(&result).await, Some(expected));

        let text = (
            200,
            vec!["content-type: text/plain; charset=utf-8".to_owned()],
            b"hi".to_vec(),
        );
        assert_eq!(
            response_to(&json!({ "statusCode": 200, "body": "hi" })).await,
            Some(text)
        );

        let inferred = (
            200,
            vec!["content-type: application/json".to_owned()],
            b"{\"ok\":true}".to_vec(),
        );
        assert_eq!(response_to(&json!({ "ok": true })).await, Some(inferred));
        assert_eq!(
            response_to(&json!({ "statusCode": 204 })).await,
            Some((204, Vec::new(), Vec::new()))
        );
    }

    #[tokio::test]
    async fn a_malformed_result_has_no_response() {
        for result in [
            json!({ "statusCode": "many" }),
            json!({ "statusCode": 101 }),
            json!({ "statusCode": 200, "body": { "a": 1 } }),
            json!({ "statusCode": 200, "body": "not base64!", "isBase64Encoded": true }),
            json!({ "statusCode": 200, "headers": { "x": "line\r\nbreak" } }),
            json!({ "statusCode": 200, "headers": { "not a name": "x" } }),
            json!({ "statusCode": 200, "headers": [] }),
        ] {
            assert_eq!(response_to(&result).await, None, "{result}");
        }
        assert!(read(b"<html>").is_none());
    }
}
