//! A team's settings: how the clocks of its tickets warn and continue.

use crate::domain::plan::{Escalation, OnReopen, WarnAtPercent};
use crate::domain::version::Version;

/// The settings of a team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The share of a target at which there is a warning.
    pub warn_at_percent: WarnAtPercent,
    /// What happens to the resolution when a resolved ticket is open again.
    pub on_reopen: OnReopen,
    /// When a breach is reported once more.
    pub escalations: Vec<Escalation>,
    /// The number of times they have been written.
    pub version: Version,
}

impl Settings {
    /// The next version of the settings, with these values.
    #[must_use]
    pub fn changed(
        &self,
        warn_at_percent: WarnAtPercent,
        on_reopen: OnReopen,
        escalations: Vec<Escalation>,
    ) -> Settings {
        Settings {
            warn_at_percent,
            on_reopen,
            escalations,
            version: self.version.next(),
        }
    }
}

/// The settings of a team that has never written any.
impl Default for Settings {
    fn default() -> Settings {
        Settings {
            warn_at_percent: WarnAtPercent::default(),
            on_reopen: OnReopen::default(),
            escalations: Vec::new(),
            version: Version::NEVER_WRITTEN,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_the_next_version() {
        let half = WarnAtPercent::new(50).expect("a share");
        let before = Settings::default();
        let after = before.changed(half, OnReopen::Restart, Vec::new());
        assert_eq!(
            (after.warn_at_percent, after.on_reopen, after.version),
            (half, OnReopen::Restart, before.version.next())
        );
    }
}
