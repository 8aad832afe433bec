//! What an endpoint answers when all went well.

pub mod policy;
pub mod preview;
pub mod rule;

use serde::Serialize;

use crate::domain::version::Version;
use crate::problem::Problem;

/// An endpoint's answer.
pub type Answer = Result<Reply, Problem>;

/// A success, before a dialect puts it into its envelope.
#[derive(Debug)]
pub struct Reply {
    /// What happened.
    pub outcome: Outcome,
    /// The resource as JSON; a document, as [`Reply::encoding`] says.
    pub body: String,
    /// Where a new resource is to be found.
    pub location: Option<String>,
    /// The version of the resource, as an HTTP entity tag.
    pub etag: Option<String>,
    /// Whether this was told before, to the same request.
    pub replayed: bool,
    /// How `body` holds the bytes that go out.
    pub encoding: Encoding,
    /// Headers of its own: lower-case names, and values. They take the place of the dialect's.
    pub headers: Vec<(&'static str, String)>,
}

/// How a text holds the bytes of a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// They are the text, in UTF-8.
    #[default]
    Text,
    /// The text is their base64.
    Base64,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is as asked.
    Ok,
    /// Something new exists.
    Created,
    /// The caller knows it already.
    NotModified,
    /// The body is a document of its own and goes out as it is, in no envelope.
    Document,
    /// As [`Outcome::Document`], but the service is not well.
    Unwell,
}

/// Nothing to tell but that it was done.
#[derive(Debug, Serialize)]
pub struct Done {}

/// A resource that is no more.
#[derive(Debug, Serialize)]
pub struct Deleted<'a, T> {
    id: &'a T,
    deleted: bool,
}

impl Reply {
    /// Tells a resource.
    pub fn ok(resource: &impl Serialize) -> Answer {
        Reply::new(Outcome::Ok, resource)
    }

    /// Tells a resource that has just come to be.
    pub fn created(resource: &impl Serialize) -> Answer {
        Reply::new(Outcome::Created, resource)
    }

    /// Tells that a resource is no more.
    pub fn deleted<T: Serialize>(id: &T) -> Answer {
        Reply::ok(&Deleted { id, deleted: true })
    }

    /// Tells that it was done.
    pub fn done() -> Answer {
        Reply::ok(&Done {})
    }

    /// Tells a document that stands for itself, such as the state of the service.
    pub fn document(outcome: Outcome, document: &impl Serialize) -> Answer {
        Reply::new(outcome, document)
    }

    /// Tells a document whose bytes are in base64 already, as the gateway takes them.
    pub fn base64(document: String) -> Reply {
        Reply {
            encoding: Encoding::Base64,
            ..Reply::of(Outcome::Document, document)
        }
    }

    /// Sends this header, in place of the dialect's of that name, which is in lower case.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Reply {
        self.headers.push((name, value.into()));
        self
    }

    /// Says where the resource is to be found.
    #[must_use]
    pub fn at(mut self, location: String) -> Reply {
        self.location = Some(location);
        self
    }

    /// Says which version of the resource this is: a strong entity tag.
    #[must_use]
    pub fn version(mut self, version: Version) -> Reply {
        self.etag = Some(entity_tag(version));
        self
    }

    /// Says which versions of many resources these are: a weak entity tag.
    #[must_use]
    pub fn versions(mut self, digits: &str) -> Reply {
        self.etag = Some(format!("W/\"{digits}\""));
        self
    }

    /// Tells nothing to a caller who has it already, as `If-None-Match` says.
    #[must_use]
    pub fn unless_known(self, if_none_match: Option<&str>) -> Reply {
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

/// Whether `If-Match`, if it was sent, is about this version. Weak tags match nothing (RFC 9110).
pub fn matches(if_match: Option<&str>, version: Version) -> bool {
    let tag = entity_tag(version);
    if_match.is_none_or(|tags| {
        tags.split(',')
            .any(|one| one.trim() == "*" || one.trim() == tag)
    })
}
