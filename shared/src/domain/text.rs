//! Names and descriptions. Their lengths are bounded, and counted in Unicode scalar values.

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

            /// The text exactly as the client gave it, untrimmed.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
    };
}

text!(
    /// The name of a rule or calendar: 1 to 200 characters, not only blanks. It need not be unique.
    Name, 1, 200
);
text!(
    /// The name of a policy: 1 to 200 characters, unique in its workspace, case-sensitive.
    PolicyName, 1, 200
);
text!(
    /// The description of a policy: up to 2,000 characters, possibly none.
    Description, 0, 2_000
);

text!(
    /// What a client calls a ticket: up to 200 characters, which mean nothing here.
    Reference, 0, 200
);

text!(
    /// What a webhook is for: up to 200 characters.
    WebhookDescription, 0, 200
);

/// Why a text was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextError {
    /// It has fewer characters than allowed, or is blank where it must not be.
    TooShort,
    /// It has more characters than allowed.
    TooLong,
}

impl Name {
    /// Checks the name of a rule or calendar.
    pub fn new(text: String) -> Result<Name, TextError> {
        if text.trim().is_empty() {
            return Err(TextError::TooShort);
        }
        bounded(&text, Self::MIN_CHARS, Self::MAX_CHARS)?;
        Ok(Name(text))
    }
}

impl PolicyName {
    /// Checks the name of a policy. Blanks count as characters, as they do in Rocket.Chat.
    pub fn new(text: String) -> Result<PolicyName, TextError> {
        bounded(&text, Self::MIN_CHARS, Self::MAX_CHARS)?;
        Ok(PolicyName(text))
    }
}

impl Description {
    /// Checks the description of a policy.
    pub fn new(text: String) -> Result<Description, TextError> {
        bounded(&text, Self::MIN_CHARS, Self::MAX_CHARS)?;
        Ok(Description(text))
    }
}

impl WebhookDescription {
    /// Checks the description of a webhook.
    pub fn new(text: String) -> Result<WebhookDescription, TextError> {
        bounded(&text, Self::MIN_CHARS, Self::MAX_CHARS)?;
        Ok(WebhookDescription(text))
    }
}

impl Reference {
    /// Checks what a client calls a ticket.
    pub fn new(text: String) -> Result<Reference, TextError> {
        bounded(&text, Self::MIN_CHARS, Self::MAX_CHARS)?;
        Ok(Reference(text))
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
    fn lengths_are_counted_in_characters_not_bytes() {
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
    fn only_policy_names_may_be_blank_and_no_name_is_trimmed() {
        let blank = " \t\u{a0}".to_owned();
        assert_eq!(Name::new(blank.clone()), Err(TextError::TooShort));
        assert!(PolicyName::new(blank).is_ok());
        let name = Name::new(" a ".to_owned()).expect("a name");
        assert_eq!(name.as_str(), " a ");
    }
}
