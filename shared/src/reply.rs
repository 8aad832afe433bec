//! What an endpoint answers when all went well.

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
    /// The resource as JSON.
    pub body: String,
    /// Where a new resource is to be found.
    pub location: Option<String>,
    /// The version of the resource, as an HTTP entity tag.
    pub etag: Option<String>,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is as asked.
    Ok,
    /// Something new exists.
    Created,
    /// The body is a document of its own and goes out as it is, in no envelope.
    Document,
    /// As [`Outcome::Document`], but the service is not well.
    Unwell,
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

    /// Tells a document that stands for itself, such as the state of the service.
    pub fn document(outcome: Outcome, document: &impl Serialize) -> Answer {
        Reply::new(outcome, document)
    }

    /// Tells a document that is JSON already.
    pub fn text(json: &'static str) -> Reply {
        Reply {
            outcome: Outcome::Document,
            body: json.to_owned(),
            location: None,
            etag: None,
        }
    }

    /// Says where the resource is to be found.
    #[must_use]
    pub fn at(mut self, location: String) -> Reply {
        self.location = Some(location);
        self
    }

    /// Says which version of the resource this is.
    #[must_use]
    pub fn version(mut self, version: Version) -> Reply {
        self.etag = Some(format!("\"{version}\""));
        self
    }

    fn new(outcome: Outcome, resource: &impl Serialize) -> Answer {
        let body =
            serde_json::to_string(resource).map_err(|error| Problem::Internal(Box::new(error)))?;
        Ok(Reply {
            outcome,
            body,
            location: None,
            etag: None,
        })
    }
}
