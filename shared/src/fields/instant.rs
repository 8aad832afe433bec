//! Instants, as clients write them: RFC 3339 with an offset from UTC.

use jiff::Timestamp;
use jiff::fmt::temporal::Pieces;
use serde_json::Value;

use crate::fields::Fields;
use crate::problem::{Reason, TeamReason};

/// Reads a member.
pub(super) fn member(fields: &mut Fields, field: &'static str, value: &Value) -> Option<Timestamp> {
    let instant = value.as_str().ok_or(TeamReason::NotAnInstant);
    match instant.and_then(parse) {
        Ok(instant) => Some(instant),
        Err(reason) => fields.refuse(field, Reason::Team(reason)),
    }
}

/// Reads an instant, or says what is wrong with it.
pub fn parse(text: &str) -> Result<Timestamp, TeamReason> {
    if !is_rfc3339(text) {
        return Err(TeamReason::NotAnInstant);
    }
    text.parse().map_err(|_| {
        // Date, time and offset are valid, and RFC 3339 cannot write a year that is too early.
        if Pieces::parse(text).is_ok() {
            TeamReason::InstantTooLate
        } else {
            TeamReason::NotAnInstant
        }
    })
}

/// Whether a text has the form of RFC 3339's `date-time`, with at most nine digits of a fraction.
/// `jiff` reads more than that: forms that other programs do not understand, and parts that it ignores.
fn is_rfc3339(text: &str) -> bool {
    let digits_as_zero = |c: char| {
        if c.is_ascii_digit() {
            '0'
        } else {
            c.to_ascii_uppercase()
        }
    };
    let form: String = text.chars().map(digits_as_zero).collect();
    let Some(rest) = form.strip_prefix("0000-00-00T00:00:00") else {
        return false;
    };
    let offset = match rest.strip_prefix('.') {
        None => rest,
        Some(fraction) => {
            let offset = fraction.trim_start_matches('0');
            if !(1..=9).contains(&(fraction.len() - offset.len())) {
                return false;
            }
            offset
        }
    };
    let hours = text
        .get(text.len().saturating_sub(5)..)
        .and_then(|end| end.get(..2));
    let within_a_day = || {
        hours
            .and_then(|hours| hours.parse::<u8>().ok())
            .is_some_and(|hours| hours < 24)
    };
    match offset {
        "Z" => true,
        "+00:00" | "-00:00" => within_a_day(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_that_do_not_exist_and_instants_that_are_too_late_differ() {
        for (text, refused) in [
            ("9999-12-30T22:00:00.999999999Z", None),
            ("9999-12-30T22:00:01Z", Some(TeamReason::InstantTooLate)),
            (
                "9999-12-31T23:59:59+23:59",
                Some(TeamReason::InstantTooLate),
            ),
            ("9999-12-31T23:59:60Z", Some(TeamReason::InstantTooLate)),
            ("9999-12-31T24:00:00Z", Some(TeamReason::NotAnInstant)),
            ("9999-12-32T00:00:00Z", Some(TeamReason::NotAnInstant)),
            ("9999-12-31T00:00:00+00:60", Some(TeamReason::NotAnInstant)),
            ("0000-01-01T00:00:00+23:59", None),
        ] {
            assert_eq!(parse(text).err(), refused, "{text}");
        }
    }
}
