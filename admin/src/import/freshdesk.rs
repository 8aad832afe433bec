//! Freshdesk: `sla_policies` and `business_hours`.
//!
//! From its API reference: a policy has an `sla_target` for each of four priorities, in seconds, and
//! `applicable_to` says which tickets it is for; only the default policy is for all. The policies are
//! tried in the order of `position`, the default one last. Business hours are one interval a day; groups of agents name
//! theirs, and the default ones count everywhere else. The lists have no holidays.

use serde_json::Value;

use super::read::{self, MINUTES_PER_DAY, Week, is_true, text};
use super::{
    BadFile, CalendarPlan, Hours, PRIORITIES, Plan, RulePlan, SourceFile, Targets, conditional,
    zone,
};
use shared::domain::calendar::WEEKDAYS;

/// What the files come to.
pub fn plan(files: &[SourceFile]) -> Result<Plan, BadFile> {
    let (mut policies, mut calendars) = (Vec::new(), Vec::new());
    for file in files {
        let elements = file.json.as_array().map(Vec::as_slice);
        for element in elements.unwrap_or(std::slice::from_ref(&Value::Null)) {
            if element.get("sla_target").is_some_and(Value::is_object) {
                policies.push(element);
            } else if element.get("business_hours").is_some_and(Value::is_object) {
                calendars.push(element);
            } else {
                return Err(
                    file.bad("this is not Freshdesk's list of SLA policies or business hours")
                );
            }
        }
    }
    let hours = hours(&calendars);
    policies.sort_by_key(|policy| (is_true(policy, "is_default"), position(policy)));
    let mut plan = Plan {
        calendars: calendars
            .iter()
            .map(|calendar| self::calendar(calendar))
            .collect(),
        ..Plan::default()
    };
    let mut taken: Option<&str> = None;
    for policy in policies {
        rules(policy, &hours, taken, &mut plan.rules);
        if is_active(policy) && conditions(policy).is_empty() {
            taken = taken.or(Some(text(policy, "name")));
        }
    }
    if calendars.len() > 1 && plan.rules.iter().any(|rule| rule.calendar.is_some()) {
        plan.warnings.push(
            "rules count the default business hours; groups of agents that have others in Freshdesk are not in its lists".to_owned(),
        );
    }
    Ok(plan)
}

fn position(policy: &Value) -> u64 {
    policy
        .get("position")
        .and_then(Value::as_u64)
        .unwrap_or(u64::MAX)
}

fn is_active(policy: &Value) -> bool {
    policy.get("active") != Some(&Value::Bool(false))
}

/// The business hours that policies count: those of the only calendar, or of the default one.
fn hours(calendars: &[&Value]) -> Hours {
    let default = calendars
        .iter()
        .find(|calendar| is_true(calendar, "is_default"));
    match (default, calendars) {
        (Some(one), _) | (None, [one]) => Hours::Of(text(one, "name").to_owned()),
        (None, []) => {
            Hours::Untold("it counts business hours, and none of the files has any".into())
        }
        (None, several) => Hours::Untold(format!(
            "it counts business hours, and none of the {} is the default: name a calendar",
            several.len()
        )),
    }
}

fn calendar(calendar: &Value) -> CalendarPlan {
    let name = text(calendar, "name");
    let mut notes =
        vec!["Freshdesk's list has no holidays: those that it has here are kept".to_owned()];
    if is_true(calendar, "is_default") {
        notes.push(
            "it is the default there: the team's default calendar stays what it is".to_owned(),
        );
    }
    let zone = zone::iana(text(calendar, "time_zone"));
    let days = calendar.get("business_hours").unwrap_or(&Value::Null);
    CalendarPlan {
        name: name.to_owned(),
        members: week(days).map(|week| read::calendar(name, zone, week, None)),
        notes,
    }
}

fn week(days: &Value) -> Result<Week, String> {
    let mut week = Week::default();
    for (name, hours) in days.as_object().into_iter().flatten() {
        let Some(day) = WEEKDAYS.iter().position(|weekday| weekday == name) else {
            return Err(format!(
                "its business hours have \"{name}\", which is no weekday"
            ));
        };
        let time = |member| {
            let text = text(hours, member);
            time(text).ok_or_else(|| format!("\"{text}\" on {name} is not a time in whole minutes"))
        };
        let (from, to) = (time("start_time")?, time("end_time")?);
        // A day that ends at 12:00 am ends at the midnight after it.
        week.open(day, from, if to == 0 { MINUTES_PER_DAY } else { to });
    }
    Ok(week)
}

/// A time of day in minutes: `8:00 am`, `08:00:00 am`. The last second of a day is its end, which is
/// how Freshdesk writes midnight.
fn time(text: &str) -> Option<u64> {
    let lower = text.trim().to_ascii_lowercase();
    let (clock, half) = match lower.split_once(' ') {
        Some((clock, "am")) => (clock, 0),
        Some((clock, "pm")) => (clock, MINUTES_PER_DAY / 2),
        _ => return None,
    };
    let numbers: Option<Vec<u64>> = clock.split(':').map(|part| part.parse().ok()).collect();
    let (hour, minute, second) = match numbers?.as_slice() {
        [hour, minute] => (*hour, *minute, 0),
        [hour, minute, second] => (*hour, *minute, *second),
        _ => return None,
    };
    let is_clock = (1..=12).contains(&hour) && minute < 60;
    let minutes = hour % 12 * 60 + minute + half;
    match second {
        0 if is_clock => Some(minutes),
        59 if is_clock && minutes == MINUTES_PER_DAY - 1 => Some(MINUTES_PER_DAY),
        _ => None,
    }
}

