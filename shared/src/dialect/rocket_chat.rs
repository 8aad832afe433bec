//! Rocket.Chat's words, from its documentation and its public source.

use serde::Serialize;

use crate::dialect::{Circumstances, Shown};
use crate::problem::{Allowed, Fault, Problem, Resource, Violation};

pub(super) fn credential<'a>(header: impl Fn(&str) -> Option<&'a str>) -> Option<Shown<'a>> {
    Some(Shown::User {
        user: header("x-user-id")?,
        token: header("x-auth-token")?,
    })
}

pub(super) fn headers(
    circumstances: &Circumstances<'_>,
    headers: &mut Vec<(&'static str, String)>,
) {
    headers.push(("x-request-id", circumstances.request.to_string()));
    let Some(rate) = circumstances.rate else {
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

/// Puts `success` behind an object's own members.
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
    const INVALID: &str = "invalid-params";
    match problem {
        Problem::Unauthenticated => status(401, "You must be logged in to do this."),
        Problem::MethodNotAllowed { .. } => status(405, "API endpoint does not exist"),
        Problem::UnknownPath => failure(404, "API endpoint does not exist".to_owned(), None),
        Problem::RateLimited {
            retry_after_seconds,
        } => {
            let text = format!(
                "Error, too many requests. Please slow down. You must wait {retry_after_seconds} seconds \
                 before trying this endpoint again. [error-too-many-requests]"
            );
            failure(429, text, None)
        }
        Problem::PermissionMissing | Problem::SecretKeyRequired | Problem::WrongTeam => {
            let text =
                "User does not have the permissions required for this action [error-unauthorized]";
            failure(403, text.to_owned(), None)
        }
        Problem::CalendarInUse { .. } => {
            typed(409, "The calendar is in use", "error-calendar-in-use")
        }
        Problem::CalendarTooLarge { .. }
        | Problem::InvalidHolidays { .. }
        | Problem::NoHolidays { .. }
        | Problem::DueDateOutOfReach => {
            typed(400, "The calendar cannot be used", "error-invalid-calendar")
        }
        Problem::PlanRequired => failure(403, "unauthorized".to_owned(), None),
        Problem::Invalid(violations) => failure(
            400,
            format!("{} [{INVALID}]", first(violations)),
            Some(INVALID),
        ),
        Problem::NotAnObject
        | Problem::InvalidJson { .. }
        | Problem::UnsupportedMediaType { .. } => {
            failure(400, format!("must be object [{INVALID}]"), Some(INVALID))
        }
        Problem::DuplicatePolicy => failure(400, "error-duplicated-sla".to_owned(), None),
        Problem::NotFound { id, .. } => failure(404, format!("SLA with id {id} not found"), None),
        Problem::NothingToDelete { id, .. } => {
            failure(400, format!("SLA with id {id} not found"), None)
        }
        Problem::InvalidSort { sort } => (400, invalid_sort(sort)),
        Problem::PreconditionFailed => {
            typed(412, "The SLA has changed", "error-precondition-failed")
        }
        Problem::IdempotencyKeyReused => typed(
            409,
            "Idempotency key reused",
            "error-idempotency-key-reused",
        ),
        Problem::LimitExceeded { resource, max } => {
            let noun = match resource {
                Resource::Policy => "SLA policies",
                Resource::Rule => "SLA rules",
                Resource::Calendar => "calendars",
                Resource::Holiday => "holidays",
            };
            typed(
                400,
                &format!("A workspace can have at most {max} {noun}"),
                "error-limit-exceeded",
            )
        }
        Problem::BodyTooLarge { .. } => {
            typed(413, "Request body too large", "error-body-too-large")
        }
        Problem::Unavailable(_) | Problem::Overtaken => typed(
            503,
            "Service temporarily unavailable",
            "error-service-unavailable",
        ),
        Problem::Internal(_) => typed(500, "Internal server error", "error-internal"),
    }
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

/// Ajv's words for the violation that Ajv, told to stop at the first, finds first: it looks for
/// missing members, then for unknown ones, then at types, then at bounds.
fn first(violations: &[Violation]) -> String {
    let rank = |fault| match fault {
        Fault::High => Fault::Low,
        other => other,
    };
    let found = violations
        .iter()
        .min_by_key(|violation| rank(violation.fault));
    found.map_or_else(String::new, ajv)
}

fn ajv(violation: &Violation) -> String {
    match (violation.fault, &violation.allowed) {
        (Fault::Missing, _) => format!("must have required property '{}'", violation.field),
        (Fault::Unknown, _) | (_, Allowed::Nothing) => {
            "must NOT have additional properties".to_owned()
        }
        (Fault::Type, Allowed::Text { .. } | Allowed::OneOf(_) | Allowed::VisibleAscii { .. }) => {
            "must be string".to_owned()
        }
        (Fault::Type, Allowed::Boolean) | (_, Allowed::Boolean) => "must be boolean".to_owned(),
        (Fault::Type, Allowed::Integer { .. } | Allowed::AtLeastField { .. }) => {
            "must be integer".to_owned()
        }
        (_, Allowed::InCalendar(fault)) => fault.to_string(),
        (_, Allowed::Must(words)) => (*words).to_owned(),
        (Fault::Type, Allowed::Number) => "must be number".to_owned(),
        (Fault::Low | Fault::High, Allowed::Number) => "must be >= 0".to_owned(),
        (Fault::Low | Fault::High, Allowed::VisibleAscii { max }) => {
            format!("must NOT have more than {max} characters")
        }
        (Fault::Low, Allowed::Text { min, .. }) => {
            format!("must NOT have fewer than {min} characters")
        }
        (Fault::High, Allowed::Text { max, .. }) => {
            format!("must NOT have more than {max} characters")
        }
        (Fault::Low, Allowed::Integer { min, .. }) => format!("must be >= {min}"),
        (Fault::High, Allowed::Integer { max, .. }) => format!("must be <= {max}"),
        (Fault::Low | Fault::High, Allowed::OneOf(_)) => {
            "must be equal to one of the allowed values".to_owned()
        }
        (Fault::Low | Fault::High, Allowed::AtLeastField { value, .. }) => {
            format!("must be >= {value}")
        }
    }
}
