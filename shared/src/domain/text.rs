//! Bounded text: names and descriptions, counted in Unicode scalar values.

use serde::{Deserialize, Serialize};

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $min:expr, $max:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The fewest characters it may have.
            pub const MIN_CHARS: usize = $min;
            /// The most characters it may have.
            pub const MAX_CHARS: usize = $max;

            /// The text as it was given, untrimmed.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
    };
}

text!(
    /// A rule's or calendar's name: 1 to 200 characters, not only blanks. Need not be unique.
    Name, 1, 200
);
text!(
    /// A policy's name: 1 to 200 characters, unique in its workspace, case-sensitive.
    PolicyName, 1, 200
);
text!(
    /// A policy's description: up to 2,000 characters, possibly none.
    Description, 0, 2_000
);

/// Why a text was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextError {
    /// Fewer characters than allowed, or only blanks where those say nothing.
    TooShort,
    /// More characters than allowed.
    TooLong,
}

impl Name {
    /// Accepts a rule's or calendar's name.
    pub fn new(text: String) -> Result<Name, TextError> {
        if text.trim().is_empty() {
            return Err(TextError::TooShort);
        }
        bounded(&text, Self::MIN_CHARS, Self::MAX_CHARS)?;
        Ok(Name(text))
    }
}

impl PolicyName {
    /// Accepts a policy's name; blanks count as characters, as they do in Rocket.Chat.
    pub fn new(text: String) -> Result<PolicyName, TextError> {
        bounded(&text, Self::MIN_CHARS, Self::MAX_CHARS)?;
        Ok(PolicyName(text))
    }
}

impl Description {
    /// Accepts a policy's description.
    pub fn new(text: String) -> Result<Description, TextError> {
        bounded(&text, Self::MIN_CHARS, Self::MAX_CHARS)?;
        Ok(Description(text))
    }
}

fn bounded(text: &str, min: usize, max: usize) -> Result<(), TextError> {
    let chars = text.chars().count();
    if chars < min {
        return Err(TextError::TooShort);
    }
    if chars > max {
        return Err(TextError::TooLong);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_bounded_in_characters_not_bytes() {
        let of = |count: usize| "é".repeat(count);
        for (count, error) in [
            (0, Some(TextError::TooShort)),
            (1, None),
            (200, None),
            (201, Some(TextError::TooLong)),
        ] {
            assert_eq!(Name::new(of(count)).err(), error, "{count}");
            assert_eq!(PolicyName::new(of(count)).err(), error, "{count}");
        }
        for (count, error) in [(0, None), (2_000, None), (2_001, Some(TextError::TooLong))] {
            assert_eq!(Description::new(of(count)).err(), error, "{count}");
        }
    }

    #[test]
    fn only_a_policys_name_may_be_blank_and_none_is_trimmed() {
        let blank = " \t\u{a0}".to_owned();
        assert_eq!(Name::new(blank.clone()), Err(TextError::TooShort));
        assert!(PolicyName::new(blank).is_ok());
        let name = Name::new(" a ".to_owned()).expect("a name");
        assert_eq!(name.as_str(), " a ");
    }
}
