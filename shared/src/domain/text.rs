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
