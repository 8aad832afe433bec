//! Turns an HTTP request into an event in payload format 2.0.

use crate::http::is_hop_by_hop;
use ::http::{HeaderMap, header, request::Parts};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};
use std::{borrow::Cow, net::IpAddr};

/// A percent-decoded path, truncated at a decoded `?`.
#[derive(Debug)]
pub(super) struct DecodedPath(String);

impl DecodedPath {
    /// Decodes a path. Bytes that are not UTF-8 become U+FFFD.
    pub(super) fn new(path: &str) -> Self {
        let decoded = percent_decode_str(path).decode_utf8_lossy();
        Self(decoded.split('?').next().unwrap_or_default().to_owned())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The route that serves a request.
pub(super) struct Matched<'r> {
    pub(super) function: &'r str,
    pub(super) route_key: &'r str,
    /// Percent-decoded.
    pub(super) parameters: Vec<(String, String)>,
}

/// A request and what the gateway knows about it.
pub(super) struct ReceivedRequest<'r> {
    pub(super) parts: &'r Parts,
    pub(super) body: &'r [u8],
    pub(super) path: &'r DecodedPath,
    pub(super) matched: &'r Matched<'r>,
    pub(super) request_id: &'r str,
    pub(super) trace: &'r str,
    pub(super) source: IpAddr,
    pub(super) port: u16,
}

/// The event for a request.
pub(super) fn build(request: &ReceivedRequest<'_>) -> Value {
    let ReceivedRequest {
        parts,
        body,
        path,
        matched,
        request_id,
        source,
        ..
    } = request;
    let query = parts.uri.query().unwrap_or_default();
    let mut event = json!({
        "version": "2.0",
        "routeKey": matched.route_key,
        "rawPath": path.as_str(),
        "rawQueryString": query,
        "headers": headers(request),
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "local",
            "domainName": text(&parts.headers, header::HOST),
            "domainPrefix": "local",
            "http": {
                "method": parts.method.as_str(),
                "path": path.as_str(),
                "protocol": format!("{:?}", parts.version),
                "sourceIp": source.to_string(),
                "userAgent": text(&parts.headers, header::USER_AGENT),
            },
            "requestId": request_id,
            "routeKey": matched.route_key,
            "stage": "$default",
        },
        "isBase64Encoded": false,
    });
    let now = jiff::Timestamp::now();
    let members = event.as_object_mut();
    let Some(members) = members else {
        return event;
    };
    if let Some(context) = members
        .get_mut("requestContext")
        .and_then(Value::as_object_mut)
    {
        context.insert(
            "time".to_owned(),
            now.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string().into(),
        );
        context.insert("timeEpoch".to_owned(), now.as_millisecond().into());
    }
    let cookies = cookies(&parts.headers);
    if !cookies.is_empty() {
        members.insert("cookies".to_owned(), cookies.into());
    }
    let query = query_parameters(query);
    if !query.is_empty() {
        members.insert("queryStringParameters".to_owned(), query.into());
    }
    if !matched.parameters.is_empty() {
        let parameters: Map<_, _> = matched
            .parameters
            .iter()
            .map(|(name, value)| (name.clone(), value.as_str().into()))
            .collect();
        members.insert("pathParameters".to_owned(), parameters.into());
    }
    if !body.is_empty() {
        let (body, is_base64) = match std::str::from_utf8(body) {
            Ok(body) if is_text(&text(&parts.headers, header::CONTENT_TYPE)) => {
                (body.to_owned(), false)
            }
            _ => (BASE64_STANDARD.encode(body), true),
        };
        members.insert("body".to_owned(), body.into());
        members.insert("isBase64Encoded".to_owned(), is_base64.into());
    }
    event
}

