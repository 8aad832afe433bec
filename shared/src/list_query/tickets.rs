//! The parameters of tickets. Other parameters are ignored, as everywhere in this dialect.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;

use crate::domain::clock::{Clock, Metric, Status};
use crate::domain::ticket::Ticket;
use crate::fields::instant;
use crate::list_query::{limit, one, words};
use crate::problem::{Problem, Reason, TeamReason};

const STATES: &[&str] = &["open", "paused", "resolved", "cancelled"];
/// The states of tickets that are still worked on.
const OPEN: [&str; 2] = ["open", "paused"];
const STATUSES: &[&str] = &[
    "idle",
    "active",
    "warning",
    "paused",
    "breached",
    "achieved",
    "cancelled",
];

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
    /// Where the list starts.
    pub start: Cursor,
    states: Vec<&'static str>,
    statuses: Vec<&'static str>,
    metric: Option<Metric>,
}

/// A place in the list of a team's tickets: first the open ones, then the closed ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    is_open: bool,
    /// The sort key of the last ticket before it; `None` at the start.
    after: Option<String>,
}

impl Cursor {
    /// The start of the open tickets.
    pub fn open() -> Cursor {
        Cursor {
            is_open: true,
            after: None,
        }
    }

    /// The start of the closed tickets.
    pub fn closed() -> Cursor {
        Cursor {
            is_open: false,
            after: None,
        }
    }

    /// The place behind a sort key, on the same side.
    #[must_use]
    pub fn moved(&self, after: String) -> Cursor {
        Cursor {
            is_open: self.is_open,
            after: Some(after),
        }
    }

    /// Whether it is a place among the open tickets.
    pub fn is_open(&self) -> bool {
        self.is_open
    }

    /// The sort key behind which it is; `None` at the start.
    pub fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// The cursor as clients see it.
    pub fn encode(&self) -> String {
        let side = if self.is_open { "o" } else { "c" };
        URL_SAFE_NO_PAD.encode(format!("{side}{}", self.after().unwrap_or_default()))
    }

    /// A text is not a cursor.
    pub fn invalid() -> Problem {
        Problem::invalid("cursor", Reason::Team(TeamReason::NotACursor))
    }

    /// Reads a place among the open tickets.
    pub fn parse_open(text: &str) -> Result<Cursor, Problem> {
        let cursor = Cursor::parse(text)?;
        if cursor.is_open() {
            Ok(cursor)
        } else {
            Err(Cursor::invalid())
        }
    }

    fn parse(text: &str) -> Result<Cursor, Problem> {
        let bytes = URL_SAFE_NO_PAD.decode(text);
        let text = bytes.ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let text = text.ok_or_else(Cursor::invalid)?;
        let (side, after) = text.split_at_checked(1).ok_or_else(Cursor::invalid)?;
        Ok(Cursor {
            is_open: match side {
                "o" => true,
                "c" => false,
                _ => return Err(Cursor::invalid()),
            },
            after: (!after.is_empty()).then(|| after.to_owned()),
        })
    }
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
        let mut states = words(query, "state", STATES)?;
        if states.is_empty() {
            states.extend(OPEN);
        }
        let metric = match words(query, "metric", Metric::WORDS)?.as_slice() {
            [] => None,
            [word] => Metric::parse(word),
            _ => {
                let reason = TeamReason::NotOneOf(Metric::WORDS);
                return Err(Problem::invalid("metric", Reason::Team(reason)));
            }
        };
        Ok(TicketListQuery {
            limit: limit(query)?,
            start: match one(query, "cursor") {
                Some(cursor) => Cursor::parse(&cursor)?,
                None if states.iter().any(|state| OPEN.contains(state)) => Cursor::open(),
                None => Cursor::closed(),
            },
            states,
            statuses: words(query, "status", STATUSES)?,
            metric,
        })
    }

    /// Whether tickets that are resolved or cancelled are wanted.
    pub fn wants_closed(&self) -> bool {
        self.states.iter().any(|state| !OPEN.contains(state))
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
