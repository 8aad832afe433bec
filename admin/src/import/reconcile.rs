//! Compares a plan with what a team has: what is to be added, what to be replaced, and what stays.
//!
//! Calendars and policies are found again by their names, rules by name and priority. The readers of
//! the API check every item, so nothing is written that a client could not have written.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use shared::dialect::explain;
use shared::domain::id::{CalendarId, PolicyId, Randomness, RuleId};
use shared::domain::policy::{MAX_POLICIES, Policy, PolicyDraft};
use shared::domain::principal::Mode;
use shared::domain::rule::{self, MAX_RULES, Rule, RuleDraft};
use shared::domain::team_calendar::{CalendarDraft, MAX_CALENDARS, TeamCalendar};
use shared::fields::{self, Fields};
use shared::store::calendars::check_size;
use shared::store::transfer::{Contents, Step};

use super::{CalendarPlan, Members, Plan, PolicyPlan, RulePlan};

/// What is to be written, and what an operator sees of it.
#[derive(Debug, Default, PartialEq)]
pub struct Changes {
    /// The writes, in the order in which they succeed.
    pub steps: Vec<Step>,
    /// A row for each item of the plan.
    pub rows: Vec<Row>,
}

/// What became of an item.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// `calendar`, `rule`, `policy` or `settings`.
    pub kind: &'static str,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The priority of a rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<String>,
    /// What became of it.
    pub outcome: Outcome,
    /// The members that change.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<String>,
    /// Why it was skipped or is disabled, and what was left out.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// What becomes of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// There was none.
    Created,
    /// There was one, and it was different.
    Updated,
    /// There was one, and it was equal.
    Unchanged,
    /// It is not brought over.
    Skipped,
}

/// Makes ids of one instant that sort in the order in which they are made: the oldest enabled rule of
/// a priority applies.
pub struct Ids {
    now: Timestamp,
    random: Randomness,
    issued: u32,
}

/// An item that is to be written, and the members that it changes if it exists already.
type Write = Option<(Step, Vec<String>)>;

struct Reconciler<'a> {
    plan: &'a Plan,
    contents: &'a Contents,
    ids: Ids,
    changes: Changes,
    /// The calendars that rules can name, by name.
    calendars: BTreeMap<String, CalendarId>,
}

/// What is to be written so that the team in this mode has what the plan says; an error if it would
/// have more of something than it may have.
pub fn changes(plan: &Plan, contents: &Contents, mode: Mode, ids: Ids) -> Result<Changes, String> {
    let mut reconciler = Reconciler {
        plan,
        contents,
        ids,
        changes: Changes::default(),
        calendars: BTreeMap::new(),
    };
    reconciler.calendars();
    reconciler.rules();
    reconciler.policies(mode);
    reconciler.settings();
    let changes = reconciler.changes;
    let limits = [
        (
            "calendar",
            "calendars",
            contents.calendars.len(),
            MAX_CALENDARS,
        ),
        ("rule", "rules", contents.rules.len(), MAX_RULES),
        ("policy", "policies", contents.policies.len(), MAX_POLICIES),
    ];
    for (kind, plural, have, max) in limits {
        let created = |row: &&Row| row.kind == kind && row.outcome == Outcome::Created;
        let would_have = have + changes.rows.iter().filter(created).count();
        if would_have > max as usize {
            return Err(format!(
                "the team would have {would_have} {plural}, and may have {max}"
            ));
        }
    }
    Ok(changes)
}

impl Ids {
    /// Ids from this instant on.
    pub fn new(now: Timestamp, random: Randomness) -> Ids {
        Ids {
            now,
            random,
            issued: 0,
        }
    }

    fn next(&mut self) -> (Timestamp, Randomness) {
        let mut random = self.random;
        // In an id these bytes follow the time. An import makes at most 1,300 ids.
        for (byte, counted) in random.iter_mut().zip(self.issued.to_be_bytes()) {
            *byte = counted;
        }
        self.issued += 1;
        (self.now, random)
    }
}

