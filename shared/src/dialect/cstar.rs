//! cStar's words, from its public API reference.

use serde::Serialize;

use crate::dialect::{Circumstances, Shown};
use crate::domain::id::RuleId;
use crate::problem::{Allowed, Fault, Problem, Resource, Violation};

const REFERENCE: &str = "https://www.cstar.help/developers/api-reference";

pub(super) fn credential<'a>(header: impl Fn(&str) -> Option<&'a str>) -> Option<Shown<'a>> {
    let (scheme, key) = header("authorization")?.trim().split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| Shown::Key(key.trim_start()))
}

pub(super) fn headers(
    circumstances: &Circumstances<'_>,
    headers: &mut Vec<(&'static str, String)>,
) {
    headers.push(("x-cstar-request-id", circumstances.request.to_string()));
    let Some(rate) = circumstances.rate else {
        return;
    };
    headers.extend([
        ("x-ratelimit-limit", rate.limit.to_string()),
        ("x-ratelimit-remaining", rate.remaining.to_string()),
        ("x-ratelimit-reset", rate.resets_at_second.to_string()),
        ("x-ratelimit-window", rate.window_seconds.to_string()),
        (
            "ratelimit-policy",
            format!("\"default\";q={};w={}", rate.limit, rate.window_seconds),
        ),
        (
            "ratelimit",
            format!(
                "\"default\";r={};t={}",
                rate.remaining, rate.retry_after_seconds
            ),
        ),
    ]);
}

pub(super) fn envelope(data: &str) -> String {
    format!("{{\"success\":true,\"data\":{data}}}")
}

#[derive(Serialize)]
struct Envelope<'a> {
    success: bool,
    error: Error<'a>,
    meta: Meta,
}

#[derive(Serialize)]
struct Error<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    code: &'static str,
    message: String,
    doc_url: String,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    param: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Detail>,
    #[serde(skip_serializing_if = "<[RuleId]>::is_empty")]
    rules: &'a [RuleId],
}

#[derive(Serialize)]
struct Detail {
    param: String,
    code: &'static str,
    message: String,
}

#[derive(Serialize)]
struct Meta {
    timestamp: String,
}

pub(super) fn problem(problem: &Problem, circumstances: &Circumstances<'_>) -> (u16, String) {
    let (status, kind, code, message) = words(problem);
    let mut errors: Vec<Detail> = match problem {
        Problem::Invalid(violations) => violations.iter().map(detail).collect(),
        _ => Vec::new(),
    };
    let param = errors.first().map(|first| first.param.clone());
    if errors.len() < 2 {
        errors.clear();
    }
    let rules = match problem {
        Problem::CalendarInUse { rules } => rules.as_slice(),
        _ => &[],
    };
    let doc_url = match status {
        401 | 403 => format!("{REFERENCE}#authentication"),
        429 => format!("{REFERENCE}#rate-limiting"),
        _ => format!("{}#{code}", circumstances.error_reference),
    };
    let envelope = Envelope {
        success: false,
        error: Error {
            kind,
            code,
            message,
            doc_url,
            request_id: circumstances.request.as_str(),
            param,
            errors,
            rules,
        },
        meta: Meta {
            timestamp: circumstances.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        },
    };
    // Strings and numbers always serialize.
    (status, serde_json::to_string(&envelope).unwrap_or_default())
}

