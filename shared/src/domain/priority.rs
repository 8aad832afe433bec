//! The priority of a ticket, in cStar's four words.

use serde::{Deserialize, Serialize};

/// The priority of a ticket. Only the exact spelling in lower case is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// `low`
    Low,
    /// `normal`
    Normal,
    /// `high`
    High,
    /// `urgent`
    Urgent,
}

impl Priority {
    /// All priorities, least urgent first.
    pub const ALL: [Priority; 4] = [
        Priority::Low,
        Priority::Normal,
        Priority::High,
        Priority::Urgent,
    ];

    /// All priorities, as clients write them.
    pub const WORDS: &[&str] = &["low", "normal", "high", "urgent"];

    /// Reads a priority; `None` for any other spelling.
    pub fn parse(text: &str) -> Option<Priority> {
        Priority::ALL
            .into_iter()
            .find(|priority| priority.as_str() == text)
    }

    /// The priority as cStar spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Priority::Low => "low",
            Priority::Normal => "normal",
            Priority::High => "high",
            Priority::Urgent => "urgent",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priorities_are_cstars_words_in_lower_case() {
        let words = ["low", "normal", "high", "urgent"];
        assert_eq!(Priority::ALL.map(Priority::as_str), words);
        assert_eq!(words.map(Priority::parse), Priority::ALL.map(Some));
        assert_eq!(Priority::parse("High"), None);
    }
}
