//! Everything that can go wrong, without a word of HTTP or of any product's wording.

use std::borrow::Cow;
use std::error::Error;

use crate::domain::calendar::ScheduleReason;
use crate::domain::deadline::DeadlineError;
use crate::domain::id::RuleId;
use crate::domain::ticket::MAX_EVENTS;
use crate::domain::webhook_url::UrlReason;

/// Why a request is not answered as the client wishes.
///
/// Each dialect matches its own problems and the shared ones exhaustively, so a new variant does not
/// compile until it has wording wherever it can occur.
#[derive(Debug)]
pub enum Problem {
    /// No credential, or one that is malformed, unknown, revoked or expired.
    Unauthenticated,
    /// The credential has reached its limit in this window.
    RateLimited {
        /// Seconds until it may try again.
        retry_after_seconds: u64,
    },
    /// No endpoint has this path.
    UnknownPath,
    /// Endpoints have this path, but not with this method.
    MethodNotAllowed {
        /// The methods that the path allows, as `Allow` lists them.
        allow: String,
    },
    /// No such resource, or none that this caller may know of.
    NotFound {
        /// The kind of resource.
        resource: Resource,
        /// The id as the caller gave it.
        id: String,
    },
    /// The body is too large.
    BodyTooLarge {
        /// The most bytes it may have.
        max: usize,
    },
    /// The body is not a JSON object.
    NotAnObject,
    /// Members of the body violate the contract; never empty.
    Invalid(Vec<Violation>),
    /// The team has as many of these as it may have.
    LimitExceeded {
        /// The kind of resource.
        resource: Resource,
        /// The most it may have.
        max: u32,
    },
    /// Someone else changed the item between reading and writing. [`crate::serve`] starts again.
    WriteConflict,
    /// The table throttles, hangs or cannot be reached.
    Unavailable(Cause),
    /// A bug, or a response from the table that makes no sense.
    Internal(Cause),
    /// A problem that only endpoints under `/api/v1/teams` can have.
    Team(TeamProblem),
    /// A problem that only Rocket.Chat's endpoints can have.
    Workspace(WorkspaceProblem),
}

/// A problem that only endpoints under `/api/v1/teams` can have: cStar's and the native ones.
#[derive(Debug)]
pub enum TeamProblem {
    /// A publishable key where a secret one is required.
    SecretKeyRequired,
    /// The team in the path is not the key's.
    WrongTeam,
    /// The resource does not have the version that `If-Match` names.
    PreconditionFailed,
    /// The idempotency key was used before, with another body.
    IdempotencyKeyReused,
    /// The body is not declared as what it has to be.
    UnsupportedMediaType {
        /// What it has to be, such as `application/json`.
        expected: &'static str,
    },
    /// The body is not JSON, or has a member twice.
    InvalidJson(JsonReason),
    /// Rules use the calendar that was to be deleted; never empty.
    CalendarInUse {
        /// Those rules, oldest first.
        rules: Vec<RuleId>,
    },
    /// A calendar's hours, holidays and exceptions are too large.
    CalendarTooLarge {
        /// The most bytes they may have as JSON.
        max: usize,
    },
    /// A holiday file cannot be read.
    InvalidHolidays {
        /// The number of the line that is wrong, from 1.
        line: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A holiday file has no holidays.
    NoHolidays {
        /// All-day events, none of which has a date that counts.
        all_day_events: usize,
        /// Events with a time of day.
        timed_events: usize,
        /// Cancelled events of either kind.
        cancelled_events: usize,
    },
    /// A ticket with this id exists, and was created with another body.
    TicketExists,
    /// An event lies more than five minutes ahead.
    EventInFuture {
        /// The path of the member.
        field: String,
    },
    /// A target would fall due later than is searched for.
    DueDateOutOfReach,
    /// A delivery cannot be attempted, since its webhook is disabled.
    WebhookDisabled,
}

/// A problem that only Rocket.Chat's endpoints can have.
#[derive(Debug)]
pub enum WorkspaceProblem {
    /// The user lacks the permission.
    PermissionMissing,
    /// The workspace's plan does not include this.
    PlanRequired,
    /// There is nothing to delete: no such policy, or none that this caller may know of.
    NothingToDelete {
        /// The id as the caller gave it.
        id: String,
    },
    /// The policy's name or due time is in use.
    DuplicatePolicy,
    /// A room is not named.
    RoomIdRequired,
    /// No open or paused ticket has the id of the room.
    InvalidInquiry,
    /// No policy has this id or name.
    InvalidSla,
    /// The list cannot be sorted in this order.
    InvalidSort {
        /// The order as the caller gave it.
        sort: String,
    },
    /// A parameter of the query violates the contract.
    InvalidQuery(QueryReason),
}

/// What went wrong underneath. It is logged once and never sent.
pub type Cause = Box<dyn Error + Send + Sync>;

/// The kinds of resources, and of what they consist of, that can be missing or too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// A cStar SLA rule.
    Rule,
    /// A Rocket.Chat SLA policy.
    Policy,
    /// A team's calendar.
    Calendar,
    /// A holiday in a calendar.
    Holiday,
    /// A ticket.
    Ticket,
    /// An event of a ticket.
    Event,
    /// A webhook.
    Webhook,
    /// A delivery of a notice to a webhook.
    Delivery,
}

