//! Turns HTTP requests into API Gateway v2 events, and functions' results into HTTP responses, as
//! an HTTP API does.
//!
//! AWS documents the format:
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>.
//! It does not document the following, which others have measured: paths are percent-decoded before
//! they are matched and in `rawPath`, and truncated at a decoded `?` (honojs/hono#2156,
//! middleapi/standard-server#93); bodies are base64 except for a few content types
//! (ministackorg/ministack#766, floci-io/floci#2172).

mod event;
mod response;

use crate::{
    error::Error,
    http::{self, BodyError, HandlerResult, HeaderTimeout, HttpResponse, Server, json},
    id,
    invoke_error::InvokeError,
    journal::{Event, Journal},
    runtime_api::Pool,
    template::{Function, Route},
};
use ::http::{HeaderName, HeaderValue, Request, StatusCode, header, request::Parts};
use event::{DecodedPath, Matched};
use hyper::body::Incoming;
use std::{
    collections::BTreeMap,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::time;

/// API Gateway's quota for a payload.
const MAX_BODY_BYTES: usize = 10 * 1024 * 1024;
/// API Gateway's longest integration timeout for HTTP APIs.
const INTEGRATION_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a client may take to send a request's headers, including the idle time before them.
const HEADER_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a client may take to send a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// The HTTP API. Dropping it closes every connection.
pub(crate) struct Gateway {
    pub(crate) address: SocketAddr,
    _server: Server,
}

struct Serving {
    routes: Routes,
    pool: Arc<Pool>,
    journal: Journal,
    port: u16,
}

impl Gateway {
    pub(crate) fn start(
        listener: TcpListener,
        functions: &[Function],
        pool: Arc<Pool>,
        journal: Journal,
    ) -> Result<Self, Error> {
        let routes = Routes::new(functions)?;
        let (listener, address) = http::adopt(listener)?;
        let serving = Arc::new(Serving {
            routes,
            pool,
            journal,
            port: address.port(),
        });
        let server = http::serve(
            listener,
            HeaderTimeout::After(HEADER_TIMEOUT),
            move |request, peer| {
                let serving = Arc::clone(&serving);
                async move { serving.handle(request, peer).await }
            },
        );
        Ok(Self {
            address,
            _server: server,
        })
    }
}

impl Serving {
    async fn handle(&self, request: Request<Incoming>, peer: SocketAddr) -> HandlerResult {
        let started = Instant::now();
        let request_id = id::api_request();
        let (parts, body) = request.into_parts();

        let mut response = self.respond(&parts, body, peer, &request_id).await;
        if let Ok(value) = HeaderValue::from_str(&request_id) {
            response
                .headers_mut()
                .insert(HeaderName::from_static("apigw-requestid"), value);
        }
        self.journal.publish(|| Event::Request {
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            status: response.status().as_u16(),
            elapsed: started.elapsed(),
        });
        Ok(response)
    }

    async fn respond(
        &self,
        parts: &Parts,
        body: Incoming,
        peer: SocketAddr,
        request_id: &str,
    ) -> HttpResponse {
        // `OPTIONS *` and `CONNECT` have no path, and without a valid host there is no URL.
        if !parts.uri.path().starts_with('/') || !has_valid_host(parts) {
            return message(StatusCode::BAD_REQUEST, "Bad Request");
        }
        let body = match time::timeout(BODY_TIMEOUT, http::read(body, MAX_BODY_BYTES)).await {
            Ok(Ok(body)) => body,
            Ok(Err(BodyError::TooLarge)) => {
                return message(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
            }
            Ok(Err(BodyError::Broken)) => return message(StatusCode::BAD_REQUEST, "Bad Request"),
            Err(_) => return message(StatusCode::REQUEST_TIMEOUT, "Request Timeout"),
        };
        let path = DecodedPath::new(parts.uri.path());
        let Some(matched) = self.routes.find(parts.method.as_str(), &path) else {
            return message(StatusCode::NOT_FOUND, "Not Found");
        };
        let trace = id::trace_root();
        let event = event::build(&event::ReceivedRequest {
            parts,
            body: &body,
            path: &path,
            matched: &matched,
            request_id,
            trace: &trace,
            source: peer.ip(),
            port: self.port,
        });

        // In a task of its own, because a client that disconnects does not stop a function.
        let (pool, function) = (Arc::clone(&self.pool), matched.function.to_owned());
        let invocation = tokio::spawn(async move {
            pool.invoke(&function, event.to_string().into(), trace)
                .await
        });
        match time::timeout(INTEGRATION_TIMEOUT, invocation).await {
            Err(_) => message(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
            Ok(Ok(Ok(payload))) => response::read(&payload).unwrap_or_else(internal_error),
            Ok(Ok(Err(InvokeError::EventTooLarge))) => {
                message(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large")
            }
            Ok(Ok(Err(InvokeError::Throttled | InvokeError::Stopped))) => {
                message(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable")
            }
            // This includes a function's own timeout, as at AWS (denoland/deno_registry2#87).
            Ok(Ok(Err(_)) | Err(_)) => internal_error(),
        }
    }
}

/// The template's routes, in one tree per method.
struct Routes {
    trees: BTreeMap<String, matchit::Router<Target>>,
    default: Option<String>,
}

#[derive(Clone)]
struct Target {
    function: String,
    route_key: String,
}

impl Routes {
    fn new(functions: &[Function]) -> Result<Self, Error> {
        let mut routes = Self {
            trees: BTreeMap::new(),
            default: None,
        };
        for function in functions {
            for route in &function.routes {
                match route {
                    Route::Default => routes.default = Some(function.logical_id.clone()),
                    Route::Path { method, path } => {
                        let target = Target {
                            function: function.logical_id.clone(),
                            route_key: route.to_string(),
                        };
                        routes
                            .trees
                            .entry(method.clone())
                            .or_default()
                            .insert(pattern(path), target)
                            .map_err(|error| {
                                Error::template(&function.logical_id, format!("`{route}`: {error}"))
                            })?;
                    }
                }
            }
        }
        Ok(routes)
    }

    /// Finds a route for the method, else one for `ANY`, else `$default`.
    fn find(&self, method: &str, path: &DecodedPath) -> Option<Matched<'_>> {
        for key in [method, "ANY"] {
            if let Some(found) = self
                .trees
                .get(key)
                .and_then(|tree| tree.at(path.as_str()).ok())
            {
                let parameters = found
                    .params
                    .iter()
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .collect();
                return Some(Matched {
                    function: &found.value.function,
                    route_key: &found.value.route_key,
                    parameters,
                });
            }
        }
        let function = self.default.as_deref()?;
        Some(Matched {
            function,
            route_key: "$default",
            parameters: Vec::new(),
        })
    }
}

/// A path as matchit writes it: API Gateway's `{proxy+}` becomes `{*proxy}`.
fn pattern(path: &str) -> String {
    let segments: Vec<String> = path
        .split('/')
        .map(|segment| {
            match segment
                .strip_prefix('{')
                .and_then(|rest| rest.strip_suffix("+}"))
            {
                Some(name) => format!("{{*{name}}}"),
                None => segment.to_owned(),
            }
        })
        .collect();
    segments.join("/")
}

/// Whether there is exactly one Host header, with a name or an address and perhaps a port. At AWS
/// the host selects the API, so a function never sees any other.
fn has_valid_host(parts: &Parts) -> bool {
    let mut hosts = parts.headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return false;
    };
    let Ok(host) = host.to_str() else {
        return false;
    };
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !host.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    };
    let is_plain = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
    let is_address = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'))
        .is_some_and(|name| name.parse::<std::net::Ipv6Addr>().is_ok());
    !name.is_empty()
        && (is_plain || is_address)
        && port.is_none_or(|port| port.parse::<u16>().is_ok())
}

fn internal_error() -> HttpResponse {
    message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
}

/// A response of the gateway itself.
fn message(status: StatusCode, message: &str) -> HttpResponse {
    json(status, format!(r#"{{"message":"{message}"}}"#))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::BTreeSet, time::Duration};

    fn function(logical_id: &str, routes: &[(&str, &str)]) -> Function {
        let route = |(method, path): &(&str, &str)| match *method {
            "$default" => Route::Default,
            method => Route::Path {
                method: method.to_owned(),
                path: (*path).to_owned(),
            },
        };
        Function {
            logical_id: logical_id.to_owned(),
            binary: String::new(),
            routes: routes.iter().map(route).collect(),
            schedules: Vec::new(),
            timeout: Duration::from_secs(3),
            memory_mib: 128,
            environment: BTreeMap::new(),
            dynamodb_actions: BTreeSet::new(),
        }
    }

    #[test]
    fn the_most_specific_route_serves_a_request() -> Result<(), Error> {
        let routes = Routes::new(&[
            function("List", &[("GET", "/teams/{teamId}/rules")]),
            function("Create", &[("POST", "/teams/{teamId}/rules")]),
            function("Demo", &[("GET", "/teams/demo/rules")]),
            function("Files", &[("ANY", "/files/{path+}")]),
            function("Rest", &[("$default", "")]),
        ])?;
        let cases = [
            (
                "GET",
                "/teams/t1/rules",
                "List",
                "GET /teams/{teamId}/rules",
                "teamId=t1",
            ),
            (
                "POST",
                "/teams/a%20b/rules",
                "Create",
                "POST /teams/{teamId}/rules",
                "teamId=a b",
            ),
            (
                "GET",
                "/teams/demo/rules",
                "Demo",
                "GET /teams/demo/rules",
                "",
            ),
            (
                "PUT",
                "/files/a/b%2Fc",
                "Files",
                "ANY /files/{path+}",
                "path=a/b/c",
            ),
            // As at AWS, an encoded slash is decoded before routes are matched.
            ("GET", "/teams/a%2Fb/rules", "Rest", "$default", ""),
            ("DELETE", "/teams/t1/rules", "Rest", "$default", ""),
            ("GET", "/teams/t1/rules/", "Rest", "$default", ""),
            ("GET", "/teams//rules", "Rest", "$default", ""),
            ("BREW", "/", "Rest", "$default", ""),
        ];
        for (method, path, function, route_key, parameters) in cases {
            let path = DecodedPath::new(path);
            let found = routes.find(method, &path).map(|matched| {
                let parameters: Vec<_> = matched
                    .parameters
                    .iter()
                    .map(|(name, value)| format!("{name}={value}"))
                    .collect();
                (
                    matched.function.to_owned(),
                    matched.route_key.to_owned(),
                    parameters.join("&"),
                )
            });
            assert_eq!(
                found,
                Some((
                    function.to_owned(),
                    route_key.to_owned(),
                    parameters.to_owned()
                )),
                "{method} {path:?}"
            );
        }
        Ok(())
    }

    #[test]
    fn a_host_is_a_name_or_an_address() {
        let cases = [
            ("127.0.0.1:9000", true),
            ("localhost", true),
            ("[::1]:9000", true),
            ("[::1]", true),
            ("", false),
            (":9000", false),
            ("a b", false),
            ("a/b", false),
            ("a:99999", false),
            ("user@host", false),
        ];
        for (host, is_valid) in cases {
            let request = Request::builder()
                .header(header::HOST, host)
                .body(())
                .map(Request::into_parts);
            assert_eq!(
                request.ok().map(|(parts, ())| has_valid_host(&parts)),
                Some(is_valid),
                "{host:?}"
            );
        }
    }
}
