//! The parameters of reports: which days, in which time zone, and what the rows stand for.

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};

use crate::domain::calendar::ScheduleReason;
use crate::domain::report::{FIRST_DAY, GroupBy, LAST_DAY, ReportZone, Span, SpanError};
use crate::list_query::one;
use crate::problem::{Problem, Reason, TeamReason};

/// The days of a report when the client does not say how many.
const DEFAULT_DAYS: i64 = 30;

/// What a client wants a report of.
#[derive(Debug)]
pub struct ReportQuery {
    /// The days.
    pub span: Span,
    /// What the rows stand for.
    pub group_by: GroupBy,
}

impl ReportQuery {
    /// Reads a query string.
    pub fn read(query: &str, now: Timestamp) -> Result<ReportQuery, Problem> {
        let group_by = match one(query, "groupBy") {
            None => GroupBy::Day,
            Some(word) => GroupBy::parse(&word)
                .ok_or_else(|| invalid("groupBy", TeamReason::NotOneOf(GroupBy::WORDS)))?,
        };
        let span = span(query, now)?;
        Ok(ReportQuery { span, group_by })
    }
}

/// The days from `from` to `to` in `timeZone`: unless given, in UTC, up to today, and thirty in all.
pub(super) fn span(query: &str, now: Timestamp) -> Result<Span, Problem> {
    let zone = match one(query, "timeZone") {
        None => ReportZone::utc(),
        Some(name) => ReportZone::named(&name).ok_or_else(|| {
            invalid(
                "timeZone",
                TeamReason::Schedule(ScheduleReason::UnknownZone),
            )
        })?,
    };
    let to = date(query, "to")?.unwrap_or_else(|| zone.date(now));
    let from = date(query, "from")?;
    let from = from.unwrap_or_else(|| to.saturating_sub((DEFAULT_DAYS - 1).days()));
    Span::new(from, to, zone).map_err(|error| {
        invalid(
            "to",
            match error {
                SpanError::Reversed => TeamReason::BeforeFrom,
                SpanError::TooLong => TeamReason::TooManyDays,
            },
        )
    })
}

fn date(query: &str, name: &'static str) -> Result<Option<Date>, Problem> {
    let Some(text) = one(query, name) else {
        return Ok(None);
    };
    // `jiff` reads more than that.
    let date = text.parse::<Date>().ok();
    let date = date.filter(|date| date.to_string() == *text);
    let not_a_date = || invalid(name, TeamReason::Schedule(ScheduleReason::InvalidDate));
    let date = date.ok_or_else(not_a_date)?;
    if (FIRST_DAY..=LAST_DAY).contains(&date) {
        Ok(Some(date))
    } else {
        Err(invalid(name, TeamReason::NotReported))
    }
}

fn invalid(name: &'static str, reason: TeamReason) -> Problem {
    Problem::invalid(name, Reason::Team(reason))
}