/// The headers in lower case, repeated ones joined with a comma, without cookies, and with those
/// that API Gateway sets.
fn headers(request: &ReceivedRequest<'_>) -> Map<String, Value> {
    let mut headers = Map::new();
    for name in request.parts.headers.keys() {
        if *name != header::COOKIE && !is_hop_by_hop(name.as_str()) {
            headers.insert(
                name.as_str().to_owned(),
                text(&request.parts.headers, name).into(),
            );
        }
    }
    let forwarded_for = match headers.get("x-forwarded-for").and_then(Value::as_str) {
        Some(before) => format!("{before}, {}", request.source),
        None => request.source.to_string(),
    };
    let trace = headers
        .get("x-amzn-trace-id")
        .and_then(Value::as_str)
        .unwrap_or(request.trace)
        .to_owned();
    for (name, value) in [
        ("content-length", request.body.len().to_string()),
        ("x-amzn-trace-id", trace),
        ("x-forwarded-for", forwarded_for),
        ("x-forwarded-port", request.port.to_string()),
        ("x-forwarded-proto", "http".to_owned()),
    ] {
        headers.insert(name.to_owned(), value.into());
    }
    headers
}

/// All values of a header, joined with a comma. Bytes that are not UTF-8 become U+FFFD.
fn text(headers: &HeaderMap, name: impl header::AsHeaderName) -> String {
    let values: Vec<Cow<'_, str>> = headers
        .get_all(name)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .collect();
    values.join(",")
}

fn cookies(headers: &HeaderMap) -> Vec<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .flat_map(|value| {
            String::from_utf8_lossy(value.as_bytes())
                .split(';')
                .map(|cookie| cookie.trim().to_owned())
                .collect::<Vec<_>>()
        })
        .filter(|cookie| !cookie.is_empty())
        .collect()
}

/// The decoded parameters, repeated ones joined with a comma.
fn query_parameters(query: &str) -> Map<String, Value> {
    let mut parameters: Map<String, Value> = Map::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let joined = match parameters.get(&*name).and_then(Value::as_str) {
            Some(before) => format!("{before},{value}"),
            None => value.into_owned(),
        };
        parameters.insert(name.into_owned(), joined.into());
    }
    parameters
}

