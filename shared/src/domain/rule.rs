//! SLA rules: the targets of a priority (cStar).

use crate::domain::{
    id::{CalendarId, RuleId},
    minutes::Minutes,
    priority::Priority,
    text::Name,
    version::Version,
};

/// The most rules a team may have, so that a list is always one page.
pub const MAX_RULES: u32 = 200;

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its id.
    pub id: RuleId,
    /// What its owner decides.
    pub draft: RuleDraft,
    /// The number of times it has been written.
    pub version: Version,
}

/// Everything about a rule that its owner decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleDraft {
    /// Its name. Names may repeat.
    pub name: Name,
    /// The priority of the tickets it is for. Several rules may share one.
    pub priority: Priority,
    /// How soon the first response and the resolution are due.
    pub targets: Targets,
    /// Whether only business hours count.
    pub business_hours_only: bool,
    /// Whether it applies at all.
    pub enabled: bool,
    /// How soon each further response is due, if it has a target.
    pub next_response_target: Option<Minutes>,
    /// The calendar of its business hours; the team's default calendar if it names none.
    pub calendar_id: Option<CalendarId>,
}

/// The two targets of a rule. The resolution is never due before the first response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Targets {
    response_target: Minutes,
    resolution_target: Minutes,
}

impl Rule {
    /// A new rule.
    pub fn new(id: RuleId, draft: RuleDraft) -> Rule {
        Rule {
            id,
            draft,
            version: Version::default(),
        }
    }

    /// Whether it is enabled for a priority.
    pub fn applies_to(&self, priority: Priority) -> bool {
        self.draft.enabled && self.draft.priority == priority
    }

    /// The next version of the rule, with this draft.
    #[must_use]
    pub fn changed(&self, draft: RuleDraft) -> Rule {
        Rule {
            id: self.id.clone(),
            draft,
            version: self.version.next(),
        }
    }
}

/// The rule that applies to tickets of a priority: the oldest of those enabled for it.
///
/// `rules` are in the order of their creation.
pub fn applied(rules: &[Rule], priority: Priority) -> Option<&Rule> {
    rules.iter().find(|rule| rule.applies_to(priority))
}

impl Targets {
    /// Both targets; `None` if the resolution would be due before the first response.
    pub fn new(response: Minutes, resolution: Minutes) -> Option<Targets> {
        (response <= resolution).then_some(Targets {
            response_target: response,
            resolution_target: resolution,
        })
    }

    /// Minutes until the first response is due.
    pub fn response(self) -> Minutes {
        self.response_target
    }

    /// Minutes until the resolution is due.
    pub fn resolution(self) -> Minutes {
        self.resolution_target
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn minutes(value: i64) -> Minutes {
        Minutes::new(value, Minutes::MAX_RULE_TARGET).expect("a target")
    }

    fn rule(priority: Priority, enabled: bool, number: u8) -> Rule {
        let id = RuleId::new(Timestamp::UNIX_EPOCH, &[number; 10]);
        let draft = RuleDraft {
            name: Name::new("r".to_owned()).expect("a name"),
            priority,
            targets: Targets::new(minutes(1), minutes(2)).expect("targets"),
            business_hours_only: false,
            enabled,
            next_response_target: None,
            calendar_id: None,
        };
        Rule::new(id, draft)
    }

    #[test]
    fn the_oldest_enabled_rule_of_a_priority_applies() {
        let rules = vec![
            rule(Priority::Low, true, 0),
            rule(Priority::High, false, 1),
            rule(Priority::High, true, 2),
            rule(Priority::High, true, 3),
        ];
        let found = |priority| applied(&rules, priority).map(|rule| rule.id.clone());
        assert_eq!(found(Priority::High), Some(rules[2].id.clone()));
        assert_eq!(found(Priority::Low), Some(rules[0].id.clone()));
        assert_eq!(found(Priority::Urgent), None);
    }

    #[test]
    fn a_change_keeps_the_id_and_increments_the_version() {
        let rule = rule(Priority::Low, true, 0);
        let changed = rule.changed(RuleDraft {
            enabled: false,
            ..rule.draft.clone()
        });
        assert_eq!((&changed.id, changed.version.get()), (&rule.id, 2));
        assert!(!changed.draft.enabled);
    }

    #[test]
    fn a_resolution_is_never_due_before_the_first_response() {
        assert_eq!(Targets::new(minutes(2), minutes(1)), None);
        let same = Targets::new(minutes(2), minutes(2)).expect("targets");
        assert_eq!(
            (same.response(), same.resolution()),
            (minutes(2), minutes(2))
        );
    }
}
