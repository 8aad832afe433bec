//! Rocket.Chat's format and wording, from its documentation and its public source.

use serde::Serialize;

use crate::dialect::{PresentedCredential, ResponseContext};
use crate::problem::{
    Mismatch, Problem, QueryReason, Reason, Resource, Violation, WorkspaceProblem,
};

pub(super) fn credential<'a>(
    header: impl Fn(&str) -> Option<&'a str>,
) -> Option<PresentedCredential<'a>> {
    Some(PresentedCredential::User {
        user: header("x-user-id")?,
        token: header("x-auth-token")?,
    })
}

pub(super) fn headers(context: &ResponseContext<'_>, headers: &mut Vec<(&'static str, String)>) {
    headers.push(("x-request-id", context.request.to_string()));
    let Some(rate) = context.rate else {
        return;
    };
    headers.extend([
        ("x-ratelimit-limit", rate.limit.to_string()),
        ("x-ratelimit-remaining", rate.remaining.to_string()),
        (
            "x-ratelimit-reset",
            (rate.resets_at_second * 1_000).to_string(),
        ),
    ]);
}

/// Appends `success` to an object's own members.
pub(super) fn envelope(object: &str) -> String {
    match object.strip_suffix('}') {
        Some("{") | None => "{\"success\":true}".to_owned(),
        Some(members) => format!("{members},\"success\":true}}"),
    }
}

#[derive(Serialize)]
struct Status {
    status: &'static str,
    message: &'static str,
}

#[derive(Serialize)]
struct Failure {
    success: bool,
    error: String,
    #[serde(rename = "errorType", skip_serializing_if = "Option::is_none")]
    error_type: Option<&'static str>,
}

pub(super) fn problem(problem: &Problem) -> (u16, String) {
    match problem {
        Problem::Unauthenticated => status(401, "You must be logged in to do this."),
        Problem::RateLimited {
            retry_after_seconds,
        } => {
            let text = format!(
                "Error, too many requests. Please slow down. You must wait {retry_after_seconds} seconds \
                 before trying this endpoint again. [error-too-many-requests]"
            );
            failure(429, text, None)
        }
        Problem::UnknownPath => failure(404, "API endpoint does not exist".to_owned(), None),
        Problem::MethodNotAllowed { .. } => status(405, "API endpoint does not exist"),
        Problem::NotFound { id, .. } => failure(404, format!("SLA with id {id} not found"), None),
        Problem::BodyTooLarge { .. } => {
            typed(413, "Request body too large", "error-body-too-large")
        }
        Problem::NotAnObject => invalid("must be object"),
        Problem::Invalid(violations) => match first(violations) {
            Some(text) => invalid(&text),
            None => internal(),
        },
        Problem::LimitExceeded { resource, max } => {
            let (owner, noun) = match resource {
                Resource::Policy => ("workspace", "SLA policies"),
                Resource::Rule => ("workspace", "SLA rules"),
                Resource::Calendar => ("workspace", "calendars"),
                Resource::Ticket => ("workspace", "tickets"),
                Resource::Holiday => ("calendar", "holidays"),
                Resource::Event => ("ticket", "events"),
                Resource::Webhook => ("workspace", "webhooks"),
                Resource::Delivery => ("workspace", "deliveries"),
            };
            typed(
                400,
                &format!("A {owner} can have at most {max} {noun}"),
                "error-limit-exceeded",
            )
        }
        Problem::Unavailable(_) | Problem::WriteConflict => typed(
            503,
            "Service temporarily unavailable",
            "error-service-unavailable",
        ),
        // Endpoints of this dialect have no problems of a team: if one had, it would be a bug.
        Problem::Internal(_) | Problem::Team(_) => internal(),
        Problem::Workspace(problem) => workspace_problem(problem),
    }
}