impl Reconciler<'_> {
    fn calendars(&mut self) {
        let mut writes = Vec::new();
        for planned in &self.plan.calendars {
            let mut notes = planned.notes.clone();
            let written = self.calendar(planned, &mut notes);
            let is_default = |step: &Step| match step {
                Step::AddCalendar(new) => new.draft.is_default,
                Step::ReplaceCalendar { new, .. } => new.draft.is_default,
                _ => false,
            };
            if written.is_err() {
                notes.clear();
            }
            let row = row("calendar", Some(&planned.name), None, notes, &written);
            self.changes.rows.push(row);
            if let Ok(Some((step, _))) = written {
                writes.push((is_default(&step), step));
            }
        }
        // The one that becomes the default comes last: it changes the one that is, which must not
        // have been changed since it was read, unless that gives it up itself.
        writes.sort_by_key(|(is_default, _)| *is_default);
        self.changes
            .steps
            .extend(writes.into_iter().map(|(_, step)| step));
        // Rules may also name calendars that the team has already.
        for calendar in &self.contents.calendars {
            let name = calendar.draft.name.as_str();
            let is_planned = self
                .plan
                .calendars
                .iter()
                .any(|planned| planned.name == name);
            if !is_planned && calendars_named(self.contents, name).len() == 1 {
                self.calendars.insert(name.to_owned(), calendar.id.clone());
            }
        }
    }

    fn calendar(
        &mut self,
        planned: &CalendarPlan,
        notes: &mut Vec<String>,
    ) -> Result<Write, String> {
        let members = planned.members.clone()?;
        let others = self
            .plan
            .calendars
            .iter()
            .filter(|other| other.members.is_ok());
        if others.filter(|other| other.name == planned.name).count() > 1 {
            return Err("the files have several calendars of this name".to_owned());
        }
        let current = match calendars_named(self.contents, &planned.name).as_slice() {
            [] => None,
            [current] => Some(*current),
            several => {
                return Err(format!(
                    "the team has {} calendars of this name",
                    several.len()
                ));
            }
        };
        let before = current.map(|current| fields::calendar::members(&current.draft));
        let zone = members.get("timeZone").cloned();
        let fields = Fields::new(members).over(before.clone().unwrap_or_default());
        let draft = fields::calendar::draft(fields).map_err(|problem| {
            let reason = explain(&problem);
            let is_about_zone = reason.contains("'timeZone'");
            // The reason says what a zone may be, and an operator looks for the one that it is.
            match zone.filter(|_| is_about_zone) {
                Some(zone) => format!("{reason} It is {zone}."),
                None => reason,
            }
        })?;
        check_size(&draft.schedule).map_err(|problem| explain(&problem))?;
        self.check_default(planned, &draft, current, notes)?;
        let Some((current, before)) = current.zip(before) else {
            let (now, random) = self.ids.next();
            let calendar = TeamCalendar::new(CalendarId::new(now, &random), draft);
            self.calendars
                .insert(planned.name.clone(), calendar.id.clone());
            return Ok(Some((Step::AddCalendar(calendar), Vec::new())));
        };
        self.calendars
            .insert(planned.name.clone(), current.id.clone());
        // Members, since the order of exceptions means nothing.
        let changed = changed(&before, &fields::calendar::members(&draft));
        let (new, current) = (Box::new(current.changed(draft)), Box::new(current.clone()));
        let replaced = (Step::ReplaceCalendar { new, current }, changed);
        Ok(Some(replaced).filter(|(_, changed)| !changed.is_empty()))
    }

    /// Checks that a calendar is the only one of the plan that is to be the default, and notes whose
    /// place it takes.
    fn check_default(
        &self,
        planned: &CalendarPlan,
        draft: &CalendarDraft,
        current: Option<&TeamCalendar>,
        notes: &mut Vec<String>,
    ) -> Result<(), String> {
        if !draft.is_default {
            return Ok(());
        }
        let says_so = |other: &&CalendarPlan| {
            let members = other.members.as_ref();
            members.is_ok_and(|members| members.get("default") == Some(&true.into()))
        };
        let first = self.plan.calendars.iter().find(says_so);
        if first.is_some_and(|first| first.name != planned.name) {
            return Err("another calendar of the files is the default".to_owned());
        }
        let is_other = |other: &&TeamCalendar| {
            other.draft.is_default && current.is_none_or(|current| current.id != other.id)
        };
        if let Some(other) = self.contents.calendars.iter().find(is_other) {
            let name = other.draft.name.as_str();
            notes.push(format!("it becomes the default in place of \"{name}\""));
        }
        Ok(())
    }

    fn rules(&mut self) {
        let mut rules = self.contents.rules.clone();
        // Of each row with a rule: its place, and the rule's id.
        let mut imported = Vec::new();
        for planned in &self.plan.rules {
            let mut notes = planned.notes.clone();
            let written = self.rule(planned, &mut notes);
            let (written, id) = match written {
                Ok((write, id)) => (Ok(write), Some(id)),
                Err(reason) => (Err(reason), None),
            };
            let priority = planned.priority.as_deref();
            let row = row("rule", Some(&planned.name), priority, notes, &written);
            imported.extend(id.map(|id| (self.changes.rows.len(), id)));
            self.changes.rows.push(row);
            let Ok(Some((step, _))) = written else {
                continue;
            };
            match &step {
                Step::AddRule(new) => rules.push(new.clone()),
                Step::ReplaceRule { new, .. } => {
                    rules
                        .iter_mut()
                        .filter(|rule| rule.id == new.id)
                        .for_each(|rule| *rule = new.clone());
                }
                _ => {}
            }
            self.changes.steps.push(step);
        }
        for (place, id) in imported {
            if let Some((note, row)) = eclipsed(&rules, &id).zip(self.changes.rows.get_mut(place)) {
                row.note = join(&[&row.note, &note]);
            }
        }
    }

    fn rule(
        &mut self,
        planned: &RulePlan,
        notes: &mut Vec<String>,
    ) -> Result<(Write, RuleId), String> {
        let mut members = planned.members.clone()?;
        let key =
            |name: &str, priority: Option<&str>| (name.to_owned(), priority.map(str::to_owned));
        let own = key(&planned.name, planned.priority.as_deref());
        let others = self.plan.rules.iter().filter(|other| other.members.is_ok());
        let namesakes = others.filter(|other| key(&other.name, other.priority.as_deref()) == own);
        if namesakes.count() > 1 {
            return Err("the files have several rules of this name and priority".to_owned());
        }
        if let Some(calendar) = &planned.calendar {
            match self.calendars.get(calendar) {
                Some(id) => {
                    members.insert("calendarId".to_owned(), id.as_str().into());
                }
                None => {
                    members.insert("enabled".to_owned(), false.into());
                    notes.insert(
                        0,
                        format!("disabled: its calendar \"{calendar}\" is not brought over"),
                    );
                }
            }
        }
        let draft =
            fields::rule::draft(Fields::new(members)).map_err(|problem| explain(&problem))?;
        let contents = self.contents;
        let is_same =
            |rule: &&Rule| key(rule.draft.name.as_str(), Some(rule.draft.priority.as_str())) == own;
        let existing: Vec<&Rule> = contents.rules.iter().filter(is_same).collect();
        match existing.as_slice() {
            [] => {
                let (now, random) = self.ids.next();
                let rule = Rule::new(RuleId::new(now, &random), draft);
                let id = rule.id.clone();
                Ok((Some((Step::AddRule(rule), Vec::new())), id))
            }
            [current] if current.draft == draft => Ok((None, current.id.clone())),
            [current] => Ok((Some(replaced_rule(current, draft)), current.id.clone())),
            several => Err(format!(
                "the team has {} rules of this name and priority",
                several.len()
            )),
        }
    }

    /// Name and due time are each unique in a workspace. So a policy waits until the due time that it
    /// is to have is free, which another one may have to give up first.
    fn policies(&mut self, mode: Mode) {
        let mut held: Vec<Policy> = self.contents.policies.clone();
        let mut outcomes: Vec<Option<Result<Write, String>>> = Vec::new();
        outcomes.resize_with(self.plan.policies.len(), || None);
        loop {
            let mut progress = false;
            for (planned, outcome) in self.plan.policies.iter().zip(&mut outcomes) {
                if outcome.is_none() {
                    *outcome = self::policy(planned, self.plan, mode, &held, &mut self.ids);
                    if let Some(Ok(Some((step, _)))) = outcome {
                        hold(&mut held, step);
                        self.changes.steps.push(step.clone());
                    }
                    progress |= outcome.is_some();
                }
            }
            if !progress {
                break;
            }
        }
        for (planned, outcome) in self.plan.policies.iter().zip(outcomes) {
            let taken = || Err("another policy has its due time".to_owned());
            let outcome = outcome.unwrap_or_else(taken);
            let row = row("policy", Some(&planned.name), None, Vec::new(), &outcome);
            self.changes.rows.push(row);
        }
    }

    fn settings(&mut self) {
        let Some(members) = &self.plan.settings else {
            return;
        };
        let current = &self.contents.settings;
        let before = fields::settings::members(current);
        let changed = fields::settings::change(Fields::new(members.clone()), current);
        let written = changed.map_err(|problem| explain(&problem)).map(|new| {
            let changed = self::changed(&before, &fields::settings::members(&new));
            let current = current.clone();
            (!changed.is_empty()).then_some((Step::ReplaceSettings { new, current }, changed))
        });
        let mut row = row("settings", None, None, Vec::new(), &written);
        // Settings are always there, so an import never creates them.
        if row.outcome == Outcome::Created {
            row.outcome = Outcome::Updated;
        }
        self.changes.rows.push(row);
        self.changes
            .steps
            .extend(written.ok().flatten().map(|(step, _)| step));
    }
}

