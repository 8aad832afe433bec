//! Plans: the targets and the business hours that apply to a ticket.

use std::sync::Arc;

use crate::domain::calendar::Calendar;
use crate::domain::minutes::Minutes;
use crate::domain::rule::Targets;

/// What applies to a ticket. It is resolved when an event decides it, and never changes after that.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The target of each metric.
    pub targets: PlanTargets,
    /// The calendar whose open time counts.
    pub calendar: Arc<Calendar>,
    /// The share of a target at which there is a warning.
    pub warn_at_percent: WarnAtPercent,
    /// What happens to the resolution when a resolved ticket is open again.
    pub on_reopen: OnReopen,
}

/// The target of each metric, where there is one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlanTargets {
    /// Until the first response.
    pub first_response: Option<Minutes>,
    /// Until the next response.
    pub next_response: Option<Minutes>,
    /// Until the resolution.
    pub resolution: Option<Minutes>,
}

/// The share of a target, in percent, at which there is a warning: from 1 to 99.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WarnAtPercent(u8);

/// What happens to the resolution when a resolved ticket is open again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnReopen {
    /// Its cycle continues. The time while the ticket was resolved does not count.
    #[default]
    Continue,
    /// A new cycle starts.
    Restart,
    /// Nothing: the ticket stays resolved.
    Ignore,
}

impl Plan {
    /// A plan with the default settings.
    pub fn new(targets: PlanTargets, calendar: Arc<Calendar>) -> Plan {
        Plan {
            targets,
            calendar,
            warn_at_percent: WarnAtPercent::default(),
            on_reopen: OnReopen::default(),
        }
    }
}

impl From<Targets> for PlanTargets {
    fn from(targets: Targets) -> PlanTargets {
        PlanTargets {
            first_response: Some(targets.response()),
            next_response: None,
            resolution: Some(targets.resolution()),
        }
    }
}

impl WarnAtPercent {
    /// The smallest share.
    pub const MIN: u8 = 1;
    /// The largest share.
    pub const MAX: u8 = 99;

    /// A share in percent; `None` if it is out of bounds.
    pub fn new(percent: i64) -> Option<WarnAtPercent> {
        let percent = u8::try_from(percent).ok()?;
        (Self::MIN..=Self::MAX)
            .contains(&percent)
            .then_some(WarnAtPercent(percent))
    }

    /// The share in percent.
    pub fn get(self) -> u8 {
        self.0
    }
}

/// Four fifths.
impl Default for WarnAtPercent {
    fn default() -> WarnAtPercent {
        WarnAtPercent(80)
    }
}

impl OnReopen {
    /// All choices.
    pub const ALL: [OnReopen; 3] = [OnReopen::Continue, OnReopen::Restart, OnReopen::Ignore];

    /// Reads a choice; `None` for any other word.
    pub fn parse(text: &str) -> Option<OnReopen> {
        OnReopen::ALL
            .into_iter()
            .find(|choice| choice.as_str() == text)
    }

    /// The choice as clients write it.
    pub fn as_str(self) -> &'static str {
        match self {
            OnReopen::Continue => "continue",
            OnReopen::Restart => "restart",
            OnReopen::Ignore => "ignore",
        }
    }
}