/// What a policy has conditions on.
fn conditions(policy: &Value) -> Vec<String> {
    let is_empty = |value: &Value| match value {
        Value::Null => true,
        Value::Array(values) => values.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    };
    let applicable = policy.get("applicable_to").and_then(Value::as_object);
    let members = applicable.into_iter().flatten();
    let members = members.filter(|(_, values)| !is_empty(values));
    let mut conditions: Vec<String> = members.map(|(name, _)| name.clone()).collect();
    let advanced = policy.get("advanced_conditions");
    if advanced.is_some_and(|advanced| !is_empty(advanced)) {
        conditions.push("advanced_conditions".to_owned());
    }
    conditions
}

fn rules(policy: &Value, hours: &Hours, taken: Option<&str>, rules: &mut Vec<RulePlan>) {
    let name = text(policy, "name");
    let mut reasons = Vec::new();
    if !is_active(policy) {
        reasons.push("it is not active in Freshdesk".to_owned());
    }
    let conditions = conditions(policy);
    if !conditions.is_empty() {
        reasons.push(conditional("Freshdesk", &conditions));
    }
    if let Some(taken) = taken {
        reasons.push(format!(
            "in Freshdesk it is never used, since \"{taken}\" takes every ticket first"
        ));
    }
    let targets = policy.get("sla_target").and_then(Value::as_object);
    if targets.is_none_or(|targets| targets.is_empty()) {
        rules.push(RulePlan::refused(name, None, "it has no targets"));
    }
    let mut unknown: Vec<&String> = targets.into_iter().flatten().map(|(key, _)| key).collect();
    for (number, priority) in (1..).zip(PRIORITIES) {
        let key = format!("priority_{number}");
        let Some(target) = targets.and_then(|targets| targets.get(&key)) else {
            continue;
        };
        unknown.retain(|other| **other != key);
        let mut notes = Vec::new();
        if is_true(target, "escalation_enabled") {
            notes.push("its escalation is left out: agents hear of a breach by webhooks, and of a later one by the settings' escalations".to_owned());
        }
        let targets = Targets {
            response: read::seconds(target.get("respond_within")),
            resolution: read::seconds(target.get("resolve_within")),
            next_response: read::seconds(target.get("next_respond_within")),
        };
        let hours = if is_true(target, "business_hours") {
            hours
        } else {
            &Hours::All
        };
        rules.push(RulePlan::new(
            name,
            priority,
            targets,
            hours,
            reasons.clone(),
            notes,
        ));
    }
    for key in unknown {
        rules.push(RulePlan::refused(
            name,
            Some(key),
            "a rule cannot have this priority",
        ));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{file, told};
    use super::*;

    #[test]
    fn a_time_of_day_is_in_whole_minutes_except_for_the_last_second() {
        for (text, minutes) in [
            ("12:00:00 am", Some(0)),
            ("8:05 am", Some(485)),
            ("12:30 pm", Some(750)),
            ("11:59:59 pm", Some(1_440)),
            ("11:59:00 PM", Some(1_439)),
            ("11:58:59 pm", None),
            ("0:30 am", None),
            ("13:00 pm", None),
            ("08:60 am", None),
            ("08:00", None),
            ("", None),
        ] {
            assert_eq!(time(text), minutes, "{text}");
        }
    }

    #[test]
    fn the_default_policy_comes_last_and_business_hours_need_a_default() {
        let targets = json!({
            "priority_2": {"respond_within": 1800, "resolve_within": 3600, "business_hours": true},
            "priority_9": {"respond_within": 1800, "resolve_within": 3600},
        });
        let policy = |name: &str, is_default: bool, active: bool, advanced: Value| {
            json!({"name": name, "is_default": is_default, "active": active, "position": 1,
                   "sla_target": targets, "advanced_conditions": advanced})
        };
        let policies = json!([
            policy("Default", true, true, Value::Null),
            policy("Old", false, false, Value::Null),
            policy("Some", false, true, json!({"match": "all"})),
        ]);
        let hours = |name: &str| json!({"name": name, "time_zone": "Tokyo", "business_hours": {}});
        let files = [
            file("p.json", policies),
            file("h.json", json!([hours("Day"), hours("Night")])),
            file("none.json", json!([])),
        ];
        let plan = plan(&files).expect("files of Freshdesk");
        let untold =
            "disabled: it counts business hours, and none of the 2 is the default: name a calendar";
        let members = |name: &str| {
            format!(
                r#"{{"name":"{name}","priority":"normal","responseTarget":30,"resolutionTarget":60,"businessHoursOnly":true,"enabled":false}} None disabled:"#
            )
        };
        let unknown = "a rule cannot have this priority None ";
        let conditional = conditional("Freshdesk", &["advanced_conditions".to_owned()]);
        let expected = [
            format!("{} it is not active in Freshdesk; {untold}", members("Old")),
            unknown.to_owned(),
            format!("{} {conditional}; {untold}", members("Some")),
            unknown.to_owned(),
            format!(
                "{} {}",
                members("Default"),
                untold.trim_start_matches("disabled: ")
            ),
            unknown.to_owned(),
        ];
        assert_eq!(plan.rules.iter().map(told).collect::<Vec<_>>(), expected);
        let mixed = super::plan(&[file("mixed.json", json!([hours("Day"), {"id": 1}]))]);
        assert!(mixed.is_err_and(|bad| bad.to_string().starts_with("mixed.json: ")));
    }
}
