//! From a JSON object to a typed draft. All violations are returned, as data, because one dialect
//! reports the first of them in Ajv's words and the other reports every one.

pub mod calendar;
pub mod holidays;
pub mod inquiry;
pub mod instant;
pub mod json;
pub mod policy;
pub mod preview;
pub mod recalculation;
pub mod rule;
pub mod settings;
pub mod ticket;
pub mod webhook;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::domain::digest::Digest;
use crate::domain::minutes::Minutes;
use crate::domain::text::TextError;
use crate::problem::{Mismatch, Problem, Reason, TeamReason, Violation};

/// The most bytes of a JSON body. The longest rule or policy, with every character escaped, has a
/// third of this.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

/// The members of a body that is being read.
///
/// Members are taken one by one, in the documented order. Those that are left are unknown.
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

    /// A digest of the members, independent of their order and of white space.
    pub fn fingerprint(&self) -> Digest {
        Digest::of(&sorted(&Value::Object(self.members.clone())).to_string())
    }

    /// These members, with those of `others` where a member is absent here.
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
        let mismatch = match self.required(field)? {
            Value::String(text) => match accept(text) {
                Ok(text) => return Some(text),
                Err(TextError::TooShort) => Mismatch::BelowMin,
                Err(TextError::TooLong) => Mismatch::AboveMax,
            },
            _ => Mismatch::WrongType,
        };
        self.refuse(field, Reason::Text { min, max, mismatch })
    }

    /// Takes a required number of minutes from 1 to `max`.
    pub fn minutes(&mut self, field: &'static str, max: u32) -> Option<Minutes> {
        let value = self.required(field)?;
        self.integer(field, &value, (1, max), |minutes| {
            Minutes::new(minutes, max)
        })
    }

    /// Takes an optional number of minutes from 1 to `max`.
    pub fn optional_minutes(&mut self, field: &'static str, max: u32) -> Option<Option<Minutes>> {
        match self.members.shift_remove(field) {
            None => Some(None),
            Some(value) => self
                .integer(field, &value, (1, max), |minutes| {
                    Minutes::new(minutes, max)
                })
                .map(Some),
        }
    }

    /// Reads an integer within bounds. `30.0` is 30; `"30"` is not an integer.
    pub fn integer<T>(
        &mut self,
        field: &'static str,
        value: &Value,
        (min, max): (u32, u32),
        accept: impl FnOnce(i64) -> Option<T>,
    ) -> Option<T> {
        let mismatch = match integer(value) {
            Some(integer) => match accept(integer) {
                Some(accepted) => return Some(accepted),
                None if integer < i64::from(min) => Mismatch::BelowMin,
                None => Mismatch::AboveMax,
            },
            None => Mismatch::WrongType,
        };
        self.refuse(field, Reason::Integer { min, max, mismatch })
    }

    /// Takes a required word, one of a few.
    pub fn word<T>(
        &mut self,
        field: &'static str,
        words: &'static [&'static str],
        accept: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let value = self.required(field)?;
        match value.as_str().and_then(accept) {
            Some(word) => Some(word),
            None => self.refuse(field, Reason::Team(TeamReason::NotOneOf(words))),
        }
    }

    /// Takes an optional `true` or `false`. `null` is neither, and not the same as absent.
    pub fn boolean(&mut self, field: &'static str, default: bool) -> Option<bool> {
        match self.members.shift_remove(field) {
            None => Some(default),
            Some(Value::Bool(value)) => Some(value),
            Some(_) => self.refuse(field, Reason::Team(TeamReason::NotABoolean)),
        }
    }

    /// Takes an optional text that `accept` reads; `reason` says what is wrong if it cannot.
    pub fn optional<T>(
        &mut self,
        field: &'static str,
        reason: TeamReason,
        accept: impl FnOnce(&str) -> Option<T>,
    ) -> Option<Option<T>> {
        let Some(value) = self.members.shift_remove(field) else {
            return Some(None);
        };
        match value.as_str().and_then(accept) {
            Some(value) => Some(Some(value)),
            None => self.refuse(field, Reason::Team(reason)),
        }
    }

    /// Takes a member if it is an object, and leaves it otherwise.
    pub fn take_object(&mut self, field: &str) -> Option<Map<String, Value>> {
        self.members.get(field).filter(|value| value.is_object())?;
        match self.members.shift_remove(field) {
            Some(Value::Object(members)) => Some(members),
            _ => None,
        }
    }

    /// Takes a member of any type.
    pub fn take(&mut self, field: &str) -> Option<Value> {
        self.members.shift_remove(field)
    }

    /// Whether a member is present.
    pub fn has(&self, field: &str) -> bool {
        self.members.contains_key(field)
    }

    /// These members, without this one if it is `null`.
    #[must_use]
    pub fn without_null(mut self, field: &str) -> Fields {
        if self.members.get(field).is_some_and(Value::is_null) {
            self.members.shift_remove(field);
        }
        self
    }

    /// Records a violation. Returns `None`, so that a reader can return it.
    pub fn refuse<T>(&mut self, field: impl Into<Cow<'static, str>>, reason: Reason) -> Option<T> {
        self.violations.push(Violation {
            field: field.into(),
            reason,
        });
        None
    }

    /// Records the violations of an object that is a member.
    pub fn refuse_within(&mut self, field: &str, violations: Vec<Violation>) {
        let within = violations.into_iter().map(|violation| Violation {
            field: format!("{field}.{}", violation.field).into(),
            ..violation
        });
        self.violations.extend(within);
    }

    /// The draft, if no member violates the contract and none is left.
    pub fn finish<T>(mut self, draft: Option<T>) -> Result<T, Problem> {
        let unknown = self.members.into_iter().map(|(field, _)| Violation {
            field: Cow::Owned(field),
            reason: Reason::Unknown,
        });
        self.violations.extend(unknown);
        match draft {
            Some(draft) if self.violations.is_empty() => Ok(draft),
            _ => Err(Problem::Invalid(self.violations)),
        }
    }

    /// Takes a required member.
    fn required(&mut self, field: &'static str) -> Option<Value> {
        match self.members.shift_remove(field) {
            Some(value) => Some(value),
            None => self.refuse(field, Reason::Missing),
        }
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

/// The integer that a JSON value is, clamped to `i64`; `None` if it is not an integer.
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