fn calendars_named<'a>(contents: &'a Contents, name: &str) -> Vec<&'a TeamCalendar> {
    let calendars = contents.calendars.iter();
    let named = calendars.filter(|calendar| calendar.draft.name.as_str() == name);
    named.collect()
}

/// What becomes of a policy, unless another one has its due time now.
fn policy(
    planned: &PolicyPlan,
    plan: &Plan,
    mode: Mode,
    held: &[Policy],
    ids: &mut Ids,
) -> Option<Result<Write, String>> {
    if mode == Mode::Test {
        return Some(Err("Rocket.Chat's users see live data only".to_owned()));
    }
    if plan
        .policies
        .iter()
        .filter(|other| other.name == planned.name)
        .count()
        > 1
    {
        return Some(Err("the file has several policies of this name".to_owned()));
    }
    let draft = match fields::policy::draft(Fields::new(planned.members.clone())) {
        Ok(draft) => draft,
        Err(problem) => return Some(Err(explain(&problem))),
    };
    let current = held.iter().find(|policy| policy.draft.name == draft.name);
    let takes = |other: &&Policy| {
        other.draft.due_time_in_minutes == draft.due_time_in_minutes
            && other.draft.name != draft.name
    };
    if held.iter().any(|other| takes(&other)) {
        return None;
    }
    Some(Ok(match current {
        Some(current) if current.draft == draft => None,
        Some(current) => Some(replaced_policy(current, draft, ids)),
        None => {
            let (now, random) = ids.next();
            let policy = Policy::new(PolicyId::new(now, &random), draft, now);
            Some((Step::AddPolicy(policy), Vec::new()))
        }
    }))
}

