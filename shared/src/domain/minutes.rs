//! Targets and due times, in whole minutes.

use serde::{Deserialize, Serialize};

/// A target in whole minutes, at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Minutes(u32);

impl Minutes {
    /// A year: the longest target of a rule (cStar).
    pub const MAX_RULE_TARGET: u32 = 525_600;
    /// The longest due time of a policy: the largest number that Rocket.Chat itself uses. Its queue
    /// sorts a chat without a policy as if its due time were 9,999,999.
    pub const MAX_POLICY_DUE_TIME: u32 = 9_999_999;

    /// `value` minutes; `None` unless it lies in `1..=max`.
    pub fn new(value: i64, max: u32) -> Option<Minutes> {
        let value = u32::try_from(value).ok()?;
        (1..=max).contains(&value).then_some(Minutes(value))
    }

    /// The number of minutes.
    pub fn get(self) -> u32 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_at_least_one_minute_and_at_most_the_limit() {
        let of = |value| Minutes::new(value, Minutes::MAX_RULE_TARGET).map(Minutes::get);
        assert_eq!(of(1), Some(1));
        assert_eq!(of(525_600), Some(525_600));
        for value in [i64::MIN, -1, 0, 525_601, i64::from(u32::MAX) + 2] {
            assert_eq!(of(value), None, "{value}");
        }
    }
}
