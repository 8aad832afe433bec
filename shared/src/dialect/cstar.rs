//! cStar's format and wording, from its public API reference.

use std::borrow::Cow;

use serde::Serialize;

use crate::dialect::{PresentedCredential, ResponseContext};
use crate::domain::calendar::{
    MAX_EXCEPTIONS, MAX_HOLIDAYS, MAX_INTERVALS_PER_DAY, ScheduleReason,
};
use crate::domain::id::{MAX_CLIENT_ID_CHARS, RuleId};
use crate::domain::plan::MAX_ESCALATIONS;
use crate::domain::report::{FIRST_DAY, LAST_DAY, MAX_DAYS};
use crate::domain::ticket::MAX_EVENTS_AT_ONCE;
use crate::domain::webhook_url::UrlReason;
use crate::problem::{JsonReason, Problem, Reason, Resource, TeamProblem, TeamReason, Violation};

const REFERENCE: &str = "https://www.cstar.help/developers/api-reference";

pub(super) fn credential<'a>(
    header: impl Fn(&str) -> Option<&'a str>,
) -> Option<PresentedCredential<'a>> {
    let (scheme, key) = header("authorization")?.trim().split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| PresentedCredential::Key(key.trim_start()))
}

pub(super) fn headers(context: &ResponseContext<'_>, headers: &mut Vec<(&'static str, String)>) {
    headers.push(("x-cstar-request-id", context.request.to_string()));
    let Some(rate) = context.rate else {
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

pub(super) fn envelope(data: &str, next_cursor: Option<&str>) -> String {
    match next_cursor {
        None => format!("{{\"success\":true,\"data\":{data}}}"),
        // A cursor has only letters, digits, `-` and `_`.
        Some(next) => {
            format!("{{\"success\":true,\"data\":{data},\"nextCursor\":\"{next}\"}}")
        }
    }
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
    message: Cow<'static, str>,
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

/// A problem's status and words.
struct Wording {
    status: u16,
    /// `error.type`
    kind: &'static str,
    /// `error.code`
    code: &'static str,
    /// `error.message`
    message: Cow<'static, str>,
}

impl Wording {
    fn new(
        status: u16,
        kind: &'static str,
        code: &'static str,
        message: impl Into<Cow<'static, str>>,
    ) -> Wording {
        Wording {
            status,
            kind,
            code,
            message: message.into(),
        }
    }

    fn request(status: u16, code: &'static str, message: impl Into<Cow<'static, str>>) -> Wording {
        Wording::new(status, "invalid_request_error", code, message)
    }

    fn forbidden(message: &'static str) -> Wording {
        Wording::new(
            403,
            "authorization_error",
            "insufficient_permissions",
            message,
        )
    }

    fn not_found(message: impl Into<Cow<'static, str>>) -> Wording {
        Wording::new(404, "not_found_error", "resource_missing", message)
    }

    fn api(status: u16, code: &'static str, message: &'static str) -> Wording {
        Wording::new(status, "api_error", code, message)
    }
}

pub(super) fn problem(problem: &Problem, context: &ResponseContext<'_>) -> (u16, String) {
    let Wording {
        status,
        kind,
        code,
        message,
    } = wording(problem);
    let mut errors: Vec<Detail> = match problem {
        Problem::Invalid(violations) => violations.iter().map(detail).collect(),
        _ => Vec::new(),
    };
    let param = match problem {
        Problem::Team(TeamProblem::EventInFuture { field }) => Some(field.clone()),
        _ => errors.first().map(|first| first.param.clone()),
    };
    if errors.len() < 2 {
        errors.clear();
    }
    let rules = match problem {
        Problem::Team(TeamProblem::CalendarInUse { rules }) => rules.as_slice(),
        _ => &[],
    };
    let doc_url = match status {
        401 | 403 => format!("{REFERENCE}#authentication"),
        429 => format!("{REFERENCE}#rate-limiting"),
        _ => format!("{}#{code}", context.error_reference),
    };
    let envelope = Envelope {
        success: false,
        error: Error {
            kind,
            code,
            message,
            doc_url,
            request_id: context.request.as_str(),
            param,
            errors,
            rules,
        },
        meta: Meta {
            timestamp: context.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        },
    };
    // Strings and numbers always serialize.
    (status, serde_json::to_string(&envelope).unwrap_or_default())
}

pub(super) fn explain(problem: &Problem) -> String {
    match problem {
        Problem::Invalid(violations) => {
            let messages = violations.iter().map(|violation| detail(violation).message);
            messages.collect::<Vec<_>>().join(" ")
        }
        other => wording(other).message.into_owned(),
    }
}

fn wording(problem: &Problem) -> Wording {
    match problem {
        Problem::Unauthenticated => Wording::new(
            401,
            "authentication_error",
            "authentication_required",
            "Invalid or expired API key",
        ),
        Problem::RateLimited {
            retry_after_seconds,
        } => Wording::new(
            429,
            "rate_limit_error",
            "rate_limit_exceeded",
            format!("Rate limit exceeded. Try again in {retry_after_seconds} seconds"),
        ),
        Problem::UnknownPath => Wording::not_found("There is no endpoint at this path."),
        Problem::MethodNotAllowed { allow } => Wording::request(
            405,
            "method_not_allowed",
            format!("This path answers only {allow}."),
        ),
        Problem::NotFound { resource, .. } => {
            Wording::not_found(format!("No such {}.", noun(*resource)))
        }
        Problem::BodyTooLarge { max } => Wording::request(
            413,
            "body_too_large",
            format!("The request body may have at most {max} bytes."),
        ),
        Problem::NotAnObject => Wording::request(
            400,
            "invalid_json",
            "The request body must be a JSON object.",
        ),
        Problem::Invalid(violations) => {
            let first = violations.first().map(detail);
            let (code, message) = first.map_or(("parameter_invalid", String::new()), |first| {
                (first.code, first.message)
            });
            Wording::request(400, code, message)
        }
        Problem::LimitExceeded { resource, max } => {
            let owner = match resource {
                Resource::Holiday => "calendar",
                Resource::Event => "ticket",
                _ => "team",
            };
            let message = format!("A {owner} can have at most {max} {}s.", noun(*resource));
            Wording::request(400, "limit_exceeded", message)
        }
        Problem::Unavailable(_) | Problem::WriteConflict => Wording::api(
            503,
            "service_unavailable",
            "The service is temporarily unavailable. Try again shortly.",
        ),
        // Endpoints of this dialect have no problems of a workspace: if one had, it would be a bug.
        Problem::Internal(_) | Problem::Workspace(_) => {
            Wording::api(500, "internal_error", "Something went wrong on our side.")
        }
        Problem::Team(problem) => team_wording(problem),
    }
}

fn team_wording(problem: &TeamProblem) -> Wording {
    match problem {
        TeamProblem::SecretKeyRequired => {
            Wording::forbidden("Secret key required for this endpoint")
        }
        TeamProblem::WrongTeam => Wording::forbidden("API key does not have access to this team"),
        TeamProblem::PreconditionFailed => Wording::request(
            412,
            "precondition_failed",
            "The resource has changed: it no longer matches 'If-Match'.",
        ),
        TeamProblem::IdempotencyKeyReused => Wording::request(
            409,
            "idempotency_key_reused",
            "This 'Idempotency-Key' was used before with another body.",
        ),
        TeamProblem::UnsupportedMediaType { expected } => Wording::request(
            415,
            "unsupported_media_type",
            format!("The request body must be sent with 'Content-Type: {expected}'."),
        ),
        TeamProblem::InvalidJson(reason) => {
            let reason = match reason {
                JsonReason::Malformed => "it is malformed",
                JsonReason::Incomplete => "it ends too early",
                JsonReason::RepeatedMember => "a member is given twice",
            };
            let message = format!("The request body is not valid JSON: {reason}.");
            Wording::request(400, "invalid_json", message)
        }
        TeamProblem::CalendarInUse { rules } => {
            let rules: Vec<&str> = rules.iter().map(RuleId::as_str).collect();
            let message = format!("SLA rules use this calendar: {}.", rules.join(", "));
            Wording::request(409, "calendar_in_use", message)
        }
        TeamProblem::CalendarTooLarge { max } => Wording::request(
            400,
            "limit_exceeded",
            format!("A calendar's hours, holidays and exceptions can have at most {max} bytes."),
        ),
        TeamProblem::InvalidHolidays { line, reason } => Wording::request(
            400,
            "invalid_calendar",
            format!("Line {line} cannot be read: {reason}."),
        ),
        TeamProblem::NoHolidays {
            all_day_events,
            timed_events,
            cancelled_events,
        } => {
            let events = events(*all_day_events, *timed_events, *cancelled_events);
            let message = format!(
                "The file gives no holidays: {events}. To remove all holidays, add \
                 '?allowEmpty=true'."
            );
            Wording::request(400, "no_holidays", message)
        }
        TeamProblem::TicketExists => Wording::request(
            409,
            "ticket_exists",
            "A ticket with this id exists already, with another body.",
        ),
        TeamProblem::EventInFuture { field } => Wording::request(
            422,
            "event_in_future",
            format!("The '{field}' field may be at most 5 minutes ahead."),
        ),
        TeamProblem::DueDateOutOfReach => Wording::request(
            400,
            "due_date_out_of_reach",
            "The due date is more than ten years away, or after the year 9999.",
        ),
        TeamProblem::WebhookDisabled => Wording::request(
            409,
            "webhook_disabled",
            "The webhook is disabled. Enable it first.",
        ),
    }
}

/// Counts the events of a file without holidays.
fn events(all_day: usize, timed: usize, cancelled: usize) -> String {
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
        Resource::Ticket => "ticket",
        Resource::Event => "event",
        Resource::Webhook => "webhook",
        Resource::Delivery => "delivery",
    }
}

fn detail(violation: &Violation) -> Detail {
    let field = &violation.field;
    let (code, message) = match &violation.reason {
        Reason::Unknown => ("parameter_unknown", format!("Unknown field '{field}'.")),
        Reason::Missing => (
            "parameter_missing",
            format!("The '{field}' field is required."),
        ),
        Reason::Text { min, max, .. } if *min > 0 => invalid(
            field,
            &format!("must be a string of {min} to {max} characters that are not all blank"),
        ),
        Reason::Text { max, .. } => invalid(
            field,
            &format!("must be a string of at most {max} characters"),
        ),
        Reason::Integer { min, max, .. } => {
            invalid(field, &format!("must be an integer from {min} to {max}"))
        }
        Reason::Team(reason) => invalid(field, &requirement(*reason)),
    };
    Detail {
        param: field.to_string(),
        code,
        message,
    }
}

fn invalid(field: &str, requirement: &str) -> (&'static str, String) {
    (
        "parameter_invalid",
        format!("The '{field}' field {requirement}."),
    )
}

/// What a member must be instead.
fn requirement(reason: TeamReason) -> Cow<'static, str> {
    Cow::Borrowed(match reason {
        TeamReason::NotABoolean => "must be true or false",
        TeamReason::NotOneOf(words) => {
            return format!("must be one of {}", words.join(", ")).into();
        }
        TeamReason::LessThan { field, value } => {
            return format!("must be at least the '{field}', which is {value}").into();
        }
        TeamReason::NotVisibleAscii { max } => {
            return format!("must be 1 to {max} visible ASCII characters").into();
        }
        TeamReason::UnknownCalendar => "must be the id of one of the team's calendars",
        TeamReason::UnknownRule => "must be the id of one of the team's SLA rules",
        TeamReason::NotAClientId => {
            return format!("must be 1 to {MAX_CLIENT_ID_CHARS} characters of A-Z a-z 0-9 . _ : -")
                .into();
        }
        TeamReason::NotEvents => {
            return format!("must be a list of at most {MAX_EVENTS_AT_ONCE} events").into();
        }
        TeamReason::NotAnEvent => "must be an object with a 'type'",
        TeamReason::BelongsTo { event } => {
            return format!("must be absent unless the 'type' is {event}").into();
        }
        TeamReason::NotAnInteger { min, max } => {
            return format!("must be an integer from {min} to {max}").into();
        }
        TeamReason::NotSomeOf(words) => {
            return format!("must be one or more of {}, with commas", words.join(", ")).into();
        }
        TeamReason::NotEscalations => {
            return format!(
                "must be a list of at most {MAX_ESCALATIONS} objects with 'metric' and \
                 'afterBreachMinutes'"
            )
            .into();
        }
        TeamReason::Repeated => "must not repeat an entry before it",
        TeamReason::NotAWebhookUrl(reason) => url_requirement(reason),
        TeamReason::NotNoticeTypes => {
            "must be a list of sla.warning, sla.breached, sla.escalated and sla.withdrawn, each at \
             most once"
        }
        TeamReason::NotANoticeId => "must be the id of a notice",
        TeamReason::NotACursor => "must be the 'nextCursor' of an earlier response",
        TeamReason::OnlyInADryRun => "must be absent unless 'dryRun' is true",
        TeamReason::NotADraft => "must be an object with 'rules', 'calendars' or both",
        TeamReason::NotAnObject => "must be an object",
        TeamReason::NotDrafts { max } => {
            return format!("must be a list of at most {max} objects").into();
        }
        TeamReason::NotReported => {
            return format!("must be from {FIRST_DAY} to {LAST_DAY}").into();
        }
        TeamReason::BeforeFrom => "must not be before 'from'",
        TeamReason::TooManyDays => {
            return format!("must be at most {} days after 'from'", MAX_DAYS - 1).into();
        }
        TeamReason::Schedule(reason) => return schedule_requirement(reason),
        TeamReason::NotAWeek => "must be an object of weekdays, each with a list of intervals",
        TeamReason::NotADay => "must be a list of intervals",
        TeamReason::NotAnInterval => "must be a start and an end, such as [\"09:00\", \"17:00\"]",
        TeamReason::NotHolidays => "must be a list of dates as YYYY-MM-DD",
        TeamReason::NotExceptions => "must be an object of dates, each with a list of intervals",
        TeamReason::NotACalendar => "must be an object with 'timeZone' and 'hours'",
        TeamReason::NotAnInstant => {
            "must be an RFC 3339 instant with an offset from UTC, such as 2026-11-22T09:00:00Z"
        }
        TeamReason::InstantTooLate => LATEST_INSTANT,
        TeamReason::BeforeCreatedAt => "must not be before 'createdAt'",
        TeamReason::TargetsGiven => {
            "must be absent where 'responseTarget' and 'resolutionTarget' are given"
        }
        TeamReason::CalendarGiven => "must be absent where 'calendar' is given",
    })
}

/// Names [`jiff::Timestamp::MAX`]: the last instant of the year 9999, less the greatest offset.
const LATEST_INSTANT: &str = "must not be after 9999-12-30T22:00:00.999999999Z";

fn url_requirement(reason: UrlReason) -> &'static str {
    match reason {
        UrlReason::TooLong => "must be at most 2,000 characters",
        UrlReason::NotAUrl => "must be an absolute https URL",
        UrlReason::NotHttps => "must be an https URL",
        UrlReason::UserInfo => "must not contain a user name or a password",
        UrlReason::Port => "must use port 443, or a port from 1024",
        UrlReason::NotGlobal => "must lead to a public address",
    }
}

