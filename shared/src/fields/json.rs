//! JSON bodies, as the clients of the two products mean them.

use std::fmt;

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::problem::{JsonReason, Problem, TeamProblem};

/// What it means that an object has a member twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeated {
    /// The object is refused.
    Refused,
    /// The last value counts, as in JavaScript.
    LastCounts,
}

/// Reads a body as a JSON object.
///
/// These are not JSON either: bytes that are not UTF-8, a byte order mark, half a surrogate pair,
/// numbers beyond the range of a double, and more than 127 levels.
pub fn object(bytes: &[u8], repeated: Repeated) -> Result<Map<String, Value>, Problem> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let read = Node(repeated)
        .deserialize(&mut deserializer)
        .and_then(|value| {
            deserializer.end()?;
            Ok(value)
        });
    match read {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(Problem::NotAnObject),
        Err(error) if error.is_data() => Err(invalid(JsonReason::RepeatedMember)),
        Err(error) if error.is_eof() => Err(invalid(JsonReason::Incomplete)),
        Err(_) => Err(invalid(JsonReason::Malformed)),
    }
}

fn invalid(reason: JsonReason) -> Problem {
    Problem::Team(TeamProblem::InvalidJson(reason))
}

#[derive(Clone, Copy)]
struct Node(Repeated);

impl<'de> DeserializeSeed<'de> for Node {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = seq.next_element_seed(self)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            let value = map.next_value_seed(self)?;
            if members.insert(name, value).is_some() && self.0 == Repeated::Refused {
                return Err(A::Error::custom("a member is given twice"));
            }
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_not_json_are_refused() {
        let hostile: &[&[u8]] = &[
            b"",
            b"{",
            b"\xef\xbb\xbf{}",
            b"{\"a\":\"\xff\"}",
            br#"{"a":"\ud800"}"#,
            br#"{"a":1e400}"#,
            b"{} {}",
            b"{\"a\":01}",
            b"NaN",
        ];
        for body in hostile {
            for repeated in [Repeated::Refused, Repeated::LastCounts] {
                let read = object(body, repeated);
                assert!(
                    matches!(read, Err(Problem::Team(TeamProblem::InvalidJson(_)))),
                    "{body:?}: {read:?}"
                );
            }
        }
        let deep = [b"[".repeat(4_000), b"]".repeat(4_000)].concat();
        assert!(matches!(
            object(&deep, Repeated::Refused),
            Err(Problem::Team(TeamProblem::InvalidJson(
                JsonReason::Malformed
            )))
        ));
        assert!(matches!(
            object(b"[]", Repeated::Refused),
            Err(Problem::NotAnObject)
        ));
    }

    #[test]
    fn a_member_given_twice_is_refused_or_its_last_value_counts() {
        let nested = br#"{"a":{"b":1,"b":2}}"#;
        assert!(matches!(
            object(nested, Repeated::Refused),
            Err(Problem::Team(TeamProblem::InvalidJson(
                JsonReason::RepeatedMember
            )))
        ));
        let read = object(nested, Repeated::LastCounts).expect("the last counts");
        assert_eq!(Value::Object(read).to_string(), r#"{"a":{"b":2}}"#);
    }
}
