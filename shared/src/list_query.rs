//! What a client wants of a list: which rows, in which order, and as of when.

pub mod cycles;
pub mod deliveries;
pub mod notices;
pub mod policies;
pub mod reports;
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
    limit_up_to(query, MAX_LIMIT, DEFAULT_LIMIT)
}

/// The most rows of a page of a list with other bounds.
fn limit_up_to(query: &str, max: u32, default: usize) -> Result<usize, Problem> {
    let Some(text) = one(query, "limit") else {
        return Ok(default);
    };
    let limit = text.parse().ok().filter(|limit| (1..=max).contains(limit));
    let limit = limit.ok_or_else(|| {
        let min = 1;
        let reason = TeamReason::NotAnInteger { min, max };
        Problem::invalid("limit", Reason::Team(reason))
    })?;
    Ok(usize::try_from(limit).unwrap_or(default))
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
