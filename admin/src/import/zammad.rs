//! Zammad: `slas` and `calendars`.
//!
//! From its API reference and its source: an SLA has times in minutes, a calendar, and a condition
//! that says which tickets it is for; without one it is for all others. There are no targets per
//! priority. A calendar whose day ends at 23:59 is open until midnight, and a public holiday counts
//! only while it is active and not removed.

use std::collections::BTreeSet;

use serde_json::Value;

use super::read::{self, MINUTES_PER_DAY, Week, id, is_true, list, text};
use super::{
    BadFile, CalendarPlan, Hours, PRIORITIES, Plan, RulePlan, SourceFile, Targets, conditional,
    zone,
};

/// The weekdays, in the order of this service's.
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// What the files come to.
pub fn plan(files: &[SourceFile]) -> Result<Plan, BadFile> {
    let (mut slas, mut calendars) = (Vec::new(), Vec::new());
    for file in files {
        let elements = file.json.as_array().map(Vec::as_slice);
        for element in elements.unwrap_or(std::slice::from_ref(&Value::Null)) {
            if element.get("solution_time").is_some() {
                slas.push(element);
            } else if element.get("business_hours").is_some_and(Value::is_object)
                && element.get("timezone").is_some()
            {
                calendars.push(element);
            } else {
                return Err(file.bad("this is not Zammad's list of SLAs or calendars"));
            }
        }
    }
    let unconditional = slas.iter().filter(|sla| conditions(sla).is_empty()).count();
    let rules = slas.iter().flat_map(|sla| {
        let hours = hours(sla, &calendars);
        let mut reasons = Vec::new();
        let conditions = conditions(sla);
        if !conditions.is_empty() {
            reasons.push(conditional("Zammad", &conditions));
        } else if unconditional > 1 {
            reasons.push(format!(
                "{unconditional} SLAs have no condition: enable the one that Zammad uses"
            ));
        }
        PRIORITIES.map(|priority| rule(sla, priority, &hours, reasons.clone()))
    });
    Ok(Plan {
        calendars: calendars
            .iter()
            .map(|calendar| self::calendar(calendar))
            .collect(),
        rules: rules.collect(),
        ..Plan::default()
    })
}

fn hours(sla: &Value, calendars: &[&Value]) -> Hours {
    let wanted = id(sla, "calendar_id");
    let mut named = calendars.iter().filter(|calendar| match &wanted {
        Some(wanted) => id(calendar, "id").as_ref() == Some(wanted),
        None => is_true(calendar, "default"),
    });
    match named.next() {
        Some(calendar) => Hours::Of(text(calendar, "name").to_owned()),
        None => Hours::Untold("none of the files has its calendar".to_owned()),
    }
}

fn calendar(calendar: &Value) -> CalendarPlan {
    let name = text(calendar, "name");
    let mut notes = Vec::new();
    if !text(calendar, "ical_url").is_empty() {
        notes.push(
            "its holidays come from a feed there: later ones are not followed here".to_owned(),
        );
    }
    if is_true(calendar, "default") {
        notes.push(
            "it is the default there: the team's default calendar stays what it is".to_owned(),
        );
    }
    let days = calendar.get("business_hours").unwrap_or(&Value::Null);
    let zone = zone::iana(text(calendar, "timezone"));
    let holidays = Some(holidays(calendar));
    CalendarPlan {
        name: name.to_owned(),
        members: week(days).map(|week| read::calendar(name, zone, week, holidays)),
        notes,
    }
}

fn holidays(calendar: &Value) -> Vec<String> {
    let days = calendar.get("public_holidays").and_then(Value::as_object);
    let days = days.into_iter().flatten();
    let counted = days.filter(|(_, day)| is_true(day, "active") && !is_true(day, "removed"));
    let dates: BTreeSet<String> = counted.map(|(day, _)| day.clone()).collect();
    dates.into_iter().collect()
}

