//! From a JSON object to a typed draft. What is wrong with it comes back as data, all of it,
//! because one dialect tells the first violation in Ajv's words and the other tells every one.

pub mod calendar;
pub mod json;
pub mod policy;
pub mod preview;
pub mod rule;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::domain::digest::Digest;
use crate::domain::minutes::Minutes;
use crate::domain::text::TextError;
use crate::problem::{Allowed, Fault, Problem, Violation};

/// The largest body that is read: a rule or a policy at its longest, every character escaped, is
/// a third of it.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

/// A body on its way to becoming a draft.
///
/// Members are taken out one by one, in the documented order; what is left is unknown.
#[derive(Debug)]
pub struct Fields {
    members: Map<String, Value>,
    violations: Vec<Violation>,
}

impl Fields {
    /// The members of a body.
    pub fn new(members: Map<String, Value>) -> Fields {
        Fields {
            members,
            violations: Vec::new(),
        }
    }

    /// What the members say, however they were ordered and spaced.
    pub fn fingerprint(&self) -> Digest {
        Digest::of(&sorted(&Value::Object(self.members.clone())).to_string())
    }

    /// The members laid over others: what is absent here is as it is there.
    #[must_use]
    pub fn over(mut self, others: Map<String, Value>) -> Fields {
        for (name, value) in others {
            self.members.entry(name).or_insert(value);
        }
        self
    }

    /// Takes a required text, counted in characters.
    pub fn text<T>(
        &mut self,
        field: &'static str,
        (min, max): (usize, usize),
        accept: impl FnOnce(String) -> Result<T, TextError>,
    ) -> Option<T> {
        let allowed = Allowed::Text { min, max };
        match self.required(field, &allowed)? {
            Value::String(text) => match accept(text) {
                Ok(text) => Some(text),
                Err(TextError::TooShort) => self.refuse(field, Fault::Low, allowed),
                Err(TextError::TooLong) => self.refuse(field, Fault::High, allowed),
            },
            _ => self.refuse(field, Fault::Type, allowed),
        }
    }

    /// Takes a required number of minutes from 1 to `max`. `30.0` is 30; `"30"` is not.
    pub fn minutes(&mut self, field: &'static str, max: u32) -> Option<Minutes> {
        let allowed = Allowed::Integer { min: 1, max };
        let value = self.required(field, &allowed)?;
        let Some(integer) = integer(&value) else {
            return self.refuse(field, Fault::Type, allowed);
        };
        match Minutes::new(integer, max) {
            Some(minutes) => Some(minutes),
            None if integer < 1 => self.refuse(field, Fault::Low, allowed),
            None => self.refuse(field, Fault::High, allowed),
        }
    }

    /// Takes a required word out of a few.
    pub fn word<T>(
        &mut self,
        field: &'static str,
        words: &'static [&'static str],
        accept: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let allowed = Allowed::OneOf(words);
        match self.required(field, &allowed)? {
            Value::String(text) => match accept(&text) {
                Some(word) => Some(word),
                None => self.refuse(field, Fault::Low, allowed),
            },
            _ => self.refuse(field, Fault::Type, allowed),
        }
    }

    /// Takes an optional `true` or `false`. A `null` is neither, and not the same as absent.
    pub fn boolean(&mut self, field: &'static str, default: bool) -> Option<bool> {
        match self.members.shift_remove(field) {
            None => Some(default),
            Some(Value::Bool(value)) => Some(value),
            Some(_) => self.refuse(field, Fault::Type, Allowed::Boolean),
        }
    }

    /// Takes an optional text that is read by `accept`.
    pub fn optional<T>(
        &mut self,
        field: &'static str,
        allowed: Allowed,
        accept: impl FnOnce(&str) -> Option<T>,
    ) -> Option<Option<T>> {
        match self.members.shift_remove(field) {
            None => Some(None),
            Some(Value::String(text)) => match accept(&text) {
                Some(value) => Some(Some(value)),
                None => self.refuse(field, Fault::Low, allowed),
            },
            Some(_) => self.refuse(field, Fault::Type, allowed),
        }
    }

    /// Takes a member if it is an object.
    pub fn take_object(&mut self, field: &str) -> Option<Map<String, Value>> {
        self.members.get(field).filter(|value| value.is_object())?;
        match self.members.shift_remove(field) {
            Some(Value::Object(members)) => Some(members),
            _ => None,
        }
    }

    /// Takes a member as it is.
    pub fn take(&mut self, field: &str) -> Option<Value> {
        self.members.shift_remove(field)
    }

    /// Whether a member is there.
    pub fn has(&self, field: &str) -> bool {
        self.members.contains_key(field)
    }

    /// The members without those that are `null`, of these.
    #[must_use]
    pub fn without_null(mut self, field: &str) -> Fields {
        if self.members.get(field).is_some_and(Value::is_null) {
            self.members.shift_remove(field);
        }
        self
    }

    /// Notes a violation; `None`, so that a reader can end with it.
    pub fn refuse<T>(
        &mut self,
        field: impl Into<Cow<'static, str>>,
        fault: Fault,
        allowed: Allowed,
    ) -> Option<T> {
        self.violations.push(Violation {
            field: field.into(),
            fault,
            allowed,
        });
        None
    }

    /// Notes the violations of an object within.
    pub fn refuse_within(&mut self, field: &str, violations: Vec<Violation>) {
        let within = violations.into_iter().map(|violation| Violation {
            field: format!("{field}.{}", violation.field).into(),
            ..violation
        });
        self.violations.extend(within);
    }

    /// The draft, if every member was as it should be and none was left over.
    pub fn finish<T>(mut self, draft: Option<T>) -> Result<T, Problem> {
        let unknown = self.members.into_iter().map(|(field, _)| Violation {
            field: Cow::Owned(field),
            fault: Fault::Unknown,
            allowed: Allowed::Nothing,
        });
        self.violations.extend(unknown);
        match draft {
            Some(draft) if self.violations.is_empty() => Ok(draft),
            _ => Err(Problem::Invalid(self.violations)),
        }
    }

    /// Takes a member that must be there.
    fn required(&mut self, field: &'static str, allowed: &Allowed) -> Option<Value> {
        match self.members.shift_remove(field) {
            Some(value) => Some(value),
            None => self.refuse(field, Fault::Missing, allowed.clone()),
        }
    }
}

/// A draft as the members of an object.
fn members(draft: &impl Serialize) -> Result<Map<String, Value>, Problem> {
    match serde_json::to_value(draft) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(Problem::Internal("a draft is no object".into())),
        Err(error) => Err(Problem::Internal(Box::new(error))),
    }
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Array(values) => values.iter().map(sorted).collect(),
        Value::Object(members) => {
            let members: BTreeMap<_, _> = members.iter().collect();
            members
                .into_iter()
                .map(|(name, value)| (name.clone(), sorted(value)))
                .collect()
        }
        scalar => scalar.clone(),
    }
}

/// The integer that a JSON number is, clamped to `i64`; `None` if it is no integer.
fn integer(value: &Value) -> Option<i64> {
    let number = match value {
        Value::Number(number) => number,
        _ => return None,
    };
    if let Some(integer) = number.as_i64() {
        return Some(integer);
    }
    if number.is_u64() {
        return Some(i64::MAX);
    }
    // A float cast saturates, and beyond 2^53 every float is an integer.
    number
        .as_f64()
        .filter(|float| float.fract() == 0.0)
        .map(|float| float as i64)
}
