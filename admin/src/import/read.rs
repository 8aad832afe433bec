//! Reads members of other products' JSON, and builds hours.

use serde_json::{Value, json};
use shared::domain::calendar::WEEKDAYS;

use super::{Members, Target};

/// The minutes of a day.
pub const MINUTES_PER_DAY: u64 = 1_440;

/// A member that is a text; empty if there is none.
pub fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value
        .get(member)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// The elements of a member that is a list; none if it is not.
pub fn list<'a>(value: &'a Value, member: &str) -> &'a [Value] {
    let list = value.get(member).and_then(Value::as_array);
    list.map(Vec::as_slice).unwrap_or_default()
}

/// Whether a member is `true`.
pub fn is_true(value: &Value, member: &str) -> bool {
    value.get(member).and_then(Value::as_bool) == Some(true)
}

/// A member that identifies something, in digits or not.
pub fn id(value: &Value, member: &str) -> Option<String> {
    match value.get(member) {
        Some(Value::String(text)) => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    }
}

/// A target in minutes.
pub fn minutes(value: Option<&Value>) -> Target {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match whole(value) {
            Some(minutes) => Ok(Some(minutes)),
            None => Err(format!("{value} is not a number of whole minutes")),
        },
    }
}

/// A target in seconds.
pub fn seconds(value: Option<&Value>) -> Target {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match whole(value).filter(|seconds| seconds % 60 == 0) {
            Some(seconds) => Ok(Some(seconds / 60)),
            None => Err(format!("{value} seconds are not whole minutes")),
        },
    }
}

/// A number that is whole and not negative.
pub fn whole(value: &Value) -> Option<u64> {
    if let Some(whole) = value.as_u64() {
        return Some(whole);
    }
    // Some products write every number with a fraction. Beyond 2^53 no target is valid anyway.
    let float = value.as_f64()?;
    let is_whole = float.fract() == 0.0 && (0.0..=9.0e15).contains(&float);
    is_whole.then_some(float as u64)
}

/// A week's hours, which are given day by day and in any order.
#[derive(Default)]
pub struct Week([Vec<(u64, u64)>; 7]);

impl Week {
    /// Adds hours to a day, 0 for Monday, in minutes from midnight.
    pub fn open(&mut self, day: usize, from: u64, to: u64) {
        if let Some(day) = self.0.get_mut(day) {
            day.push((from, to));
        }
    }

    /// The hours as a client would write them.
    pub fn members(mut self) -> Members {
        let mut members = Members::new();
        for (name, day) in WEEKDAYS.iter().zip(&mut self.0) {
            if !day.is_empty() {
                day.sort_unstable();
                let hours = day
                    .iter()
                    .map(|(from, to)| json!([clock(*from), clock(*to)]));
                members.insert((*name).to_owned(), hours.collect());
            }
        }
        members
    }
}

/// A calendar's members.
pub fn calendar(name: &str, zone: &str, week: Week, holidays: Option<Vec<String>>) -> Members {
    let mut members = Members::new();
    members.insert("name".to_owned(), name.into());
    members.insert("timeZone".to_owned(), zone.into());
    members.insert("hours".to_owned(), week.members().into());
    if let Some(holidays) = holidays {
        members.insert("holidays".to_owned(), holidays.into());
    }
    members
}

/// A time of day, such as `17:30`.
fn clock(minute: u64) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_number_of_whole_minutes_or_absent() {
        assert_eq!(minutes(None), Ok(None));
        assert_eq!(minutes(Some(&Value::Null)), Ok(None));
        assert_eq!(minutes(Some(&json!(90))), Ok(Some(90)));
        assert_eq!(seconds(Some(&json!(5_400.0))), Ok(Some(90)));
        for wrong in [json!(-60), json!("60"), json!(0.5), json!(1e300)] {
            assert!(minutes(Some(&wrong)).is_err(), "{wrong}");
            assert!(seconds(Some(&wrong)).is_err(), "{wrong}");
        }
        let reason = "61 seconds are not whole minutes".to_owned();
        assert_eq!(seconds(Some(&json!(61))), Err(reason));
    }
}
