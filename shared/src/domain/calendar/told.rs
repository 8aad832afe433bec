//! How a calendar's days are told: an object with a member for each day that has something to say.

use std::fmt;

use serde::de::{MapAccess, Visitor};

/// A day's intervals, as they were written.
type Day = Vec<(String, String)>;

/// Seven weekdays as an object; those that are closed are left out.
pub(super) mod week {
    use serde::de::{Deserializer, Error as _};
    use serde::ser::Serializer;

    use super::{Day, Days};
    use crate::domain::calendar::WEEKDAYS;

    pub(in super::super) fn serialize<S: Serializer>(
        week: &[Day; 7],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let open = WEEKDAYS.iter().zip(week).filter(|(_, day)| !day.is_empty());
        serializer.collect_map(open)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<[Day; 7], D::Error> {
        let mut week: [Day; 7] = Default::default();
        for (name, day) in deserializer.deserialize_map(Days)? {
            let mut places = WEEKDAYS.iter().zip(&mut week);
            let place = places.find_map(|(weekday, place)| (*weekday == name).then_some(place));
            *place.ok_or_else(|| D::Error::custom("not a weekday"))? = day;
        }
        Ok(week)
    }
}

/// Dates as an object, in the order in which they were written.
pub(super) mod dates {
    use serde::de::Deserializer;
    use serde::ser::Serializer;

    use super::{Day, Days};

    pub(in super::super) fn serialize<S: Serializer>(
        dates: &[(String, Day)],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_map(dates.iter().map(|(date, day)| (date, day)))
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<(String, Day)>, D::Error> {
        deserializer.deserialize_map(Days)
    }
}

struct Days;

impl<'de> Visitor<'de> for Days {
    type Value = Vec<(String, Day)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of days")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut days = Vec::new();
        while let Some(day) = map.next_entry()? {
            days.push(day);
        }
        Ok(days)
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::calendar::CalendarDraft;

    #[test]
    fn open_days_are_told_and_read_again_in_their_order() {
        let text = concat!(
            r#"{"timeZone":"UTC","hours":{"monday":[["09:00","17:00"]],"sunday":[["10:00","12:00"]]},"#,
            r#""holidays":["2026-12-25"],"exceptions":{"2026-12-31":[],"2026-12-24":[["09:00","12:00"]]}}"#,
        );
        let draft: CalendarDraft = serde_json::from_str(text).expect("a calendar");
        let [monday, tuesday, .., sunday] = &draft.hours;
        assert_eq!((monday.len(), tuesday.len(), sunday.len()), (1, 0, 1));
        let dates: Vec<_> = draft.exceptions.iter().map(|(date, _)| date).collect();
        assert_eq!(dates, ["2026-12-31", "2026-12-24"]);
        assert_eq!(serde_json::to_string(&draft).expect("JSON"), text);
    }

    #[test]
    fn a_day_that_is_none_is_refused() {
        for (hours, why) in [
            (r#"{"funday":[]}"#, "not a weekday"),
            ("[]", "expected an object of days"),
        ] {
            let text =
                format!(r#"{{"timeZone":"UTC","hours":{hours},"holidays":[],"exceptions":{{}}}}"#);
            let refused =
                serde_json::from_str::<CalendarDraft>(&text).map_err(|why| why.to_string());
            assert!(
                refused.clone().is_err_and(|told| told.contains(why)),
                "{refused:?}"
            );
        }
    }
}
