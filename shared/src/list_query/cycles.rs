//! The parameters of the facts behind reports.

use std::str::FromStr as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jiff::civil::Date;

use crate::domain::clock::Metric;
use crate::domain::clock::fact::{CycleFact, Outcome};
use crate::domain::id::TicketId;
use crate::domain::priority::Priority;
use crate::domain::report::Span;
use crate::domain::report::summary::Day;
use crate::list_query::{DEFAULT_LIMIT, limit_up_to, one, reports, words};
use crate::problem::{Problem, Reason, TeamReason};

/// The most rows of a page. They are small, and a spreadsheet wants many.
const MAX_LIMIT: u32 = 1_000;

/// Which facts a client wants to see.
#[derive(Debug)]
pub struct CycleListQuery {
    /// The days.
    pub span: Span,
    /// The most rows.
    pub limit: usize,
    /// Where the list starts; `None` for its beginning.
    pub start: Option<CyclePlace>,
    metric: Option<Metric>,
    outcomes: Vec<&'static str>,
    priority: Option<Priority>,
    /// Any text: no fact has a rule whose id cannot be.
    rule: Option<String>,
}

/// A place in the list of a team's facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CyclePlace {
    /// The day of UTC.
    pub day: Day,
    /// A ticket with facts on that day.
    pub ticket: TicketId,
    /// How many of these facts lie before the place; `None` if all of them do.
    pub before: Option<usize>,
}

impl CycleListQuery {
    /// Reads a query string.
    pub fn read(query: &str, now: Timestamp) -> Result<CycleListQuery, Problem> {
        let span = reports::span(query, now)?;
        let start = match one(query, "cursor") {
            None => None,
            Some(cursor) => Some(CyclePlace::parse(&cursor, &span)?),
        };
        Ok(CycleListQuery {
            span,
            start,
            limit: limit_up_to(query, MAX_LIMIT, DEFAULT_LIMIT)?,
            metric: word(query, "metric", Metric::WORDS, Metric::parse)?,
            outcomes: words(query, "status", Outcome::WORDS)?,
            priority: word(query, "priority", Priority::WORDS, Priority::parse)?,
            rule: one(query, "ruleId").map(|rule| rule.into_owned()),
        })
    }

    /// Whether a fact is wanted.
    pub fn wants(&self, fact: &CycleFact) -> bool {
        self.span.contains(fact.counted_at)
            && self.metric.is_none_or(|metric| metric == fact.metric)
            && (self.outcomes.is_empty() || self.outcomes.contains(&fact.outcome.as_str()))
            && self.priority.is_none_or(|wanted| wanted == fact.priority)
            && (self.rule.as_deref()).is_none_or(|wanted| wanted == fact.planned_by.id())
    }
}

impl CyclePlace {
    /// The place as clients see it.
    pub fn encode(&self) -> String {
        let before = self.before.map(|before| before.to_string());
        let before = before.unwrap_or_default();
        URL_SAFE_NO_PAD.encode(format!("{}#{}#{before}", self.day.date(), self.ticket))
    }

    fn parse(text: &str, span: &Span) -> Result<CyclePlace, Problem> {
        let invalid = || Problem::invalid("cursor", Reason::Team(TeamReason::NotACursor));
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| invalid())?;
        let text = String::from_utf8(bytes).map_err(|_| invalid())?;
        let mut parts = text.split('#');
        let mut part = || parts.next().ok_or_else(invalid);
        let (day, ticket, before) = (part()?, part()?, part()?);
        let day = Date::from_str(day).ok().and_then(Day::of_date);
        let (first, last) = span.days();
        // A place outside the span is one of another list.
        let day = day.filter(|day| (first..=last).contains(day));
        let before = match before {
            "" => None,
            number => Some(number.parse().map_err(|_| invalid())?),
        };
        Ok(CyclePlace {
            day: day.ok_or_else(invalid)?,
            ticket: TicketId::parse(ticket).ok_or_else(invalid)?,
            before,
        })
    }
}

/// One of a few words, if the parameter is there.
fn word<T>(
    query: &str,
    name: &'static str,
    words: &'static [&'static str],
    parse: fn(&str) -> Option<T>,
) -> Result<Option<T>, Problem> {
    let Some(given) = one(query, name) else {
        return Ok(None);
    };
    let unknown = || Problem::invalid(name, Reason::Team(TeamReason::NotOneOf(words)));
    parse(&given).ok_or_else(unknown).map(Some)
}
