//! API Gateway's events (HTTP API, payload format 2.0), read so that no request of a client is
//! unreadable.
//!
//! `lambda_http` makes an `http::Request` of an event, whose URL consists of the caller's `Host` and
//! path, and panics if that is not a URL: a hostile header would be a 500. So the event is read here,
//! and only the response uses the types of `lambda_http`.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lambda_http::Body as ResponseBody;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use lambda_http::http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;

use crate::dialect::Response;
use crate::problem::{JsonReason, Problem, TeamProblem};
use crate::reply::Encoding;

/// The part of an event that is used.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Event {
    raw_path: Option<String>,
    raw_query_string: Option<String>,
    headers: Option<HashMap<String, String>>,
    path_parameters: Option<HashMap<String, String>>,
    body: Option<String>,
    is_base64_encoded: bool,
    request_context: Option<Context>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Context {
    request_id: Option<String>,
    http: Option<Http>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Http {
    source_ip: Option<String>,
}

/// A request.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) path: String,
    pub(super) query: String,
    pub(super) headers: HashMap<String, String>,
    pub(super) parameters: HashMap<String, String>,
    pub(super) body: Body,
    /// The address of the client, or of the proxy that it came through.
    pub(super) address: Option<IpAddr>,
    /// The gateway's own id of the request, as in its access log.
    pub(super) gateway_id: Option<String>,
}

/// The body of a request. It is decoded only when a handler reads it, after the admission.
#[derive(Debug)]
pub(super) struct Body {
    text: String,
    is_base64: bool,
}

impl Body {
    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The body's bytes, at most `max`.
    pub(super) fn bytes(&self, max: usize) -> Result<Cow<'_, [u8]>, Problem> {
        let bytes = if self.is_base64 {
            // Four characters of base64 are three bytes: a body that is far too large is not decoded.
            if self.text.len() / 4 > max / 3 + 1 {
                return Err(Problem::BodyTooLarge { max });
            }
            let malformed = |_| Problem::Team(TeamProblem::InvalidJson(JsonReason::Malformed));
            Cow::Owned(STANDARD.decode(&self.text).map_err(malformed)?)
        } else {
            Cow::Borrowed(self.text.as_bytes())
        };
        if bytes.len() > max {
            return Err(Problem::BodyTooLarge { max });
        }
        Ok(bytes)
    }
}

impl Request {
    /// Whether `Content-Type` is this media type, with any parameters.
    pub(super) fn declares(&self, media_type: &str) -> bool {
        let declared = self.headers.get("content-type").map_or("", String::as_str);
        let essence = declared.split(';').next().unwrap_or_default().trim();
        essence.eq_ignore_ascii_case(media_type)
    }

    /// Whether `Accept-Encoding` lists gzip, by name or by `*`, with a weight above zero.
    pub(super) fn accepts_gzip(&self) -> bool {
        let weight = self.weight("accept-encoding", &["gzip", "*"]);
        weight.is_some_and(|weight| weight > 0.0)
    }

    /// Whether `Accept` prefers a media type to JSON: names it, or what it is one of, with a higher
    /// weight.
    pub(super) fn prefers(&self, media_type: &str) -> bool {
        let weight = |media_type: &str| {
            let range = media_type.split('/').next().unwrap_or_default();
            let names = [media_type, &format!("{range}/*"), "*/*"];
            self.weight("accept", &names).unwrap_or_default()
        };
        weight(media_type) > weight("application/json")
    }

    /// The weight of the first of these names that a header lists (RFC 9110, 12.4.2).
    fn weight(&self, header: &str, names: &[&str]) -> Option<f32> {
        let listed = self.headers.get(header).map_or("", String::as_str);
        let weight_of = |name: &str| {
            listed.split(',').find_map(|item| {
                let mut parts = item.split(';').map(str::trim);
                let is_named = parts.next()?.eq_ignore_ascii_case(name);
                let weight = parts.find_map(|part| {
                    part.strip_prefix("q=")
                        .or_else(|| part.strip_prefix("Q="))
                        .and_then(|weight| weight.parse::<f32>().ok())
                });
                is_named.then(|| weight.unwrap_or(1.0))
            })
        };
        names.iter().find_map(|name| weight_of(name))
    }
}

impl From<Event> for Request {
    fn from(event: Event) -> Request {
        let headers = event.headers.unwrap_or_default();
        let Context { request_id, http } = event.request_context.unwrap_or_default();
        let source_ip = http.and_then(|http| http.source_ip);
        let body = Body {
            text: event.body.unwrap_or_default(),
            is_base64: event.is_base64_encoded,
        };
        Request {
            path: event.raw_path.unwrap_or_default(),
            query: event.raw_query_string.unwrap_or_default(),
            // The gateway sends lower case; `cargo lambda watch` sends what it receives.
            headers: headers
                .into_iter()
                .map(|(name, value)| (name.to_ascii_lowercase(), value))
                .collect(),
            parameters: event.path_parameters.unwrap_or_default(),
            body,
            address: source_ip.and_then(|address| address.parse().ok()),
            gateway_id: request_id,
        }
    }
}

pub(super) fn response(formatted: Response) -> ApiGatewayV2httpResponse {
    let mut headers = HeaderMap::with_capacity(formatted.headers.len());
    for (name, value) in formatted.headers {
        // A value that no header can have, such as a path with a line break, is left out.
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    let mut response = ApiGatewayV2httpResponse::default();
    response.status_code = i64::from(formatted.status);
    response.headers = headers;
    response.is_base64_encoded = formatted.encoding == Encoding::Base64;
    // `Binary` would encode the bytes again for every response.
    response.body = Some(ResponseBody::Text(formatted.body));
    response
}
