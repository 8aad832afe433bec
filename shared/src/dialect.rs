//! How a thing is told: the credential a client shows, the envelope of a success and of a
//! problem, the headers around them. Never whether.

mod cstar;
mod rocket_chat;

use jiff::Timestamp;

use crate::domain::id::RequestId;
use crate::limit::Rate;
use crate::problem::Problem;
use crate::reply::{Encoding, Outcome, Reply};

/// Whose client is being spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// cStar's, and that of everything native.
    Cstar,
    /// Rocket.Chat's.
    RocketChat,
}

/// A credential as it was shown, unchecked.
#[derive(PartialEq, Eq)]
pub enum Shown<'a> {
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

/// What an answer's envelope tells about the request it answers.
#[derive(Debug)]
pub struct Circumstances<'a> {
    /// The request's id.
    pub request: &'a RequestId,
    /// When it came in.
    pub now: Timestamp,
    /// Where the caller stands, if it reached the limiter and has a limit.
    pub rate: Option<Rate>,
    /// The URL of our own reference of errors.
    pub error_reference: &'a str,
}

/// An answer in a dialect's words.
#[derive(Debug, PartialEq, Eq)]
pub struct Told {
    /// The HTTP status.
    pub status: u16,
    /// Header names, in lower case, and values.
    pub headers: Vec<(&'static str, String)>,
    /// The body: JSON, as `encoding` says.
    pub body: String,
    /// How `body` holds the bytes that go out.
    pub encoding: Encoding,
}

/// Seconds after which a client may ask a service again that could not answer.
const RETRY_UNAVAILABLE_AFTER_SECONDS: u64 = 1;

/// Headers that describe a body, so an answer without one does not have them.
const OF_A_BODY: [&str; 2] = ["content-encoding", "content-type"];

impl Dialect {
    /// The dialect in which whatever is at `path` speaks, be there anything or not.
    pub fn of_path(path: &str) -> Dialect {
        let livechat = path == "/api/v1/livechat" || path.starts_with("/api/v1/livechat/");
        if livechat {
            Dialect::RocketChat
        } else {
            Dialect::Cstar
        }
    }

    /// Finds the credential among a request's headers, whose names are in lower case.
    pub fn credential<'a>(self, header: impl Fn(&str) -> Option<&'a str>) -> Option<Shown<'a>> {
        match self {
            Dialect::Cstar => cstar::credential(header),
            Dialect::RocketChat => rocket_chat::credential(header),
        }
    }

    /// Tells a success.
    pub fn success(self, reply: Reply, circumstances: &Circumstances<'_>) -> Told {
        let document = matches!(reply.outcome, Outcome::Document | Outcome::Unwell);
        let status = match reply.outcome {
            Outcome::Ok | Outcome::Document => 200,
            Outcome::Created => self.created_status(),
            Outcome::NotModified => 304,
            Outcome::Unwell => 503,
        };
        let body = match self {
            _ if document || reply.outcome == Outcome::NotModified => reply.body,
            Dialect::Cstar => cstar::envelope(&reply.body),
            Dialect::RocketChat => rocket_chat::envelope(&reply.body),
        };
        let mut headers = self.headers(circumstances);
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
            headers.retain(|(name, _)| !OF_A_BODY.contains(name));
        }
        if reply.outcome == Outcome::Unwell {
            headers.push(("retry-after", RETRY_UNAVAILABLE_AFTER_SECONDS.to_string()));
        }
        Told {
            status,
            headers,
            body,
            encoding: reply.encoding,
        }
    }

    /// Tells a problem.
    pub fn problem(self, problem: &Problem, circumstances: &Circumstances<'_>) -> Told {
        let (status, body) = match self {
            Dialect::Cstar => cstar::problem(problem, circumstances),
            Dialect::RocketChat => rocket_chat::problem(problem),
        };
        let mut headers = self.headers(circumstances);
        match problem {
            Problem::RateLimited {
                retry_after_seconds,
            } => {
                headers.push(("retry-after", retry_after_seconds.to_string()));
            }
            Problem::Unavailable(_) => {
                headers.push(("retry-after", RETRY_UNAVAILABLE_AFTER_SECONDS.to_string()));
            }
            Problem::MethodNotAllowed { allow } => headers.push(("allow", allow.clone())),
            Problem::Unauthenticated if self == Dialect::Cstar => {
                headers.push(("www-authenticate", "Bearer".to_owned()));
            }
            _ => {}
        }
        Told {
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

    fn headers(self, circumstances: &Circumstances<'_>) -> Vec<(&'static str, String)> {
        let mut headers = vec![
            ("content-type", "application/json".to_owned()),
            ("cache-control", "no-store".to_owned()),
            ("x-content-type-options", "nosniff".to_owned()),
        ];
        match self {
            Dialect::Cstar => cstar::headers(circumstances, &mut headers),
            Dialect::RocketChat => rocket_chat::headers(circumstances, &mut headers),
        }
        headers
    }
}