fn workspace_problem(problem: &WorkspaceProblem) -> (u16, String) {
    match problem {
        WorkspaceProblem::PermissionMissing => {
            let text =
                "User does not have the permissions required for this action [error-unauthorized]";
            failure(403, text.to_owned(), None)
        }
        WorkspaceProblem::PlanRequired => failure(403, "unauthorized".to_owned(), None),
        WorkspaceProblem::NothingToDelete { id } => {
            failure(400, format!("SLA with id {id} not found"), None)
        }
        WorkspaceProblem::DuplicatePolicy => failure(400, "error-duplicated-sla".to_owned(), None),
        WorkspaceProblem::RoomIdRequired => {
            failure(400, "The 'roomId' param is required".to_owned(), None)
        }
        WorkspaceProblem::InvalidInquiry => failure(400, "error-invalid-inquiry".to_owned(), None),
        WorkspaceProblem::InvalidSla => failure(400, "error-invalid-sla".to_owned(), None),
        WorkspaceProblem::InvalidSort { sort } => (400, invalid_sort(sort)),
        WorkspaceProblem::InvalidQuery(reason) => invalid(match reason {
            QueryReason::Unknown => "must NOT have additional properties",
            QueryReason::Repeated => "must be string",
            QueryReason::NotANumber => "must be number",
            QueryReason::Negative => "must be >= 0",
        }),
    }
}

fn invalid(text: &str) -> (u16, String) {
    typed(400, text, "invalid-params")
}

fn internal() -> (u16, String) {
    typed(500, "Internal server error", "error-internal")
}

fn status(code: u16, message: &'static str) -> (u16, String) {
    (
        code,
        json(&Status {
            status: "error",
            message,
        }),
    )
}

fn typed(code: u16, text: &str, error_type: &'static str) -> (u16, String) {
    failure(code, format!("{text} [{error_type}]"), Some(error_type))
}

fn failure(code: u16, error: String, error_type: Option<&'static str>) -> (u16, String) {
    (
        code,
        json(&Failure {
            success: false,
            error,
            error_type,
        }),
    )
}

#[derive(Serialize)]
struct InvalidSort {
    success: bool,
    error: String,
    #[serde(rename = "errorType")]
    error_type: &'static str,
    details: Helper,
}

#[derive(Serialize)]
struct Helper {
    #[serde(rename = "helperMethod")]
    helper_method: &'static str,
}

fn invalid_sort(sort: &str) -> String {
    const TYPE: &str = "error-invalid-sort";
    json(&InvalidSort {
        success: false,
        error: format!("Invalid sort parameter provided: \"{sort}\" [{TYPE}]"),
        error_type: TYPE,
        details: Helper {
            helper_method: "parseJsonQuery",
        },
    })
}

fn json(body: &impl Serialize) -> String {
    // Strings and booleans always serialize.
    serde_json::to_string(body).unwrap_or_default()
}

/// The violation that Ajv finds first, in its words; `None` if it is not one of this dialect.
///
/// Rocket.Chat lets Ajv stop at the first violation, and it looks for missing members, then for
/// unknown ones, then at types, then at bounds.
fn first(violations: &[Violation]) -> Option<String> {
    let rank = |violation: &&Violation| match violation.reason {
        Reason::Missing => 0,
        Reason::Unknown => 1,
        Reason::Text { mismatch, .. } | Reason::Integer { mismatch, .. } => match mismatch {
            Mismatch::WrongType => 2,
            Mismatch::BelowMin | Mismatch::AboveMax => 3,
        },
        Reason::Team(_) => 4,
    };
    ajv(violations.iter().min_by_key(rank)?)
}

fn ajv(violation: &Violation) -> Option<String> {
    Some(match violation.reason {
        Reason::Missing => format!("must have required property '{}'", violation.field),
        Reason::Unknown => "must NOT have additional properties".to_owned(),
        Reason::Text { min, max, mismatch } => match mismatch {
            Mismatch::WrongType => "must be string".to_owned(),
            Mismatch::BelowMin => format!("must NOT have fewer than {min} characters"),
            Mismatch::AboveMax => format!("must NOT have more than {max} characters"),
        },
        Reason::Integer { min, max, mismatch } => match mismatch {
            Mismatch::WrongType => "must be integer".to_owned(),
            Mismatch::BelowMin => format!("must be >= {min}"),
            Mismatch::AboveMax => format!("must be <= {max}"),
        },
        Reason::Team(_) => return None,
    })
}