fn week(days: &Value) -> Result<Week, String> {
    let mut week = Week::default();
    for (name, hours) in days.as_object().into_iter().flatten() {
        let Some(day) = DAYS.iter().position(|known| known == name) else {
            return Err(format!(
                "its business hours have \"{name}\", which is no weekday"
            ));
        };
        if !is_true(hours, "active") {
            continue;
        }
        for frame in list(hours, "timeframes") {
            let time = |place: usize| frame.get(place).and_then(Value::as_str).and_then(time);
            let (Some(from), Some(to)) = (time(0), time(1)) else {
                return Err(format!("its hours on {name} cannot be read: {frame}"));
            };
            week.open(
                day,
                from,
                if to == MINUTES_PER_DAY - 1 {
                    MINUTES_PER_DAY
                } else {
                    to
                },
            );
        }
    }
    Ok(week)
}

/// A time of day in minutes: `09:00`.
fn time(text: &str) -> Option<u64> {
    let (hour, minute) = text.split_once(':')?;
    let (hour, minute): (u64, u64) = (hour.parse().ok()?, minute.parse().ok()?);
    (hour <= 24 && minute < 60).then_some(hour * 60 + minute)
}

/// What an SLA has conditions on: an object of attributes, or, in newer versions, a tree of them.
fn conditions(sla: &Value) -> Vec<String> {
    let Some(condition) = sla.get("condition").and_then(Value::as_object) else {
        return Vec::new();
    };
    match condition.get("conditions").and_then(Value::as_array) {
        Some(list) => list
            .iter()
            .map(|one| text(one, "name").to_owned())
            .collect(),
        None => condition.keys().cloned().collect(),
    }
}

fn rule(sla: &Value, priority: &str, hours: &Hours, reasons: Vec<String>) -> RulePlan {
    let mut notes = Vec::new();
    if !matches!(read::minutes(sla.get("update_time")), Ok(None)) {
        notes.push("update_time is left out: a rule has no target for it".to_owned());
    }
    let targets = Targets {
        response: read::minutes(sla.get("first_response_time")),
        resolution: read::minutes(sla.get("solution_time")),
        next_response: read::minutes(sla.get("response_time")),
    };
    RulePlan::new(text(sla, "name"), priority, targets, hours, reasons, notes)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{file, told};
    use super::*;

    #[test]
    fn conditions_are_read_in_both_forms_and_two_slas_without_any_are_disabled() {
        let sla = |name: &str, condition: Value| json!({"name": name, "first_response_time": 10, "solution_time": 20, "condition": condition});
        let tree = json!({"operator": "OR", "conditions": [{"name": "ticket.tags"}, {"name": "ticket.priority_id"}]});
        let slas = json!([sla("A", json!({})), sla("B", Value::Null), sla("C", tree)]);
        let day = json!({"mon": {"active": true, "timeframes": [["00:00", "23:59"]]}});
        let calendar = json!([{"id": 1, "name": "Day", "timezone": "UTC", "default": true, "business_hours": day,
            "public_holidays": {"2027-01-06": {"active": true}, "2026-12-25": {"active": true}}}]);
        let plan =
            plan(&[file("s.json", slas), file("c.json", calendar)]).expect("files of Zammad");
        let rule = |place: usize| told(plan.rules.get(place).expect("a rule"));
        let members = |name: &str| {
            format!(
                r#"{{"name":"{name}","priority":"low","responseTarget":10,"resolutionTarget":20,"businessHoursOnly":true,"enabled":false}} Some("Day") disabled:"#
            )
        };
        let several = "2 SLAs have no condition: enable the one that Zammad uses";
        assert_eq!(rule(0), format!("{} {several}", members("A")));
        assert_eq!(rule(4), format!("{} {several}", members("B")));
        let conditions = ["ticket.tags".to_owned(), "ticket.priority_id".to_owned()];
        let conditional = conditional("Zammad", &conditions);
        assert_eq!(rule(8), format!("{} {conditional}", members("C")));
        let calendar = plan.calendars.first().expect("a calendar").members.clone();
        let expected = r#"{"name":"Day","timeZone":"UTC","hours":{"monday":[["00:00","24:00"]]},"holidays":["2026-12-25","2027-01-06"]}"#;
        assert_eq!(
            calendar
                .map(|members| Value::Object(members).to_string())
                .as_deref(),
            Ok(expected)
        );
    }
}
