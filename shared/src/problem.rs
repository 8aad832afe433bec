//! Everything that can go wrong, without a word of HTTP or of any vendor's wording.

use std::borrow::Cow;
use std::error::Error;

use crate::domain::calendar::CalendarFault;
use crate::domain::id::RuleId;

/// Why a request was not answered as wished.
///
/// A new variant does not compile until both dialects have words for it.
#[derive(Debug)]
pub enum Problem {
    /// No credential, or one that is malformed, unknown, revoked or expired.
    Unauthenticated,
    /// The credential has used up its window.
    RateLimited {
        /// Seconds until it may try again.
        retry_after_seconds: u64,
    },
    /// A publishable key where a secret one is needed.
    SecretKeyRequired,
    /// The team in the path is not the key's.
    WrongTeam,
    /// The user may not do this.
    PermissionMissing,
    /// The workspace has not paid for this.
    PlanRequired,
    /// No such path.
    UnknownPath,
    /// The path is known, the method is not.
    MethodNotAllowed {
        /// The methods it has, as `Allow` lists them.
        allow: String,
    },
    /// No such resource, or none that this caller may know of.
    NotFound {
        /// What kind of resource.
        resource: Resource,
        /// The id as the caller gave it.
        id: String,
    },
    /// Nothing to delete: no such resource, or none that this caller may know of.
    NothingToDelete {
        /// What kind of resource.
        resource: Resource,
        /// The id as the caller gave it.
        id: String,
    },
    /// The resource is not the version that the caller wants to change.
    PreconditionFailed,
    /// Others changed it between reading and writing. [`crate::serve`] starts again.
    Overtaken,
    /// The idempotency key was used before, with another body.
    IdempotencyKeyReused,
    /// The list cannot be sorted so.
    InvalidSort {
        /// The order as the caller gave it.
        sort: String,
    },
    /// The body is not declared as what it has to be.
    UnsupportedMediaType {
        /// What it has to be, such as `application/json`.
        expected: &'static str,
    },
    /// The body is too large.
    BodyTooLarge {
        /// Bytes it may have.
        max: usize,
    },
    /// The body is not JSON, or says something twice.
    InvalidJson {
        /// What is wrong with it, without quoting it.
        reason: &'static str,
    },
    /// The body is JSON, but no object.
    NotAnObject,
    /// Members of the body break their rules; never empty.
    Invalid(Vec<Violation>),
    /// The policy's name or due time is another policy's.
    DuplicatePolicy,
    /// The team has as many of these as it may have.
    LimitExceeded {
        /// What kind of resource.
        resource: Resource,
        /// How many it may have.
        max: u32,
    },
    /// Rules name the calendar that was to be deleted; never empty.
    CalendarInUse {
        /// Those rules, oldest first.
        rules: Vec<RuleId>,
    },
    /// A calendar says more than it may.
    CalendarTooLarge {
        /// Bytes that its opening may have.
        max: usize,
    },
    /// A file of holidays cannot be read.
    InvalidHolidays {
        /// The line that is wrong, from 1.
        line: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A file of holidays gives none.
    NoHolidays {
        /// All-day events, none of which gives a date that counts.
        all_day_events: usize,
        /// Events with a time of day.
        timed_events: usize,
        /// Cancelled events of either kind.
        cancelled_events: usize,
    },
    /// A promise falls due later than anyone looks.
    DueDateOutOfReach,
    /// The table throttles, hangs or cannot be reached.
    Unavailable(Cause),
    /// A bug, or a table that answers what it should not.
    Internal(Cause),
}

impl Allowed {
    /// The id of a calendar that is there.
    pub const CALENDAR_ID: Allowed = Allowed::Must("must be the id of one of the team's calendars");
}

impl Problem {
    /// `calendarId` names no calendar of the team's.
    pub fn unknown_calendar() -> Problem {
        let allowed = Allowed::CALENDAR_ID;
        Problem::Invalid(vec![Violation {
            field: "calendarId".into(),
            fault: Fault::Low,
            allowed,
        }])
    }