/// Why a body is not acceptable JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonReason {
    /// It is not JSON.
    Malformed,
    /// It ends too early.
    Incomplete,
    /// An object has the same member twice.
    RepeatedMember,
}

/// Why a query parameter is not acceptable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueryReason {
    /// There is no such parameter.
    Unknown,
    /// It is given more than once.
    Repeated,
    /// It is not a number.
    NotANumber,
    /// It is below zero.
    Negative,
}

/// One member of a body that violates the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The path of the member, such as `name` or `hours.monday[1]`.
    pub field: Cow<'static, str>,
    /// What is wrong with it.
    pub reason: Reason,
}

/// What is wrong with a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It is required, but absent.
    Missing,
    /// There is no such member.
    Unknown,
    /// It is not a text of so many characters.
    Text {
        /// The fewest characters.
        min: usize,
        /// The most characters.
        max: usize,
        /// How it differs from that.
        mismatch: Mismatch,
    },
    /// It is not an integer within these bounds.
    Integer {
        /// The smallest allowed.
        min: u32,
        /// The largest allowed.
        max: u32,
        /// How it differs from that.
        mismatch: Mismatch,
    },
    /// Something that only endpoints under `/api/v1/teams` check.
    Team(TeamReason),
}

/// How a value differs from a type with bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// It has another type.
    WrongType,
    /// It is below the lower bound.
    BelowMin,
    /// It is above the upper bound.
    AboveMax,
}

/// What is wrong with a member, in a way that only endpoints under `/api/v1/teams` check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TeamReason {
    /// It is neither `true` nor `false`.
    NotABoolean,
    /// It is not one of these words.
    NotOneOf(&'static [&'static str]),
    /// It is less than another member.
    LessThan {
        /// The other member's name.
        field: &'static str,
        /// The other member's value.
        value: u32,
    },
    /// It is not a text of at least one and at most so many visible ASCII characters.
    NotVisibleAscii {
        /// The most characters.
        max: usize,
    },
    /// It is not the id of one of the team's calendars.
    UnknownCalendar,
    /// It is not the id of one of the team's rules.
    UnknownRule,
    /// It is not an id that a client may choose.
    NotAClientId,
    /// It is not a list of at most a hundred events.
    NotEvents,
    /// It is not an object with a type.
    NotAnEvent,
    /// It belongs to another type of event.
    BelongsTo {
        /// That type.
        event: &'static str,
    },
    /// It is not an integer within these bounds.
    NotAnInteger {
        /// The smallest allowed.
        min: u32,
        /// The largest allowed.
        max: u32,
    },
    /// It is not a list of some of these words, with commas.
    NotSomeOf(&'static [&'static str]),
    /// It is not a list of at most [`MAX_ESCALATIONS`](crate::domain::plan::MAX_ESCALATIONS) objects.
    NotEscalations,
    /// It stands in the list before.
    Repeated,
    /// It is not a webhook's URL, for this reason.
    NotAWebhookUrl(UrlReason),
    /// It is not a list of types of notices.
    NotNoticeTypes,
    /// It is not the id of a notice.
    NotANoticeId,
    /// It is not a cursor of this list.
    NotACursor,
    /// It belongs to a dry run.
    OnlyInADryRun,
    /// It is not an object with rules or calendars.
    NotADraft,
    /// It is not an object.
    NotAnObject,
    /// It is not a list of objects.
    NotDrafts {
        /// The most of them.
        max: u32,
    },
    /// It is a day of which there are no reports.
    NotReported,
    /// It is a day before `from`.
    BeforeFrom,
    /// There are more days from `from` to it than a report may have.
    TooManyDays,
    /// It makes no schedule.
    Schedule(ScheduleReason),
    /// It is not an object of weekdays.
    NotAWeek,
    /// It is not a list of intervals.
    NotADay,
    /// It is not a start and an end.
    NotAnInterval,
    /// It is not a list of dates.
    NotHolidays,
    /// It is not an object of dates.
    NotExceptions,
    /// It is not an object with a time zone and hours.
    NotACalendar,
    /// It is not an instant in the form of RFC 3339.
    NotAnInstant,
    /// It is an instant after [`jiff::Timestamp::MAX`].
    InstantTooLate,
    /// It is an instant before `createdAt`.
    BeforeCreatedAt,
    /// It contradicts `responseTarget` and `resolutionTarget`.
    TargetsGiven,
    /// It contradicts `calendar`.
    CalendarGiven,
}

