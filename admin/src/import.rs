//! What the files of another product, or of another deployment, come to here.
//!
//! Each product has a module that turns its files into a [`Plan`]: calendars, rules and so on as a
//! client would write them, with notes on what was left out, or the reason why an item cannot be
//! brought over. Nothing of a file disappears without one. [`reconcile`] compares a plan with what a
//! team has. Both are pure: they neither read files nor the table.
//!
//! Two principles decide the mappings. What a rule cannot say, such as another metric, is left out
//! and named. A rule that would apply to other tickets, or count other hours, than in the product it
//! comes from, is brought over disabled, with the reason.

pub mod chatwoot;
pub mod dueline;
pub mod freshdesk;
mod read;
pub mod reconcile;
pub mod zammad;
pub mod zendesk;
mod zone;

use std::error::Error;
use std::fmt;

use clap::ValueEnum;
use serde_json::{Map, Value};

/// Members of a JSON object.
pub type Members = Map<String, Value>;

/// Where files come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Source {
    /// Zendesk: slas/policies, business_hours/schedules, and the holidays of each schedule
    Zendesk,
    /// Freshdesk: sla_policies, business_hours
    Freshdesk,
    /// Chatwoot: sla_policies, inboxes
    Chatwoot,
    /// Zammad: slas, calendars
    Zammad,
    /// Dueline: what `cargo admin export` has printed
    Dueline,
}

/// A file that has been read.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// Its path, as the operator wrote it.
    pub path: String,
    /// What it contains.
    pub json: Value,
}

/// A file that is not what it should be.
#[derive(Debug, PartialEq, Eq)]
pub struct BadFile {
    path: String,
    reason: String,
}

/// What files come to.
#[derive(Debug, Default, PartialEq)]
pub struct Plan {
    /// The calendars, in the order in which they are to be created.
    pub calendars: Vec<CalendarPlan>,
    /// The rules, in the order in which they are to be created.
    pub rules: Vec<RulePlan>,
    /// The policies.
    pub policies: Vec<PolicyPlan>,
    /// Members of the settings.
    pub settings: Option<Members>,
    /// What an operator should know about the files as a whole.
    pub warnings: Vec<String>,
}

/// A calendar.
#[derive(Debug, PartialEq)]
pub struct CalendarPlan {
    /// Its name, by which it is found again.
    pub name: String,
    /// Its members, or the reason why it cannot be brought over. A calendar that exists keeps those
    /// that are absent.
    pub members: Result<Members, String>,
    /// What was left out or changed.
    pub notes: Vec<String>,
}

/// A rule.
#[derive(Debug, PartialEq)]
pub struct RulePlan {
    /// Its name.
    pub name: String,
    /// Its priority. The name and the priority together are what it is found again by.
    pub priority: Option<String>,
    /// Its members without the calendar, or the reason why it cannot be brought over.
    pub members: Result<Members, String>,
    /// The name of its calendar.
    pub calendar: Option<String>,
    /// What was left out or changed, and why it is disabled.
    pub notes: Vec<String>,
}

/// A policy.
#[derive(Debug, PartialEq)]
pub struct PolicyPlan {
    /// Its name, by which it is found again.
    pub name: String,
    /// Its members.
    pub members: Members,
}

/// The targets of one priority, in minutes: `None` where there is none, or why it cannot be read.
pub(crate) struct Targets {
    pub(crate) response: Target,
    pub(crate) resolution: Target,
    pub(crate) next_response: Target,
}

/// A number of minutes, if there is one, or why it cannot be read.
pub(crate) type Target = Result<Option<u64>, String>;

/// Whose hours the targets of a rule count.
#[derive(Clone, Debug)]
pub(crate) enum Hours {
    /// Every hour.
    All,
    /// Those of the calendar with this name.
    Of(String),
    /// Those of a calendar that the files do not tell, for this reason.
    Untold(String),
}

/// The priorities, least urgent first: the order in which the rules of a policy are created.
pub(crate) const PRIORITIES: [&str; 4] = ["low", "normal", "high", "urgent"];

impl Source {
    /// What files come to.
    pub fn plan(self, files: &[SourceFile]) -> Result<Plan, BadFile> {
        match self {
            Source::Zendesk => zendesk::plan(files),
            Source::Freshdesk => freshdesk::plan(files),
            Source::Chatwoot => chatwoot::plan(files),
            Source::Zammad => zammad::plan(files),
            Source::Dueline => dueline::plan(files),
        }
    }
}

impl SourceFile {
    fn bad(&self, reason: impl Into<String>) -> BadFile {
        BadFile {
            path: self.path.clone(),
            reason: reason.into(),
        }
    }
}

impl BadFile {
    /// A file, and what is wrong with it.
    pub fn new(path: impl Into<String>, reason: impl Into<String>) -> BadFile {
        BadFile {
            path: path.into(),
            reason: reason.into(),
        }
    }
}

