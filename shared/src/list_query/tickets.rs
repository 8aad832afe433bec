//! The parameters of tickets. Other parameters are ignored, as everywhere in this dialect.

use std::borrow::Cow;

use jiff::Timestamp;

use crate::domain::clock::{Clock, Metric, State, Status};
use crate::domain::ticket::Ticket;
use crate::fields::instant;
use crate::problem::{Problem, Reason, TeamReason};

/// Rows in a response when the client does not say how many.
const DEFAULT_LIMIT: usize = 50;
/// The most rows in a response.
pub const MAX_LIMIT: u32 = 100;

const STATES: &[&str] = &["open", "paused", "resolved", "cancelled"];
const STATUSES: &[&str] = &[
    "idle",
    "active",
    "warning",
    "paused",
    "breached",
    "achieved",
    "cancelled",
];
const METRICS: &[&str] = &["firstResponse", "nextResponse", "resolution"];

/// What a client wants to see of one ticket.
#[derive(Clone, Copy, Debug)]
pub struct TicketQuery {
    /// The instant at which it is looked at.
    pub as_of: Timestamp,
    /// Whether its events are wanted.
    pub events: bool,
    /// Whether the open periods that count are wanted.
    pub trace: bool,
}

/// Which tickets a client wants to see.
#[derive(Debug)]
pub struct TicketListQuery {
    /// The most rows.
    pub limit: usize,
    /// Where the list continues, as the client gave it.
    pub cursor: Option<String>,
    states: Vec<&'static str>,
    statuses: Vec<&'static str>,
    metric: Option<Metric>,
}

impl TicketQuery {
    /// Reads a query string. Without `asOf`, the ticket is looked at now.
    pub fn read(query: &str, now: Timestamp) -> Result<TicketQuery, Problem> {
        let as_of = match one(query, "asOf") {
            None => now,
            Some(text) => instant::parse(&text)
                .map_err(|reason| Problem::invalid("asOf", Reason::Team(reason)))?,
        };
        Ok(TicketQuery {
            as_of,
            events: boolean(query, "events")?,
            trace: boolean(query, "trace")?,
        })
    }

    /// Refuses an instant before the creation of the ticket.
    pub fn check(&self, ticket: &Ticket) -> Result<(), Problem> {
        if self.as_of < ticket.created_at {
            let reason = TeamReason::BeforeCreatedAt;
            return Err(Problem::invalid("asOf", Reason::Team(reason)));
        }
        Ok(())
    }
}

impl TicketListQuery {
    /// Reads a query string. Without `state`, the list has the tickets that are open or paused.
    pub fn read(query: &str) -> Result<TicketListQuery, Problem> {
        let states = words(query, "state", STATES)?;
        let metric = match words(query, "metric", METRICS)?.as_slice() {
            [] => None,
            ["firstResponse"] => Some(Metric::FirstResponse),
            ["nextResponse"] => Some(Metric::NextResponse),
            ["resolution"] => Some(Metric::Resolution),
            _ => {
                let reason = TeamReason::NotOneOf(METRICS);
                return Err(Problem::invalid("metric", Reason::Team(reason)));
            }
        };
        let limit = match one(query, "limit") {
            None => DEFAULT_LIMIT,
            Some(text) => {
                let limit = text
                    .parse()
                    .ok()
                    .filter(|limit| (1..=MAX_LIMIT).contains(limit));
                let limit = limit.ok_or_else(|| {
                    let (min, max) = (1, MAX_LIMIT);
                    let reason = TeamReason::NotAnInteger { min, max };
                    Problem::invalid("limit", Reason::Team(reason))
                })?;
                usize::try_from(limit).unwrap_or(DEFAULT_LIMIT)
            }
        };
        Ok(TicketListQuery {
            limit,
            cursor: one(query, "cursor").map(Cow::into_owned),
            states: if states.is_empty() {
                vec!["open", "paused"]
            } else {
                states
            },
            statuses: words(query, "status", STATUSES)?,
            metric,
        })
    }

    /// Whether tickets that are open or paused are wanted.
    pub fn wants_open(&self) -> bool {
        self.states
            .iter()
            .any(|state| ["open", "paused"].contains(state))
    }

    /// Whether tickets that are resolved or cancelled are wanted.
    pub fn wants_closed(&self) -> bool {
        let closed = [State::Resolved.as_str(), State::Cancelled.as_str()];
        self.states.iter().any(|state| closed.contains(state))
    }

    /// Whether a ticket is wanted.
    pub fn matches(&self, ticket: &Ticket, now: Timestamp) -> bool {
        let clock = ticket.at(now);
        self.states.contains(&clock.state().as_str()) && self.has_status(&clock, now)
    }

    fn has_status(&self, clock: &Clock, now: Timestamp) -> bool {
        if self.statuses.is_empty() {
            return true;
        }
        let mut metrics = Metric::ALL
            .into_iter()
            .filter(|metric| self.metric.is_none_or(|wanted| wanted == *metric));
        metrics.any(|metric| {
            let standing = clock.standing(metric, now);
            let status = standing.map_or(Status::Idle, |standing| standing.status);
            self.statuses.contains(&status.as_str())
        })
    }
}

/// The last value of a parameter.
fn one<'a>(query: &'a str, name: &str) -> Option<Cow<'a, str>> {
    let given = form_urlencoded::parse(query.as_bytes());
    given
        .filter(|(given, _)| given == name)
        .map(|(_, value)| value)
        .last()
}

fn boolean(query: &str, name: &'static str) -> Result<bool, Problem> {
    match one(query, name).as_deref() {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(Problem::invalid(
            name,
            Reason::Team(TeamReason::NotABoolean),
        )),
    }
}

/// Words out of a few, with commas; none if the parameter is absent.
fn words(
    query: &str,
    name: &'static str,
    words: &'static [&'static str],
) -> Result<Vec<&'static str>, Problem> {
    let Some(given) = one(query, name) else {
        return Ok(Vec::new());
    };
    let known = |word: &str| words.iter().find(|known| **known == word).copied();
    let found: Option<Vec<_>> = given.split(',').map(known).collect();
    found.ok_or_else(|| Problem::invalid(name, Reason::Team(TeamReason::NotSomeOf(words))))
}
