//! SLA rules: what cStar promises for a priority.

use serde::Serialize;

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
    /// Who it is.
    pub id: RuleId,
    /// What it says.
    pub draft: Draft,
    /// How often it has been written.
    pub version: Version,
}

/// Everything about a rule that its owner decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Draft {
    /// What it is called. Names may repeat.
    pub name: Name,
    /// The tickets it is for. Several rules may share a priority.
    pub priority: Priority,
    /// How soon the first answer and the solution are promised.
    #[serde(flatten)]
    pub targets: Targets,
    /// Whether only open time counts.
    pub business_hours_only: bool,
    /// Whether it is applied at all.
    pub enabled: bool,
    /// The calendar that says what open time is; the team's default one, if it names none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calendar_id: Option<CalendarId>,
}

/// The two promises of a rule. The solution is never promised before the first answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Targets {
    response_target: Minutes,
    resolution_target: Minutes,
}

impl Rule {
    /// A new rule.
    pub fn new(id: RuleId, draft: Draft) -> Rule {
        Rule {
            id,
            draft,
            version: Version::default(),
        }
    }

    /// The rule with what its owner decides changed.
    #[must_use]
    pub fn changed(&self, draft: Draft) -> Rule {
        Rule {
            id: self.id.clone(),
            draft,
            version: self.version.next(),
        }
    }
}

/// The rule that is applied to tickets of a priority: of those enabled for it, the oldest.
///
/// `rules` are in the order of their creation.
pub fn applied(rules: Vec<Rule>, priority: Priority) -> Option<Rule> {
    rules
        .into_iter()
        .find(|rule| rule.draft.enabled && rule.draft.priority == priority)
}

impl Targets {
    /// The two promises; `None` if the solution is promised before the first answer.
    pub fn new(response: Minutes, resolution: Minutes) -> Option<Targets> {
        (response <= resolution).then_some(Targets {
            response_target: response,
            resolution_target: resolution,
        })
    }

    /// Minutes until the first answer.
    pub fn response(self) -> Minutes {
        self.response_target
    }

    /// Minutes until the solution.
    pub fn resolution(self) -> Minutes {
        self.resolution_target
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn minutes(value: i64) -> Minutes {
        Minutes::new(value, Minutes::RULE_MAX).expect("a target")
    }

    fn rule(priority: Priority, enabled: bool, number: u8) -> Rule {
        let id = RuleId::new(Timestamp::UNIX_EPOCH, &[number; 10]);
        let draft = Draft {
            name: Name::new("r".to_owned()).expect("a name"),
            priority,
            targets: Targets::new(minutes(1), minutes(2)).expect("targets"),
            business_hours_only: false,
            enabled,
            calendar_id: None,
        };
        Rule::new(id, draft)
    }

    #[test]
    fn the_oldest_enabled_rule_of_a_priority_is_applied() {
        let rules = vec![
            rule(Priority::Low, true, 0),
            rule(Priority::High, false, 1),
            rule(Priority::High, true, 2),
            rule(Priority::High, true, 3),
        ];
        let found = |priority| applied(rules.clone(), priority).map(|rule| rule.id);
        assert_eq!(found(Priority::High), Some(rules[2].id.clone()));
        assert_eq!(found(Priority::Low), Some(rules[0].id.clone()));
        assert_eq!(found(Priority::Urgent), None);
    }

    #[test]
    fn a_change_keeps_the_id_and_counts() {
        let rule = rule(Priority::Low, true, 0);
        let changed = rule.changed(Draft {
            enabled: false,
            ..rule.draft.clone()
        });
        assert_eq!((&changed.id, changed.version.get()), (&rule.id, 2));
        assert!(!changed.draft.enabled);
    }

    #[test]
    fn a_solution_is_not_promised_before_the_first_answer() {
        assert_eq!(Targets::new(minutes(2), minutes(1)), None);
        let same = Targets::new(minutes(2), minutes(2)).expect("targets");
        assert_eq!(
            (same.response(), same.resolution()),
            (minutes(2), minutes(2))
        );
    }
}
