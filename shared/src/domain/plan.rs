//! Plans: the targets and the business hours that apply to a ticket.

use std::sync::Arc;

use crate::domain::calendar::Calendar;
use crate::domain::clock::Metric;
use crate::domain::coverage::CoverageSource;
use crate::domain::id::{CalendarId, PolicyId, RuleId};
use crate::domain::minutes::Minutes;
use crate::domain::rule::{Rule, Targets};
use crate::domain::version::Version;

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
    /// When a breach is reported once more.
    pub escalations: Vec<Escalation>,
    /// Where it comes from; `None` if a request brings it along.
    pub origin: Option<PlanOrigin>,
}

/// Where a plan comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanOrigin {
    /// The rule or the policy.
    pub by: PlannedBy,
    /// Its version.
    pub version: Version,
    /// Why this calendar counts.
    pub source: CoverageSource,
    /// The team's calendar, if it is one of them.
    pub calendar: Option<CalendarVersion>,
}

/// A calendar of a team, as one of its versions.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CalendarVersion {
    /// The calendar.
    pub id: CalendarId,
    /// The version that introduced its schedule.
    pub version: Version,
}

/// What a ticket is planned by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PlannedBy {
    /// A rule.
    Rule(RuleId),
    /// A Rocket.Chat policy.
    Policy(PolicyId),
    /// The targets of a request, for a ticket that is not stored.
    Request,
}

impl PlannedBy {
    /// The rule, if it is one.
    pub fn rule(&self) -> Option<&RuleId> {
        match self {
            PlannedBy::Rule(rule) => Some(rule),
            PlannedBy::Policy(_) | PlannedBy::Request => None,
        }
    }

    /// The policy, if it is one.
    pub fn policy(&self) -> Option<&PolicyId> {
        match self {
            PlannedBy::Policy(policy) => Some(policy),
            PlannedBy::Rule(_) | PlannedBy::Request => None,
        }
    }

    /// The id of the rule or of the policy; empty for a request.
    pub fn id(&self) -> &str {
        match self {
            PlannedBy::Rule(rule) => rule.as_str(),
            PlannedBy::Policy(policy) => policy.as_str(),
            PlannedBy::Request => "",
        }
    }
}

/// What a plan is made of, besides what a request brings along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanInputs {
    /// Settings, rules, and which calendar is the default.
    All,
    /// Settings, and which calendar is the default: for targets that a request brings along.
    Calendars,
    /// Only settings: for targets that a request brings along with a calendar, and for policies.
    Settings,
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

/// A breach is reported once more, if its cycle is still open after some open time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Escalation {
    /// The metric of the breach.
    pub metric: Metric,
    /// The open time since the breach.
    pub after_breach: Minutes,
}

/// The most escalations of a team.
pub const MAX_ESCALATIONS: usize = 5;

/// What happens to the resolution when a resolved ticket is open again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnReopen {
    /// Its cycle continues. The time while the ticket was resolved does not count.
    #[default]
    Continue,
    /// A new cycle starts.
    Restart,
    /// Nothing: its cycle stays stopped.
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
            escalations: Vec::new(),
            origin: None,
        }
    }

    /// Whether another plan says the same. Plans with the same origin have the same calendar.
    pub fn equals(&self, other: &Plan) -> bool {
        self.targets == other.targets
            && self.warn_at_percent == other.warn_at_percent
            && self.on_reopen == other.on_reopen
            && self.escalations == other.escalations
            && self.origin == other.origin
    }
}

impl PlanTargets {
    /// The targets of a rule.
    pub fn of_rule(rule: &Rule) -> PlanTargets {
        PlanTargets {
            next_response: rule.draft.next_response_target,
            ..PlanTargets::from(rule.draft.targets)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::NewId as _;
    use jiff::Timestamp;

    #[test]
    fn plans_are_equal_if_they_say_the_same() {
        let minutes = |number| Minutes::new(number, Minutes::MAX_RULE_TARGET);
        let calendar = Arc::new(Calendar::always_open().clone());
        let plan = Plan::new(PlanTargets::default(), calendar);
        let mut other_targets = plan.clone();
        other_targets.targets.resolution = minutes(60);
        let mut other_share = plan.clone();
        other_share.warn_at_percent = WarnAtPercent::new(50).expect("a share");
        let mut other_reopening = plan.clone();
        other_reopening.on_reopen = OnReopen::Restart;
        let mut more_escalations = plan.clone();
        more_escalations.escalations.push(Escalation {
            metric: Metric::Resolution,
            after_breach: minutes(60).expect("minutes"),
        });
        let mut other_origin = plan.clone();
        other_origin.origin = Some(PlanOrigin {
            by: PlannedBy::Rule(RuleId::new_id(Timestamp::UNIX_EPOCH, &[0; 10])),
            version: Version::default(),
            source: CoverageSource::None,
            calendar: None,
        });
        let plans = [
            plan,
            other_targets,
            other_share,
            other_reopening,
            more_escalations,
            other_origin,
        ];
        for (place, one) in plans.iter().enumerate() {
            let equal = plans.iter().map(|other| one.equals(other));
            let expected = (0..plans.len()).map(|other| other == place);
            assert_eq!(Vec::from_iter(equal), Vec::from_iter(expected));
        }
    }
}