    /// The problem's name in the log.
    pub fn name(&self) -> &'static str {
        match self {
            Problem::Unauthenticated => "unauthenticated",
            Problem::RateLimited { .. } => "rate_limited",
            Problem::SecretKeyRequired => "secret_key_required",
            Problem::WrongTeam => "wrong_team",
            Problem::PermissionMissing => "permission_missing",
            Problem::PlanRequired => "plan_required",
            Problem::UnknownPath => "unknown_path",
            Problem::MethodNotAllowed { .. } => "method_not_allowed",
            Problem::NotFound { .. } | Problem::NothingToDelete { .. } => "not_found",
            Problem::PreconditionFailed => "precondition_failed",
            Problem::Overtaken => "write_conflict",
            Problem::IdempotencyKeyReused => "idempotency_key_reused",
            Problem::InvalidSort { .. } => "invalid_sort",
            Problem::UnsupportedMediaType { .. } => "unsupported_media_type",
            Problem::BodyTooLarge { .. } => "body_too_large",
            Problem::InvalidJson { .. } | Problem::NotAnObject => "invalid_json",
            Problem::Invalid(_) => "invalid",
            Problem::DuplicatePolicy => "duplicate_policy",
            Problem::LimitExceeded { .. } => "limit_exceeded",
            Problem::CalendarInUse { .. } => "calendar_in_use",
            Problem::CalendarTooLarge { .. } => "calendar_too_large",
            Problem::InvalidHolidays { .. } => "invalid_holidays",
            Problem::NoHolidays { .. } => "no_holidays",
            Problem::DueDateOutOfReach => "due_date_out_of_reach",
            Problem::Unavailable(_) => "unavailable",
            Problem::Internal(_) => "internal",
        }
    }

    /// The same problem, met by somebody who wanted to delete.
    #[must_use]
    pub fn to_delete(self) -> Problem {
        match self {
            Problem::NotFound { resource, id } => Problem::NothingToDelete { resource, id },
            other => other,
        }
    }
}

/// What went wrong underneath. Logged once, never told.
pub type Cause = Box<dyn Error + Send + Sync>;

/// The kinds of things that have an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// A cStar SLA rule.
    Rule,
    /// A Rocket.Chat SLA policy.
    Policy,
    /// A team's calendar.
    Calendar,
    /// A date in a calendar without open time.
    Holiday,
}

/// One member of a body that breaks its rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The member's name.
    pub field: Cow<'static, str>,
    /// How it is broken.
    pub fault: Fault,
    /// What would have been accepted.
    pub allowed: Allowed,
}

/// How a member breaks its rule. In the order in which Ajv looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Required, but absent.
    Missing,
    /// Present, but nobody knows it.
    Unknown,
    /// Of another type.
    Type,
    /// Of the right type, but out of bounds below (or, of a word, not among those allowed).
    Low,
    /// Of the right type, but out of bounds above.
    High,
}

/// What a member may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// Text of so many characters.
    Text {
        /// Fewest.
        min: usize,
        /// Most.
        max: usize,
    },
    /// An integer.
    Integer {
        /// Least.
        min: u32,
        /// Greatest.
        max: u32,
    },
    /// A number, not below zero.
    Number,
    /// So many visible ASCII characters.
    VisibleAscii {
        /// Most.
        max: usize,
    },
    /// `true` or `false`.
    Boolean,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// An integer not below another member's.
    AtLeastField {
        /// The other member's name.
        field: &'static str,
        /// Its value.
        value: u32,
    },
    /// Whatever this fault of a calendar says it must be.
    InCalendar(CalendarFault),
    /// What these words say it must be: they begin with "must".
    Must(&'static str),
    /// Nothing: the member should not be there.
    Nothing,
}