fn replaced_policy(current: &Policy, draft: PolicyDraft, ids: &mut Ids) -> (Step, Vec<String>) {
    let (before, after) = (
        fields::policy::members(&current.draft),
        fields::policy::members(&draft),
    );
    let changed = changed(&before, &after);
    let (new, current) = (current.replaced(draft, ids.now), current.clone());
    (Step::ReplacePolicy { new, current }, changed)
}

fn replaced_rule(current: &Rule, draft: RuleDraft) -> (Step, Vec<String>) {
    let (before, after) = (
        fields::rule::members(&current.draft),
        fields::rule::members(&draft),
    );
    let changed = changed(&before, &after);
    let (new, current) = (current.changed(draft), current.clone());
    (Step::ReplaceRule { new, current }, changed)
}

/// Notes what a step does to the policies.
fn hold(held: &mut Vec<Policy>, step: &Step) {
    match step {
        Step::AddPolicy(new) => held.push(new.clone()),
        Step::ReplacePolicy { new, .. } => {
            held.iter_mut()
                .filter(|policy| policy.id == new.id)
                .for_each(|policy| *policy = new.clone());
        }
        _ => {}
    }
}

/// A note on a rule that is enabled and does not apply, since an older one does.
fn eclipsed(rules: &[Rule], id: &RuleId) -> Option<String> {
    let rule = rules.iter().find(|rule| rule.id == *id)?;
    let applied = rule::applied(rules, rule.draft.priority)?;
    (rule.draft.enabled && applied.id != *id).then(|| {
        let older = applied.draft.name.as_str();
        format!("it does not apply while \"{older}\" is enabled, which is older")
    })
}

