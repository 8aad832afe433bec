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
