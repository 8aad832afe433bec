//! What a client wants of a list: which rows, in which order, and as of when.

pub mod deliveries;
pub mod notices;
pub mod policies;
pub mod tickets;

use std::borrow::Cow;

use crate::problem::{Problem, Reason, TeamReason};

/// Rows in a page of a team's list when the client does not say how many.
const DEFAULT_LIMIT: usize = 50;
/// The most rows in a page of a team's list.
pub const MAX_LIMIT: u32 = 100;

/// The last value of a parameter.
fn one<'a>(query: &'a str, name: &str) -> Option<Cow<'a, str>> {
    let given = form_urlencoded::parse(query.as_bytes());
    given
        .filter(|(given, _)| given == name)
        .map(|(_, value)| value)
        .last()
}

/// The most rows of a page of a team's list.
fn limit(query: &str) -> Result<usize, Problem> {
    let Some(text) = one(query, "limit") else {
        return Ok(DEFAULT_LIMIT);
    };
    let limit = text
        .parse()
        .ok()
        .filter(|limit| (1..=MAX_LIMIT).contains(limit));
    let limit = limit.ok_or_else(|| {
        let (min, max) = (1, MAX_LIMIT);
        let reason = TeamReason::NotAnInteger { min, max };
        Problem::invalid("limit", Reason::Team(reason))
    })?;
    Ok(usize::try_from(limit).unwrap_or(DEFAULT_LIMIT))
}
