//! API Gateway's events (HTTP API, payload format 2.0), read so that nothing a client sends can
//! make one unreadable.
//!
//! `lambda_http` turns an event into an `http::Request` by way of a URL made of the caller's
//! `Host` and path, and panics if that is none: a hostile header would be a 500. So the event is
//! read here, and only the answer is made with its types.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lambda_http::Body as ResponseBody;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use lambda_http::http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;

use crate::dialect::Told;
use crate::reply::Encoding;

/// An event as the gateway sends it: what is needed of it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Event {
    raw_path: Option<String>,
    raw_query_string: Option<String>,
    headers: Option<HashMap<String, String>>,
    path_parameters: Option<HashMap<String, String>>,
    body: Option<String>,
    is_base64_encoded: bool,
}

/// A request, read.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) path: String,
    pub(super) query: String,
    pub(super) headers: HashMap<String, String>,
    pub(super) parameters: HashMap<String, String>,
    pub(super) body: Body,
}

/// What came with a request.
#[derive(Debug)]
pub(super) enum Body {
    /// These bytes, possibly none.
    Bytes(Vec<u8>),
    /// Something that claims to be base64 and is not.
    Undecodable,
}

impl Body {
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Body::Bytes(bytes) if bytes.is_empty())
    }
}

impl Request {
    /// Whether `Content-Type` says this, with whatever parameters.
    pub(super) fn declares(&self, media_type: &str) -> bool {
        let declared = self.headers.get("content-type").map_or("", String::as_str);
        let essence = declared.split(';').next().unwrap_or_default().trim();
        essence.eq_ignore_ascii_case(media_type)
    }

    /// Whether `Accept-Encoding` lists gzip, by name or by `*`, and not with the weight zero.
    pub(super) fn accepts_gzip(&self) -> bool {
        let accepted = self
            .headers
            .get("accept-encoding")
            .map_or("", String::as_str);
        let weight_of = |coding: &str| {
            accepted.split(',').find_map(|item| {
                let mut parts = item.split(';').map(str::trim);
                let named = parts.next()?.eq_ignore_ascii_case(coding);
                let weight = parts.find_map(|part| {
                    part.strip_prefix("q=")
                        .or_else(|| part.strip_prefix("Q="))
                        .and_then(|weight| weight.parse::<f32>().ok())
                });
                named.then(|| weight.unwrap_or(1.0))
            })
        };
        weight_of("gzip")
            .or_else(|| weight_of("*"))
            .is_some_and(|weight| weight > 0.0)
    }
}

impl From<Event> for Request {
    fn from(event: Event) -> Request {
        let headers = event.headers.unwrap_or_default();
        let body = event.body.unwrap_or_default();
        let body = if event.is_base64_encoded {
            STANDARD.decode(body).map_or(Body::Undecodable, Body::Bytes)
        } else {
            Body::Bytes(body.into_bytes())
        };
        Request {
            path: event.raw_path.unwrap_or_default(),
            query: event.raw_query_string.unwrap_or_default(),
            // The gateway sends lower case; `cargo lambda watch` sends what it got.
            headers: headers
                .into_iter()
                .map(|(name, value)| (name.to_ascii_lowercase(), value))
                .collect(),
            parameters: event.path_parameters.unwrap_or_default(),
            body,
        }
    }
}

pub(super) fn response(told: Told) -> ApiGatewayV2httpResponse {
    let mut headers = HeaderMap::with_capacity(told.headers.len());
    for (name, value) in told.headers {
        // A value that is no header's, as a path with a line break in it would make, is left out.
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    let mut response = ApiGatewayV2httpResponse::default();
    response.status_code = i64::from(told.status);
    response.headers = headers;
    response.is_base64_encoded = told.encoding == Encoding::Base64;
    // `Binary` would encode the bytes anew for every answer.
    response.body = Some(ResponseBody::Text(told.body));
    response
}