/// The members that differ.
fn changed(before: &Members, after: &Members) -> Vec<String> {
    let names = before
        .keys()
        .chain(after.keys().filter(|name| !before.contains_key(*name)));
    let changed = names.filter(|name| before.get(*name) != after.get(*name));
    changed.cloned().collect()
}

fn row(
    kind: &'static str,
    name: Option<&str>,
    priority: Option<&str>,
    notes: Vec<String>,
    written: &Result<Write, String>,
) -> Row {
    let (outcome, changed, reason) = match written {
        Err(reason) => (Outcome::Skipped, Vec::new(), reason.as_str()),
        Ok(None) => (Outcome::Unchanged, Vec::new(), ""),
        Ok(Some((_, changed))) if changed.is_empty() => (Outcome::Created, Vec::new(), ""),
        Ok(Some((_, changed))) => (Outcome::Updated, changed.clone(), ""),
    };
    let notes = notes.iter().map(String::as_str);
    let notes: Vec<&str> = [reason].into_iter().chain(notes).collect();
    Row {
        kind,
        name: name.map(str::to_owned),
        priority: priority.map(str::to_owned),
        outcome,
        changed,
        note: join(&notes),
    }
}

fn join(notes: &[&str]) -> String {
    let notes = notes.iter().copied().filter(|note| !note.is_empty());
    notes.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn members(json: Value) -> Members {
        json.as_object().expect("an object").clone()
    }

    fn calendar_plan(name: &str, more: Value) -> CalendarPlan {
        let mut all = members(
            json!({"name": name, "timeZone": "UTC", "hours": {"monday": [["09:00", "17:00"]]}}),
        );
        all.extend(members(more));
        CalendarPlan {
            name: name.to_owned(),
            members: Ok(all),
            notes: Vec::new(),
        }
    }

    fn rule_plan(name: &str, calendar: Option<&str>) -> RulePlan {
        let rule =
            json!({"name": name, "priority": "low", "responseTarget": 1, "resolutionTarget": 2});
        RulePlan {
            name: name.to_owned(),
            priority: Some("low".to_owned()),
            members: Ok(members(rule)),
            calendar: calendar.map(str::to_owned),
            notes: Vec::new(),
        }
    }

    fn ids(second: i64) -> Ids {
        Ids::new(Timestamp::from_second(second).expect("an instant"), [7; 10])
    }

    fn reconciled(plan: &Plan, contents: &Contents) -> Changes {
        changes(plan, contents, Mode::Live, ids(1_000)).expect("within the limits")
    }

    /// What a team has once a plan is carried out.
    fn carried_out(plan: &Plan, second: i64, mut contents: Contents) -> Contents {
        let changes = changes(plan, &contents, Mode::Live, ids(second)).expect("within the limits");
        for step in changes.steps {
            match step {
                Step::AddCalendar(calendar) => contents.calendars.push(calendar),
                Step::AddRule(rule) => contents.rules.push(rule),
                other => panic!("{other:?}"),
            }
        }
        contents
    }

    fn notes(changes: &Changes) -> Vec<(Outcome, &str)> {
        changes
            .rows
            .iter()
            .map(|row| (row.outcome, row.note.as_str()))
            .collect()
    }

    #[test]
    fn a_calendar_keeps_what_the_files_do_not_have_and_loses_what_they_leave_out() {
        let first = Plan {
            calendars: vec![calendar_plan(
                "Office",
                json!({
                "hours": {"monday": [["09:00", "17:00"]], "sunday": [["10:00", "11:00"]]},
                "holidays": ["2026-12-25"], "exceptions": {"2026-12-24": []}, "default": true}),
            )],
            ..Plan::default()
        };
        let contents = carried_out(&first, 0, Contents::default());
        let second = Plan {
            calendars: vec![calendar_plan("Office", json!({}))],
            ..Plan::default()
        };
        let changes = reconciled(&second, &contents);
        let current = contents.calendars.first().expect("a calendar");
        let mut draft = current.draft.clone();
        draft.schedule.hours = Default::default();
        draft.schedule.hours[0] = vec![("09:00".to_owned(), "17:00".to_owned())];
        let (new, current) = (Box::new(current.changed(draft)), Box::new(current.clone()));
        let row = Row {
            kind: "calendar",
            name: Some("Office".to_owned()),
            priority: None,
            outcome: Outcome::Updated,
            changed: vec!["hours".to_owned()],
            note: String::new(),
        };
        let expected = Changes {
            steps: vec![Step::ReplaceCalendar { new, current }],
            rows: vec![row],
        };
        assert_eq!(changes, expected);
    }

    #[test]
    fn namesakes_are_skipped_and_rules_without_their_calendar_are_disabled() {
        let office = || vec![calendar_plan("Office", json!({}))];
        let only_calendar = Plan {
            calendars: office(),
            ..Plan::default()
        };
        let mut contents = carried_out(&only_calendar, 0, Contents::default());
        let mut plan = Plan {
            calendars: office(),
            rules: vec![
                rule_plan("R", Some("Office")),
                rule_plan("S", Some("Nowhere")),
            ],
            ..Plan::default()
        };
        contents.calendars.extend(contents.calendars.clone());
        let disabled =
            |calendar: &str| format!("disabled: its calendar \"{calendar}\" is not brought over");
        assert_eq!(
            notes(&reconciled(&plan, &contents)),
            [
                (Outcome::Skipped, "the team has 2 calendars of this name"),
                (Outcome::Created, disabled("Office").as_str()),
                (Outcome::Created, disabled("Nowhere").as_str()),
            ]
        );
        plan.calendars
            .push(calendar_plan("Office", json!({"default": true})));
        plan.rules = vec![rule_plan("R", None), rule_plan("R", None)];
        let twice = "the files have several rules of this name and priority";
        assert_eq!(
            notes(&reconciled(&plan, &Contents::default())),
            [
                (
                    Outcome::Skipped,
                    "the files have several calendars of this name"
                ),
                (
                    Outcome::Skipped,
                    "the files have several calendars of this name"
                ),
                (Outcome::Skipped, twice),
                (Outcome::Skipped, twice),
            ]
        );
        plan.calendars = vec![
            calendar_plan("A", json!({"default": true})),
            calendar_plan("B", json!({"default": true})),
            calendar_plan("C", json!({"timeZone": "Atlantis"})),
        ];
        plan.rules.clear();
        assert_eq!(
            notes(&reconciled(&plan, &Contents::default())),
            [
                (Outcome::Created, ""),
                (
                    Outcome::Skipped,
                    "another calendar of the files is the default"
                ),
                (
                    Outcome::Skipped,
                    "The 'timeZone' field must be an IANA time zone name, such as Europe/Berlin. It is \"Atlantis\"."
                ),
            ]
        );
    }

    #[test]
    fn an_older_enabled_rule_of_the_priority_is_named() {
        let older = Plan {
            rules: vec![rule_plan("Older", None)],
            ..Plan::default()
        };
        let contents = carried_out(&older, 0, Contents::default());
        let newer = Plan {
            rules: vec![rule_plan("Newer", None), rule_plan("Older", None)],
            ..Plan::default()
        };
        let note = "it does not apply while \"Older\" is enabled, which is older";
        assert_eq!(
            notes(&reconciled(&newer, &contents)),
            [(Outcome::Created, note), (Outcome::Unchanged, "")]
        );
    }

    #[test]
    fn rules_sort_in_the_order_of_the_plan_and_are_limited_before_anything_is_written() {
        let plan = |first: u32, number: u32| Plan {
            rules: (first..first + number)
                .map(|rule| rule_plan(&format!("R{rule}"), None))
                .collect(),
            ..Plan::default()
        };
        let contents = carried_out(&plan(0, MAX_RULES), 0, Contents::default());
        let created: Vec<&RuleId> = contents.rules.iter().map(|rule| &rule.id).collect();
        assert_eq!(created.len(), 200);
        assert!(created.is_sorted_by(|older, newer| older < newer));
        // All of them exist, and one more is one too many.
        assert_eq!(reconciled(&plan(0, MAX_RULES), &contents).steps, []);
        let refused = changes(&plan(150, MAX_RULES), &contents, Mode::Live, ids(1_000));
        let reason = "the team would have 350 rules, and may have 200";
        assert_eq!(refused, Err(reason.to_owned()));
    }
}