/// Whether API Gateway passes a body of this type as text. This is measured, not documented. Every
/// other type is base64, including forms and a missing type, and so is every charset except UTF-8.
fn is_text(content_type: &str) -> bool {
    const TYPES: [&str; 4] = [
        "application/graphql",
        "application/javascript",
        "application/json",
        "application/xml",
    ];
    let mut parts = content_type
        .split(';')
        .map(|part| part.trim().to_ascii_lowercase());
    let essence = parts.next().unwrap_or_default();
    let is_utf8 = parts.all(|parameter| match parameter.split_once('=') {
        Some(("charset", charset)) => charset.trim_matches('"') == "utf-8",
        _ => true,
    });
    is_utf8 && (essence.starts_with("text/") || TYPES.contains(&essence.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::http::{HeaderValue, Request};

    fn event(
        request: ::http::request::Builder,
        body: &[u8],
        parameters: Vec<(String, String)>,
    ) -> Result<Value, ::http::Error> {
        let (parts, ()) = request.body(())?.into_parts();
        let path = DecodedPath::new(parts.uri.path());
        let route_key = if parameters.is_empty() {
            "$default"
        } else {
            "POST /teams/{teamId}"
        };
        let mut event = build(&ReceivedRequest {
            parts: &parts,
            body,
            path: &path,
            matched: &Matched {
                function: "F",
                route_key,
                parameters,
            },
            request_id: "R",
            trace: "Root=T",
            source: IpAddr::from([127, 0, 0, 1]),
            port: 9000,
        });
        if let Some(context) = event
            .pointer_mut("/requestContext")
            .and_then(Value::as_object_mut)
        {
            let time = context.remove("time").map(|time| time.to_string().len());
            assert_eq!(time, Some("\"12/Mar/2020:19:03:58 +0000\"".len()));
            assert!(
                context
                    .remove("timeEpoch")
                    .is_some_and(|epoch| epoch.is_i64())
            );
        }
        Ok(event)
    }

    #[test]
    fn an_event_is_what_api_gateway_sends() -> Result<(), ::http::Error> {
        let request = Request::post("http://127.0.0.1:9000/teams/a%20b?x=1&x=2&y=%C3%A9+z&flag")
            .header("Host", "127.0.0.1:9000")
            .header("X-Twice", "1")
            .header("X-Twice", "2")
            .header("Cookie", "a=1; b=2")
            .header("Cookie", "c=3")
            .header("Connection", "keep-alive")
            .header("X-Forwarded-Proto", "gopher")
            .header("User-Agent", "curl/8")
            .header("Content-Type", "application/json; charset=UTF-8");
        assert_eq!(
            event(
                request,
                b"{}",
                vec![("teamId".to_owned(), "a b".to_owned())]
            )?,
            json!({
                "version": "2.0",
                "routeKey": "POST /teams/{teamId}",
                "rawPath": "/teams/a b",
                "rawQueryString": "x=1&x=2&y=%C3%A9+z&flag",
                "cookies": ["a=1", "b=2", "c=3"],
                "headers": {
                    "content-length": "2",
                    "content-type": "application/json; charset=UTF-8",
                    "host": "127.0.0.1:9000",
                    "user-agent": "curl/8",
                    "x-amzn-trace-id": "Root=T",
                    "x-forwarded-for": "127.0.0.1",
                    "x-forwarded-port": "9000",
                    "x-forwarded-proto": "http",
                    "x-twice": "1,2",
                },
                "queryStringParameters": { "x": "1,2", "y": "é z", "flag": "" },
                "pathParameters": { "teamId": "a b" },
                "requestContext": {
                    "accountId": "123456789012",
                    "apiId": "local",
                    "domainName": "127.0.0.1:9000",
                    "domainPrefix": "local",
                    "http": {
                        "method": "POST",
                        "path": "/teams/a b",
                        "protocol": "HTTP/1.1",
                        "sourceIp": "127.0.0.1",
                        "userAgent": "curl/8",
                    },
                    "requestId": "R",
                    "routeKey": "POST /teams/{teamId}",
                    "stage": "$default",
                },
                "body": "{}",
                "isBase64Encoded": false,
            })
        );
        Ok(())
    }

    #[test]
    fn invalid_bytes_in_a_header_or_a_path_are_replaced() -> Result<(), Box<dyn std::error::Error>>
    {
        let request = Request::get("http://x/%ff%3fadmin=1")
            .header("X-Odd", HeaderValue::from_bytes(b"a\xffb")?);
        let event = event(request, b"", Vec::new())?;
        assert_eq!(event.pointer("/headers/x-odd"), Some(&json!("a\u{fffd}b")));
        assert_eq!(event.pointer("/rawPath"), Some(&json!("/\u{fffd}")));
        assert_eq!(event.pointer("/body"), None);
        Ok(())
    }

    #[test]
    fn a_body_is_text_only_with_a_text_type_and_utf_8() -> Result<(), ::http::Error> {
        let cases: [(&str, &[u8], &str, bool); 8] = [
            ("application/json", b"{}", "{}", false),
            ("text/plain; charset=utf-8", b"hi", "hi", false),
            ("text/plain; charset=iso-8859-1", b"hi", "aGk=", true),
            ("application/json", b"\xff", "/w==", true),
            ("application/x-www-form-urlencoded", b"a=b", "YT1i", true),
            ("application/problem+json", b"{}", "e30=", true),
            ("application/octet-stream", b"hi", "aGk=", true),
            ("", b"hi", "aGk=", true),
        ];
        for (content_type, body, expected, is_base64) in cases {
            let mut request = Request::post("http://x/");
            if !content_type.is_empty() {
                request = request.header("Content-Type", content_type);
            }
            let event = event(request, body, Vec::new())?;
            assert_eq!(event.get("body"), Some(&json!(expected)), "{content_type}");
            assert_eq!(
                event.get("isBase64Encoded"),
                Some(&json!(is_base64)),
                "{content_type}"
            );
        }
        Ok(())
    }
}
