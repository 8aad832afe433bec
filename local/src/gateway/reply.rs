//! From a function's answer in payload format 2.0 to an HTTP response.

use crate::http::is_hop_by_hop;
use ::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http_body_util::Full;
use serde_json::{Map, Value};

/// The response that a function's answer asks for; `None` when it is malformed.
pub(super) fn read(payload: &[u8]) -> Option<Response<Full<Bytes>>> {
    let answer: Value = serde_json::from_slice(payload).ok()?;
    let Some(status) = answer.get("statusCode") else {
        return Some(inferred(answer));
    };
    // 1xx is the protocol's own, not an answer.
    let status = u16::try_from(status.as_u64()?)
        .ok()
        .filter(|status| (200..600).contains(status))?;
    let is_base64 = answer
        .get("isBase64Encoded")
        .and_then(Value::as_bool)
        .unwrap_or(false);
    let body: Bytes = match answer.get("body") {
        None | Some(Value::Null) => Bytes::new(),
        Some(Value::String(body)) if is_base64 => BASE64_STANDARD.decode(body).ok()?.into(),
        Some(Value::String(body)) => body.clone().into(),
        Some(_) => return None,
    };

    let mut response = Response::new(Full::new(body));
    *response.status_mut() = StatusCode::from_u16(status).ok()?;
    let headers = response.headers_mut();
    if let Some(of_answer) = members(&answer, "headers")? {
        for (name, value) in of_answer {
            put(headers, name, value)?;
        }
    }
    if let Some(of_answer) = members(&answer, "multiValueHeaders")? {
        for (name, values) in of_answer {
            headers.remove(name.as_str());
            for value in values.as_array()? {
                put(headers, name, value)?;
            }
        }
    }
    for cookie in answer
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

/// Without a statusCode the whole answer is the body of a 200.
fn inferred(answer: Value) -> Response<Full<Bytes>> {
    let body = match answer {
        Value::String(text) => text,
        other => other.to_string(),
    };
    crate::http::json(StatusCode::OK, body)
}

/// `None` for what is no object, `Some(None)` for what is not there.
fn members<'a>(answer: &'a Value, name: &str) -> Option<Option<&'a Map<String, Value>>> {
    match answer.get(name) {
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
    // The length is counted here, and the connection is ours.
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

    async fn seen(answer: &Value) -> Option<(u16, Vec<String>, Vec<u8>)> {
        let (parts, body) = read(answer.to_string().as_bytes())?.into_parts();
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
    async fn an_answer_becomes_a_response() {
        let answer = json!({
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
        assert_eq!(seen(&answer).await, Some(expected));

        let text = (
            200,
            vec!["content-type: text/plain; charset=utf-8".to_owned()],
            b"hi".to_vec(),
        );
        assert_eq!(
            seen(&json!({ "statusCode": 200, "body": "hi" })).await,
            Some(text)
        );

        let inferred = (
            200,
            vec!["content-type: application/json".to_owned()],
            b"{\"ok\":true}".to_vec(),
        );
        assert_eq!(seen(&json!({ "ok": true })).await, Some(inferred));
        assert_eq!(
            seen(&json!({ "statusCode": 204 })).await,
            Some((204, Vec::new(), Vec::new()))
        );
    }

    #[tokio::test]
    async fn a_malformed_answer_is_none() {
        for answer in [
            json!({ "statusCode": "many" }),
            json!({ "statusCode": 101 }),
            json!({ "statusCode": 200, "body": { "a": 1 } }),
            json!({ "statusCode": 200, "body": "not base64!", "isBase64Encoded": true }),
            json!({ "statusCode": 200, "headers": { "x": "line\r\nbreak" } }),
            json!({ "statusCode": 200, "headers": { "not a name": "x" } }),
            json!({ "statusCode": 200, "headers": [] }),
        ] {
            assert_eq!(seen(&answer).await, None, "{answer}");
        }
        assert!(read(b"<html>").is_none());
    }
}