fn schedule_requirement(reason: ScheduleReason) -> Cow<'static, str> {
    Cow::Borrowed(match reason {
        ScheduleReason::UnknownZone => "must be an IANA time zone name, such as Europe/Berlin",
        ScheduleReason::MalformedStart => "must start at HH:MM from 00:00 to 23:59",
        ScheduleReason::MalformedEnd => "must end at HH:MM from 00:01 to 24:00",
        ScheduleReason::BackwardInterval => {
            "must start before it ends, with a night shift split at midnight into two days"
        }
        ScheduleReason::OverlappingInterval => "must not overlap another interval of its day",
        ScheduleReason::TooManyIntervals => {
            return format!("must have at most {MAX_INTERVALS_PER_DAY} intervals").into();
        }
        ScheduleReason::InvalidDate => "must be a date as YYYY-MM-DD",
        ScheduleReason::RepeatedDate => "must not repeat an earlier date",
        ScheduleReason::TooManyHolidays => {
            return format!("must have at most {MAX_HOLIDAYS} dates").into();
        }
        ScheduleReason::TooManyExceptions => {
            return format!("must have at most {MAX_EXCEPTIONS} dates").into();
        }
        ScheduleReason::NeverOpen => "must have open time on at least one weekday",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_instant_is_the_last_that_can_be_represented() {
        let latest = format!("must not be after {}", jiff::Timestamp::MAX);
        assert_eq!(LATEST_INSTANT, latest);
    }
}
