//! The successes of endpoints, before a dialect formats them.

pub mod calendar;
pub mod cycle;
pub mod delivery;
pub mod notice;
pub mod policy;
pub mod preview;
pub mod recalculation;
pub mod report;
pub mod rule;
pub mod settings;
pub mod ticket;
pub mod webhook;

use serde::Serialize;

use crate::domain::version::Version;
use crate::problem::Problem;

/// The result of a handler.
pub type Answer = Result<Reply, Problem>;

/// A success, before a dialect puts it into its envelope.
#[derive(Debug)]
pub struct Reply {
    /// What happened.
    pub outcome: Outcome,
    /// The resource as JSON, or a document in the form that [`Reply::encoding`] says.
    pub body: String,
    /// The path of a new resource.
    pub location: Option<String>,
    /// The version of the resource, as an HTTP entity tag.
    pub etag: Option<String>,
    /// The cursor of the next page of a list, beside the list itself.
    pub next_cursor: Option<String>,
    /// Whether this repeats the reply to an earlier request with the same idempotency key.
    pub replayed: bool,
    /// How `body` represents the bytes that are sent.
    pub encoding: Encoding,
    /// Headers of this reply: lower-case names, and values. They replace those of the dialect.
    pub headers: Vec<(&'static str, String)>,
}

/// How a text represents the bytes of a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// The bytes are the text in UTF-8.
    #[default]
    Text,
    /// The text is the base64 of the bytes.
    Base64,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The request is done.
    Ok,
    /// A resource has been created.
    Created,
    /// The client already has this version.
    NotModified,
    /// The body is a document, which is sent without an envelope.
    Document,
    /// As [`Outcome::Document`], but the service is unhealthy.
    Unhealthy,
}

/// An object without members, for a success without content.
#[derive(Debug, Serialize)]
pub struct Done {}

/// A deleted resource.
#[derive(Debug, Serialize)]
pub struct Deleted<'a, T> {
    id: &'a T,
    deleted: bool,
}

impl Reply {
    /// A resource.
    pub fn ok(resource: &impl Serialize) -> Answer {
        Reply::new(Outcome::Ok, resource)
    }

    /// A new resource.
    pub fn created(resource: &impl Serialize) -> Answer {
        Reply::new(Outcome::Created, resource)
    }

    /// A deleted resource.
    pub fn deleted<T: Serialize>(id: &T) -> Answer {
        Reply::ok(&Deleted { id, deleted: true })
    }

    /// A success without content.
    pub fn done() -> Answer {
        Reply::ok(&Done {})
    }

    /// A document without an envelope, such as the health of the service.
    pub fn document(outcome: Outcome, document: &impl Serialize) -> Answer {
        Reply::new(outcome, document)
    }

    /// A document that is already in base64, the form in which the gateway takes bytes.
    pub fn base64(document: String) -> Reply {
        Reply {
            encoding: Encoding::Base64,
            ..Reply::of(Outcome::Document, document)
        }
    }

    /// Adds a header, or replaces the dialect's. The name is in lower case.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Reply {
        self.headers.push((name, value.into()));
        self
    }

    /// Adds the path of the resource.
    #[must_use]
    pub fn at(mut self, location: String) -> Reply {
        self.location = Some(location);
        self
    }

    /// Adds the cursor of the next page, if there is one.
    #[must_use]
    pub fn next_cursor(mut self, next_cursor: Option<String>) -> Reply {
        self.next_cursor = next_cursor;
        self
    }

    /// Adds the version of the resource, as a strong entity tag.
    #[must_use]
    pub fn version(mut self, version: Version) -> Reply {
        self.etag = Some(entity_tag(version));
        self
    }

    /// Adds the versions of several resources, as a weak entity tag.
    #[must_use]
    pub fn versions(mut self, digits: &str) -> Reply {
        self.etag = Some(format!("W/\"{digits}\""));
        self
    }

    /// Leaves the body out if the client already has this version, as `If-None-Match` says.
    #[must_use]
    pub fn unless_cached(self, if_none_match: Option<&str>) -> Reply {
        let Some((tags, etag)) = if_none_match.zip(self.etag.as_deref()) else {
            return self;
        };
        let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
        let known = tags
            .split(',')
            .any(|tag| tag.trim() == "*" || opaque(tag) == opaque(etag));
        if known {
            Reply {
                outcome: Outcome::NotModified,
                body: String::new(),
                encoding: Encoding::Text,
                ..self
            }
        } else {
            self
        }
    }

    fn new(outcome: Outcome, resource: &impl Serialize) -> Answer {
        let body =
            serde_json::to_string(resource).map_err(|error| Problem::Internal(Box::new(error)))?;
        Ok(Reply::of(outcome, body))
    }

    fn of(outcome: Outcome, body: String) -> Reply {
        Reply {
            outcome,
            body,
            location: None,
            etag: None,
            next_cursor: None,
            replayed: false,
            encoding: Encoding::Text,
            headers: Vec::new(),
        }
    }
}

/// A version as an HTTP entity tag.
pub fn entity_tag(version: Version) -> String {
    format!("\"{version}\"")
}

/// Whether `If-Match`, if it was sent, allows this version. Weak tags match nothing (RFC 9110).
pub fn matches(if_match: Option<&str>, version: Version) -> bool {
    let tag = entity_tag(version);
    if_match.is_none_or(|tags| {
        tags.split(',')
            .any(|one| one.trim() == "*" || one.trim() == tag)
    })
}
