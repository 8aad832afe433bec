//! Lines and properties, RFC 5545 section 3.1.
//!
//! Every byte is visited a fixed number of times, whatever the file contains.

use std::borrow::Cow;
use std::iter::{Enumerate, Peekable};
use std::slice::Split;

use super::InvalidLine;
use super::time::Moment;

/// The blanks that some exporters leave at the end of a value.
pub(super) const BLANKS: [char; 2] = [' ', '\t'];

/// An unfolded line.
pub(super) struct Line<'a> {
    /// The number of the physical line, from 1; that of the first, if the line is folded.
    pub number: usize,
    pub bytes: Cow<'a, [u8]>,
}

/// The lines of a file, without blank ones. Unfolding works on bytes rather than text, because a
/// fold may separate the bytes of one character.
pub(super) struct Lines<'a> {
    physical: Peekable<Enumerate<PhysicalLines<'a>>>,
}

type PhysicalLines<'a> = Split<'a, u8, fn(&u8) -> bool>;

impl<'a> Lines<'a> {
    pub fn of(file: &'a [u8]) -> Lines<'a> {
        let file = file.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(file);
        let is_end: fn(&u8) -> bool = |byte| *byte == b'\n';
        Lines {
            physical: file.split(is_end).enumerate().peekable(),
        }
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        let (number, first) = loop {
            let (index, bytes) = self.physical.next()?;
            let bytes = without_carriage_return(bytes);
            if !bytes.is_empty() {
                break (index + 1, bytes);
            }
        };
        let mut bytes = Cow::Borrowed(first);
        while let Some((_, next)) = self.physical.peek() {
            match without_carriage_return(next) {
                [] => {}
                [b' ' | b'\t', rest @ ..] => bytes.to_mut().extend_from_slice(rest),
                _ => break,
            }
            self.physical.next();
        }
        Some(Line { number, bytes })
    }
}

fn without_carriage_return(bytes: &[u8]) -> &[u8] {
    bytes.strip_suffix(b"\r").unwrap_or(bytes)
}

/// The parts of a content line: its name, the parameters that matter, and its value without
/// trailing blanks.
pub(super) struct ContentLine<'a> {
    pub name: &'a str,
    pub value: &'a str,
    value_type: Option<&'a str>,
    zone: Option<&'a str>,
    range: Option<&'a str>,
}

impl<'a> ContentLine<'a> {
    pub fn parse(text: &'a str) -> Option<ContentLine<'a>> {
        let (name, mut rest) = token(text)?;
        let (mut value_type, mut zone, mut range) = (None, None, None);
        loop {
            if let Some(value) = rest.strip_prefix(':') {
                return Some(ContentLine {
                    name,
                    value: value.trim_end_matches(BLANKS),
                    value_type,
                    zone,
                    range,
                });
            }
            let (parameter, after) = token(rest.strip_prefix(';')?)?;
            let (value, mut after) = parameter_value(after.strip_prefix('=')?)?;
            while let Some(more) = after.strip_prefix(',') {
                (_, after) = parameter_value(more)?;
            }
            if parameter.eq_ignore_ascii_case("VALUE") {
                value_type = Some(value);
            } else if parameter.eq_ignore_ascii_case("TZID") {
                zone = Some(value);
            } else if parameter.eq_ignore_ascii_case("RANGE") {
                range = Some(value);
            }
            rest = after;
        }
    }

    pub fn is_named(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    pub fn has_value(&self, value: &str) -> bool {
        self.value.eq_ignore_ascii_case(value)
    }

    pub fn to_property(&self, line: usize) -> Property {
        Property {
            line,
            value: self.value.to_owned(),
            value_type: self.value_type.map(str::to_owned),
            zone: self.zone.map(str::to_owned),
            has_range: self.range.is_some(),
        }
    }
}

/// A property that is kept until the end of its component.
#[derive(Debug)]
pub(super) struct Property {
    pub line: usize,
    pub value: String,
    /// The parameter `VALUE`.
    value_type: Option<String>,
    /// The parameter `TZID`.
    pub zone: Option<String>,
    /// Whether there is a parameter `RANGE`.
    pub has_range: bool,
}

impl Property {
    pub fn has_value(&self, value: &str) -> bool {
        self.value.eq_ignore_ascii_case(value)
    }

    pub fn has_type(&self, name: &str) -> bool {
        let value_type = self.value_type.as_deref();
        value_type.is_some_and(|value_type| value_type.eq_ignore_ascii_case(name))
    }

    pub fn invalid(&self, reason: &'static str) -> InvalidLine {
        InvalidLine {
            line: self.line,
            reason,
        }
    }

    pub fn moment(&self) -> Result<Moment, InvalidLine> {
        self.moment_of(&self.value)
    }

    /// The moments of a list.
    pub fn moments(&self) -> impl Iterator<Item = Result<Moment, InvalidLine>> {
        let items = self.value.split(',');
        items.map(|item| self.moment_of(item.trim_end_matches(BLANKS)))
    }

    fn moment_of(&self, text: &str) -> Result<Moment, InvalidLine> {
        let moment = Moment::parse(text).ok_or_else(|| self.invalid("not a date"))?;
        let is_date = matches!(moment, Moment::Date(_));
        let fits = match self.value_type {
            None => true,
            Some(_) => self.has_type(if is_date { "DATE" } else { "DATE-TIME" }),
        };
        if fits {
            Ok(moment)
        } else {
            Err(self.invalid("the value is not of the type that VALUE says"))
        }
    }
}

/// The name at the beginning of a text, and what follows it.
fn token(text: &str) -> Option<(&str, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '-')
        .unwrap_or(text.len());
    text.split_at_checked(end)
        .filter(|(name, _)| !name.is_empty())
}

/// The parameter value at the beginning of a text, without its quotes, and what follows it.
fn parameter_value(text: &str) -> Option<(&str, &str)> {
    match text.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"'),
        None => text.split_at_checked(text.find(['"', ';', ':', ','])?),
    }
}