impl Problem {
    /// One member violates the contract.
    pub fn invalid(field: &'static str, reason: Reason) -> Problem {
        Problem::Invalid(vec![Violation {
            field: field.into(),
            reason,
        }])
    }

    /// A draft names a calendar that is not one of the team's.
    pub fn unknown_calendar_in(field: String) -> Problem {
        Problem::Invalid(vec![Violation {
            field: field.into(),
            reason: Reason::Team(TeamReason::UnknownCalendar),
        }])
    }

    /// `calendarId` is not the id of one of the team's calendars.
    pub fn unknown_calendar() -> Problem {
        Problem::invalid("calendarId", Reason::Team(TeamReason::UnknownCalendar))
    }

    /// A ticket would have more than [`MAX_EVENTS`].
    pub fn too_many_events() -> Problem {
        Problem::LimitExceeded {
            resource: Resource::Event,
            max: u32::try_from(MAX_EVENTS).unwrap_or(u32::MAX),
        }
    }

    /// A member is not the id of one of the team's rules.
    pub fn unknown_rule(field: String) -> Problem {
        Problem::Invalid(vec![Violation {
            field: field.into(),
            reason: Reason::Team(TeamReason::UnknownRule),
        }])
    }

    /// A due date cannot be computed.
    pub fn without_due_date(error: DeadlineError) -> Problem {
        match error {
            DeadlineError::BeyondSearch | DeadlineError::BeyondTime => {
                Problem::Team(TeamProblem::DueDateOutOfReach)
            }
            DeadlineError::TargetNegative => Problem::Internal(Box::new(error)),
        }
    }

    /// What went wrong underneath; the problem itself if nothing did.
    pub fn into_cause(self) -> Cause {
        match self {
            Problem::Unavailable(cause) | Problem::Internal(cause) => cause,
            other => format!("{other:?}").into(),
        }
    }

    /// The problem's name in the log.
    pub fn name(&self) -> &'static str {
        match self {
            Problem::Unauthenticated => "unauthenticated",
            Problem::RateLimited { .. } => "rate_limited",
            Problem::UnknownPath => "unknown_path",
            Problem::MethodNotAllowed { .. } => "method_not_allowed",
            Problem::NotFound { .. } => "not_found",
            Problem::BodyTooLarge { .. } => "body_too_large",
            Problem::NotAnObject => "invalid_json",
            Problem::Invalid(_) => "invalid",
            Problem::LimitExceeded { .. } => "limit_exceeded",
            Problem::WriteConflict => "write_conflict",
            Problem::Unavailable(_) => "unavailable",
            Problem::Internal(_) => "internal",
            Problem::Team(problem) => problem.name(),
            Problem::Workspace(problem) => problem.name(),
        }
    }
}

impl TeamProblem {
    fn name(&self) -> &'static str {
        match self {
            TeamProblem::SecretKeyRequired => "secret_key_required",
            TeamProblem::WrongTeam => "wrong_team",
            TeamProblem::PreconditionFailed => "precondition_failed",
            TeamProblem::IdempotencyKeyReused => "idempotency_key_reused",
            TeamProblem::UnsupportedMediaType { .. } => "unsupported_media_type",
            TeamProblem::InvalidJson(_) => "invalid_json",
            TeamProblem::CalendarInUse { .. } => "calendar_in_use",
            TeamProblem::CalendarTooLarge { .. } => "calendar_too_large",
            TeamProblem::InvalidHolidays { .. } => "invalid_holidays",
            TeamProblem::NoHolidays { .. } => "no_holidays",
            TeamProblem::TicketExists => "ticket_exists",
            TeamProblem::EventInFuture { .. } => "event_in_future",
            TeamProblem::DueDateOutOfReach => "due_date_out_of_reach",
            TeamProblem::WebhookDisabled => "webhook_disabled",
        }
    }
}

impl WorkspaceProblem {
    fn name(&self) -> &'static str {
        match self {
            WorkspaceProblem::PermissionMissing => "permission_missing",
            WorkspaceProblem::PlanRequired => "plan_required",
            WorkspaceProblem::NothingToDelete { .. } => "not_found",
            WorkspaceProblem::DuplicatePolicy => "duplicate_policy",
            WorkspaceProblem::RoomIdRequired => "room_id_required",
            WorkspaceProblem::InvalidInquiry => "invalid_inquiry",
            WorkspaceProblem::InvalidSla => "invalid_sla",
            WorkspaceProblem::InvalidSort { .. } => "invalid_sort",
            WorkspaceProblem::InvalidQuery(_) => "invalid",
        }
    }
}