impl RulePlan {
    /// A rule that cannot be brought over.
    pub(crate) fn refused(
        name: &str,
        priority: Option<&str>,
        reason: impl Into<String>,
    ) -> RulePlan {
        RulePlan {
            name: name.to_owned(),
            priority: priority.map(str::to_owned),
            members: Err(reason.into()),
            calendar: None,
            notes: Vec::new(),
        }
    }

    /// The rule of a priority. It is disabled for each of `reasons`, and if its hours are not told.
    pub(crate) fn new(
        name: &str,
        priority: &str,
        targets: Targets,
        hours: &Hours,
        mut reasons: Vec<String>,
        mut notes: Vec<String>,
    ) -> RulePlan {
        let calendar = match hours {
            Hours::All => None,
            Hours::Of(calendar) => Some(calendar.clone()),
            Hours::Untold(reason) => {
                reasons.push(reason.clone());
                None
            }
        };
        let next_response = targets.next_response.unwrap_or_else(|reason| {
            notes.push(format!("the next response is left out: {reason}"));
            None
        });
        let required = |target: Target, what: &str| match target {
            Ok(Some(minutes)) => Ok(minutes),
            Ok(None) => Err(format!(
                "it has no target for the {what}, which a rule needs"
            )),
            Err(reason) => Err(format!(
                "its target for the {what} cannot be read: {reason}"
            )),
        };
        let response = required(targets.response, "first response");
        let resolution = required(targets.resolution, "resolution");
        let members = response.and_then(|response| {
            let mut members = Members::new();
            let mut add = |member: &str, value: Value| members.insert(member.to_owned(), value);
            add("name", name.into());
            add("priority", priority.into());
            add("responseTarget", response.into());
            add("resolutionTarget", resolution?.into());
            add("businessHoursOnly", (!matches!(hours, Hours::All)).into());
            add("enabled", reasons.is_empty().into());
            if let Some(next_response) = next_response {
                add("nextResponseTarget", next_response.into());
            }
            Ok(members)
        });
        if members.is_err() {
            reasons.clear();
        }
        let disabled = reasons
            .into_iter()
            .map(|reason| format!("disabled: {reason}"));
        RulePlan {
            name: name.to_owned(),
            priority: Some(priority.to_owned()),
            members,
            calendar,
            notes: disabled.chain(notes).collect(),
        }
    }
}

/// Why a rule is disabled whose policy takes only some tickets.
pub(crate) fn conditional(product: &str, conditions: &[String]) -> String {
    format!(
        "in {product} it is only for tickets with certain {}, and a rule is for all tickets of its priority",
        conditions.join(", ")
    )
}

impl fmt::Display for BadFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.reason)
    }
}

impl Error for BadFile {}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file as a test has it.
    pub(super) fn file(path: &str, json: Value) -> SourceFile {
        SourceFile {
            path: path.to_owned(),
            json,
        }
    }

    /// The members of a rule and its notes, or why it is refused.
    pub(super) fn told(rule: &RulePlan) -> String {
        let members = match &rule.members {
            Ok(members) => Value::Object(members.clone()).to_string(),
            Err(reason) => reason.clone(),
        };
        format!("{members} {:?} {}", rule.calendar, rule.notes.join("; "))
    }

    #[test]
    fn a_rule_needs_two_targets_in_whole_minutes_and_is_disabled_for_reasons() {
        let rule = |response: Target, hours: Hours, reasons: &[&str]| {
            let targets = Targets {
                response,
                resolution: Ok(Some(60)),
                next_response: Err("30 seconds are not whole minutes".to_owned()),
            };
            let reasons = reasons.iter().map(|reason| (*reason).to_owned()).collect();
            told(&RulePlan::new(
                "Gold",
                "high",
                targets,
                &hours,
                reasons,
                Vec::new(),
            ))
        };
        let left_out = "the next response is left out: 30 seconds are not whole minutes";
        assert_eq!(
            rule(Ok(Some(30)), Hours::Of("Office".to_owned()), &[]),
            format!(
                r#"{{"name":"Gold","priority":"high","responseTarget":30,"resolutionTarget":60,"businessHoursOnly":true,"enabled":true}} Some("Office") {left_out}"#
            )
        );
        assert_eq!(
            rule(
                Ok(Some(30)),
                Hours::Untold("nobody knows".to_owned()),
                &["because"]
            ),
            format!(
                r#"{{"name":"Gold","priority":"high","responseTarget":30,"resolutionTarget":60,"businessHoursOnly":true,"enabled":false}} None disabled: because; disabled: nobody knows; {left_out}"#
            )
        );
        assert_eq!(
            rule(Ok(None), Hours::All, &["because"]),
            format!("it has no target for the first response, which a rule needs None {left_out}")
        );
    }
}