/// Status, `error.type`, `error.code` and `error.message`.
fn words(problem: &Problem) -> (u16, &'static str, &'static str, String) {
    const REQUEST: &str = "invalid_request_error";
    const FORBIDDEN: (u16, &str, &str) = (403, "authorization_error", "insufficient_permissions");
    let (status, kind, code, message) = match problem {
        Problem::Unauthenticated => {
            return told(
                (401, "authentication_error", "authentication_required"),
                "Invalid or expired API key",
            );
        }
        Problem::RateLimited {
            retry_after_seconds,
        } => {
            let message =
                format!("Rate limit exceeded. Try again in {retry_after_seconds} seconds");
            (429, "rate_limit_error", "rate_limit_exceeded", message)
        }
        Problem::SecretKeyRequired => {
            return told(FORBIDDEN, "Secret key required for this endpoint");
        }
        Problem::WrongTeam => return told(FORBIDDEN, "API key does not have access to this team"),
        Problem::PermissionMissing => {
            return told(FORBIDDEN, "API key does not have this permission");
        }
        Problem::PlanRequired => {
            return told(FORBIDDEN, "This team's plan does not include this endpoint");
        }
        Problem::UnknownPath => {
            return told(
                (404, "not_found_error", "resource_missing"),
                "There is no endpoint at this path.",
            );
        }
        Problem::MethodNotAllowed { allow } => (
            405,
            REQUEST,
            "method_not_allowed",
            format!("This path answers only {allow}."),
        ),
        Problem::NotFound { resource, .. } | Problem::NothingToDelete { resource, .. } => (
            404,
            "not_found_error",
            "resource_missing",
            format!("No such {}.", noun(*resource)),
        ),
        Problem::PreconditionFailed => {
            let message = "The resource has changed: it no longer matches 'If-Match'.";
            return told((412, REQUEST, "precondition_failed"), message);
        }
        Problem::IdempotencyKeyReused => {
            let message = "This 'Idempotency-Key' was used before with another body.";
            return told((409, REQUEST, "idempotency_key_reused"), message);
        }
        Problem::InvalidSort { .. } => {
            return told(
                (400, REQUEST, "parameter_invalid"),
                "The list cannot be sorted so.",
            );
        }
        Problem::UnsupportedMediaType { expected } => {
            let message = format!("The request body must be sent with 'Content-Type: {expected}'.");
            (415, REQUEST, "unsupported_media_type", message)
        }
        Problem::BodyTooLarge { max } => {
            let message = format!("The request body may have at most {max} bytes.");
            (413, REQUEST, "body_too_large", message)
        }
        Problem::CalendarInUse { rules } => {
            let rules = rules
                .iter()
                .map(RuleId::as_str)
                .collect::<Vec<_>>()
                .join(", ");
            (
                409,
                REQUEST,
                "calendar_in_use",
                format!("SLA rules use this calendar: {rules}."),
            )
        }
        Problem::CalendarTooLarge { max } => {
            let message = format!(
                "A calendar's hours, holidays and exceptions can have at most {max} bytes."
            );
            (400, REQUEST, "limit_exceeded", message)
        }
        Problem::InvalidHolidays { line, reason } => (
            400,
            REQUEST,
            "invalid_calendar",
            format!("Line {line} cannot be read: {reason}."),
        ),
        Problem::NoHolidays {
            all_day_events,
            timed_events,
            cancelled_events,
        } => {
            let found = found(*all_day_events, *timed_events, *cancelled_events);
            let message = format!(
                "The file gives no holidays: {found}. To remove all holidays, add \
                 '?allowEmpty=true'."
            );
            (400, REQUEST, "no_holidays", message)
        }
        Problem::DueDateOutOfReach => {
            let message = "The due date is more than ten years away, or after the year 9999.";
            return told((400, REQUEST, "due_date_out_of_reach"), message);
        }
        Problem::InvalidJson { reason } => (
            400,
            REQUEST,
            "invalid_json",
            format!("The request body is not valid JSON: {reason}."),
        ),
        Problem::NotAnObject => {
            return told(
                (400, REQUEST, "invalid_json"),
                "The request body must be a JSON object.",
            );
        }
        Problem::Invalid(violations) => {
            let first = violations.first().map(detail);
            let (code, message) = first.map_or(("parameter_invalid", String::new()), |d| {
                (d.code, d.message)
            });
            (400, REQUEST, code, message)
        }
        Problem::DuplicatePolicy => {
            return told(
                (400, REQUEST, "parameter_invalid"),
                "The name or due time is in use.",
            );
        }
        Problem::LimitExceeded { resource, max } => {
            let holder = match resource {
                Resource::Holiday => "calendar",
                _ => "team",
            };
            let message = format!("A {holder} can have at most {max} {}s.", noun(*resource));
            (400, REQUEST, "limit_exceeded", message)
        }
        Problem::Unavailable(_) | Problem::Overtaken => {
            let message = "The service is temporarily unavailable. Try again shortly.";
            return told((503, "api_error", "service_unavailable"), message);
        }
        Problem::Internal(_) => {
            return told(
                (500, "api_error", "internal_error"),
                "Something went wrong on our side.",
            );
        }
    };
    (status, kind, code, message)
}

fn told(
    (status, kind, code): (u16, &'static str, &'static str),
    message: &str,
) -> (u16, &'static str, &'static str, String) {
    (status, kind, code, message.to_owned())
}

/// The events of a file without holidays.
fn found(all_day: usize, timed: usize, cancelled: usize) -> String {
    let all_day = match all_day {
        0 => "0 all-day events".to_owned(),
        1 => "1 all-day event that is over or excludes its dates".to_owned(),
        _ => format!("{all_day} all-day events that are over or exclude their dates"),
    };
    let cancelled = match cancelled {
        0 => String::new(),
        _ => format!(", {cancelled} cancelled"),
    };
    format!("{all_day}, {timed} with a time of day{cancelled}")
}

fn noun(resource: Resource) -> &'static str {
    match resource {
        Resource::Rule => "SLA rule",
        Resource::Policy => "SLA policy",
        Resource::Calendar => "calendar",
        Resource::Holiday => "holiday",
    }
}

fn detail(violation: &Violation) -> Detail {
    let field = &violation.field;
    let (code, message) = match (violation.fault, &violation.allowed) {
        (Fault::Unknown, _) | (_, Allowed::Nothing) => {
            ("parameter_unknown", format!("Unknown field '{field}'."))
        }
        (Fault::Missing, _) => (
            "parameter_missing",
            format!("The '{field}' field is required."),
        ),
        (_, allowed) => (
            "parameter_invalid",
            format!("The '{field}' field {}.", describe(allowed)),
        ),
    };
    Detail {
        param: field.to_string(),
        code,
        message,
    }
}

fn describe(allowed: &Allowed) -> String {
    match allowed {
        Allowed::Text { min, max } if *min > 0 => {
            format!("must be a string of {min} to {max} characters that are not all blank")
        }
        Allowed::Text { max, .. } => format!("must be a string of at most {max} characters"),
        Allowed::Integer { min, max } => format!("must be an integer from {min} to {max}"),
        Allowed::Number => "must be a number, at least 0".to_owned(),
        Allowed::VisibleAscii { max } => format!("must be 1 to {max} visible ASCII characters"),
        Allowed::Boolean => "must be true or false".to_owned(),
        Allowed::OneOf(words) => format!("must be one of {}", words.join(", ")),
        Allowed::AtLeastField { field, value } => {
            format!("must be at least the '{field}', which is {value}")
        }
        Allowed::InCalendar(fault) => fault.to_string(),
        Allowed::Must(words) => (*words).to_owned(),
        Allowed::Nothing => "must be absent".to_owned(),
    }
}
