//! Recalculations, as clients ask for them.

use serde_json::Value;

use crate::domain::id::{CalendarId, RuleId};
use crate::domain::priority::Priority;
use crate::domain::recalculation::Selection;
use crate::domain::rule::{MAX_RULES, RuleDraft};
use crate::domain::team_calendar::{CalendarDraft, MAX_CALENDARS};
use crate::fields::{Fields, calendar, rule};
use crate::problem::{Problem, Reason, TeamReason};

/// A request for a recalculation.
#[derive(Debug)]
pub struct RecalculationRequest {
    /// Whether nothing is written.
    pub dry_run: bool,
    /// Which tickets are recalculated.
    pub selection: Selection,
    /// The rules and calendars that would be there.
    pub drafts: Drafts,
    /// Where the open tickets begin, if the client says so.
    pub cursor: Option<String>,
}

/// Rules and calendars as they would be.
#[derive(Debug, Default)]
pub struct Drafts {
    /// The rules.
    pub rules: Vec<Draft<RuleId>>,
    /// The calendars.
    pub calendars: Vec<Draft<CalendarId>>,
}

/// Something as it would be.
#[derive(Debug)]
pub struct Draft<Id> {
    /// The id of what it replaces; `None` for something new.
    pub id: Option<Id>,
    /// Its members, as far as they change.
    members: Fields,
    /// Its path in the request.
    path: String,
}

/// Reads a request for a recalculation.
pub fn request(mut fields: Fields) -> Result<RecalculationRequest, Problem> {
    let dry_run = if fields.has("dryRun") {
        fields.boolean("dryRun", false)
    } else {
        fields.refuse("dryRun", Reason::Missing)
    };
    let rule_id = fields.optional("ruleId", TeamReason::UnknownRule, RuleId::parse);
    let calendar_id = fields.optional("calendarId", TeamReason::UnknownCalendar, CalendarId::parse);
    let priority = TeamReason::NotOneOf(Priority::WORDS);
    let priority = fields.optional("priority", priority, Priority::parse);
    let drafts = drafts(&mut fields, dry_run);
    let cursor = fields.optional("cursor", TeamReason::NotACursor, |text| {
        Some(text.to_owned())
    });
    let request = (|| {
        Some(RecalculationRequest {
            dry_run: dry_run?,
            selection: Selection {
                rule: rule_id?,
                calendar: calendar_id?,
                priority: priority?,
            },
            drafts: drafts?,
            cursor: cursor?,
        })
    })();
    fields.finish(request)
}

fn drafts(fields: &mut Fields, dry_run: Option<bool>) -> Option<Drafts> {
    let members = match fields.take("draft") {
        None => return Some(Drafts::default()),
        Some(_) if dry_run == Some(false) => {
            return fields.refuse("draft", Reason::Team(TeamReason::OnlyInADryRun));
        }
        Some(Value::Object(members)) => members,
        Some(_) => return fields.refuse("draft", Reason::Team(TeamReason::NotADraft)),
    };
    let mut within = Fields::new(members);
    let rules = list(&mut within, "rules", MAX_RULES, |id| {
        RuleId::parse(id).ok_or(TeamReason::UnknownRule)
    });
    let calendars = list(&mut within, "calendars", MAX_CALENDARS, |id| {
        CalendarId::parse(id).ok_or(TeamReason::UnknownCalendar)
    });
    let drafts = rules
        .zip(calendars)
        .map(|(rules, calendars)| Drafts { rules, calendars });
    match within.finish(drafts) {
        Ok(drafts) => Some(drafts),
        Err(Problem::Invalid(violations)) => {
            fields.refuse_within("draft", violations);
            None
        }
        Err(_) => fields.refuse("draft", Reason::Team(TeamReason::NotADraft)),
    }
}

fn list<Id>(
    fields: &mut Fields,
    name: &'static str,
    max: u32,
    parse: fn(&str) -> Result<Id, TeamReason>,
) -> Option<Vec<Draft<Id>>> {
    let given = match fields.take(name) {
        None => return Some(Vec::new()),
        Some(Value::Array(given)) if given.len() <= max as usize => given,
        Some(_) => return fields.refuse(name, Reason::Team(TeamReason::NotDrafts { max })),
    };
    let mut drafts = Vec::with_capacity(given.len());
    for (index, value) in given.into_iter().enumerate() {
        let Value::Object(mut members) = value else {
            let reason = Reason::Team(TeamReason::NotAnObject);
            return fields.refuse(format!("{name}[{index}]"), reason);
        };
        let id = match members.shift_remove("id") {
            None => None,
            Some(id) => match parse(id.as_str().unwrap_or_default()) {
                Ok(id) => Some(id),
                Err(reason) => {
                    return fields.refuse(format!("{name}[{index}].id"), Reason::Team(reason));
                }
            },
        };
        drafts.push(Draft {
            id,
            members: Fields::new(members),
            path: format!("draft.{name}[{index}]"),
        });
    }
    Some(drafts)
}

impl Draft<RuleId> {
    /// The rule as it would be: `current` with the members that change, or a new one.
    pub fn rule(self, current: Option<&RuleDraft>) -> Result<RuleDraft, Problem> {
        let rule = match current {
            Some(current) => rule::change(self.members, current),
            None => rule::draft(self.members),
        };
        rule.map_err(|problem| within(&self.path, problem))
    }

    /// There is no rule with its id.
    pub fn unknown(&self) -> Problem {
        Problem::unknown_rule(format!("{}.id", self.path))
    }

    /// There is no calendar with the id that it names.
    pub fn unknown_calendar(path: &str) -> Problem {
        Problem::unknown_calendar_in(format!("{path}.calendarId"))
    }
}

impl Draft<CalendarId> {
    /// The calendar as it would be: `current` with the members that change, or a new one.
    pub fn calendar(self, current: Option<&CalendarDraft>) -> Result<CalendarDraft, Problem> {
        let calendar = match current {
            Some(current) => calendar::change(self.members, current),
            None => calendar::draft(self.members),
        };
        calendar.map_err(|problem| within(&self.path, problem))
    }

    /// There is no calendar with its id.
    pub fn unknown(&self) -> Problem {
        Problem::unknown_calendar_in(format!("{}.id", self.path))
    }
}

impl<Id> Draft<Id> {
    /// Its path in the request, such as `draft.rules[0]`.
    pub fn path(&self) -> &str {
        &self.path
    }
}

/// The problem of a draft as a problem of its request.
fn within(path: &str, problem: Problem) -> Problem {
    let Problem::Invalid(mut violations) = problem else {
        return problem;
    };
    for violation in &mut violations {
        violation.field = format!("{path}.{}", violation.field).into();
    }
    Problem::Invalid(violations)
}
