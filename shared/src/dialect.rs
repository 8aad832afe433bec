//! The formats of the two products: where a client puts its credential, and how a success and a
//! problem look in status, headers and body. A dialect formats an outcome and never decides it.

mod cstar;
mod rocket_chat;

use jiff::Timestamp;

use crate::domain::id::RequestId;
use crate::limit::Rate;
use crate::problem::Problem;
use crate::reply::{Encoding, Outcome, Reply};

/// The product whose clients an endpoint speaks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// cStar's, which the native endpoints use, too.
    Cstar,
    /// Rocket.Chat's.
    RocketChat,
}

/// What is wrong, in cStar's words: for operators, who send no requests. All violations, one after
/// the other.
pub fn explain(problem: &Problem) -> String {
    cstar::explain(problem)
}

/// A credential as the client presented it, unchecked.
#[derive(PartialEq, Eq)]
pub enum PresentedCredential<'a> {
    /// A bearer key.
    Key(&'a str),
    /// A Rocket.Chat user and a token.
    User {
        /// `X-User-Id`
        user: &'a str,
        /// `X-Auth-Token`
        token: &'a str,
    },
}

/// What a response says about its request.
#[derive(Debug)]
pub struct ResponseContext<'a> {
    /// The request's id.
    pub request: &'a RequestId,
    /// When it came in.
    pub now: Timestamp,
    /// The state of the caller's limit, if it has one and was counted.
    pub rate: Option<Rate>,
    /// The URL of the reference of our own errors.
    pub error_reference: &'a str,
}

/// An HTTP response in a dialect's format.
#[derive(Debug, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Header names, in lower case, and values.
    pub headers: Vec<(&'static str, String)>,
    /// The body: JSON, as `encoding` says.
    pub body: String,
    /// How `body` represents the bytes that are sent.
    pub encoding: Encoding,
}

/// Seconds after which a client may retry when the service is unavailable.
const RETRY_AFTER_UNAVAILABLE_SECONDS: u64 = 1;

/// Headers that describe a body, so a response without a body does not have them.
const BODY_HEADERS: [&str; 2] = ["content-encoding", "content-type"];

impl Dialect {
    /// The dialect of a path, whether there is an endpoint or not.
    pub fn of_path(path: &str) -> Dialect {
        let livechat = path == "/api/v1/livechat" || path.starts_with("/api/v1/livechat/");
        if livechat {
            Dialect::RocketChat
        } else {
            Dialect::Cstar
        }
    }

    /// Finds the credential among a request's headers, whose names are in lower case.
    pub fn credential<'a>(
        self,
        header: impl Fn(&str) -> Option<&'a str>,
    ) -> Option<PresentedCredential<'a>> {
        match self {
            Dialect::Cstar => cstar::credential(header),
            Dialect::RocketChat => rocket_chat::credential(header),
        }
    }

    /// Formats a success.
    pub fn success(self, reply: Reply, context: &ResponseContext<'_>) -> Response {
        let document = matches!(reply.outcome, Outcome::Document | Outcome::Unhealthy);
        let status = match reply.outcome {
            Outcome::Ok | Outcome::Document => 200,
            Outcome::Created => self.created_status(),
            Outcome::NotModified => 304,
            Outcome::Unhealthy => 503,
        };
        let body = match self {
            _ if document || reply.outcome == Outcome::NotModified => reply.body,
            Dialect::Cstar => cstar::envelope(&reply.body, reply.next_cursor.as_deref()),
            Dialect::RocketChat => rocket_chat::envelope(&reply.body),
        };
        let mut headers = self.headers(context);
        headers.extend(reply.location.map(|location| ("location", location)));
        headers.extend(reply.etag.map(|etag| ("etag", etag)));
        if reply.replayed {
            headers.push(("idempotent-replayed", "true".to_owned()));
        }
        for (name, value) in reply.headers {
            headers.retain(|(other, _)| *other != name);
            headers.push((name, value));
        }
        if reply.outcome == Outcome::NotModified {
            headers.retain(|(name, _)| !BODY_HEADERS.contains(name));
        }
        if reply.outcome == Outcome::Unhealthy {
            headers.push(("retry-after", RETRY_AFTER_UNAVAILABLE_SECONDS.to_string()));
        }
        Response {
            status,
            headers,
            body,
            encoding: reply.encoding,
        }
    }

    /// Formats a problem.
    pub fn problem(self, problem: &Problem, context: &ResponseContext<'_>) -> Response {
        let (status, body) = match self {
            Dialect::Cstar => cstar::problem(problem, context),
            Dialect::RocketChat => rocket_chat::problem(problem),
        };
        let mut headers = self.headers(context);
        match problem {
            Problem::RateLimited {
                retry_after_seconds,
            } => {
                headers.push(("retry-after", retry_after_seconds.to_string()));
            }
            Problem::Unavailable(_) => {
                headers.push(("retry-after", RETRY_AFTER_UNAVAILABLE_SECONDS.to_string()));
            }
            Problem::MethodNotAllowed { allow } => headers.push(("allow", allow.clone())),
            Problem::Unauthenticated if self == Dialect::Cstar => {
                headers.push(("www-authenticate", "Bearer".to_owned()));
            }
            _ => {}
        }
        Response {
            status,
            headers,
            body,
            encoding: Encoding::Text,
        }
    }

    fn created_status(self) -> u16 {
        match self {
            Dialect::Cstar => 201,
            Dialect::RocketChat => 200,
        }
    }

    fn headers(self, context: &ResponseContext<'_>) -> Vec<(&'static str, String)> {
        let mut headers = vec![
            ("content-type", "application/json".to_owned()),
            ("cache-control", "no-store".to_owned()),
            ("x-content-type-options", "nosniff".to_owned()),
        ];
        match self {
            Dialect::Cstar => cstar::headers(context, &mut headers),
            Dialect::RocketChat => rocket_chat::headers(context, &mut headers),
        }
        headers
    }
}
