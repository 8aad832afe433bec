//! Chatwoot: `sla_policies` and `inboxes`.
//!
//! From its API reference and its source: a policy has thresholds in seconds and neither priorities
//! nor conditions, because automation rules choose it for a conversation. Working hours belong to an
//! inbox, day 0 is Sunday, and a policy does not name an inbox.

use serde_json::Value;

use super::read::{self, MINUTES_PER_DAY, Week, is_true, list, text};
use super::{BadFile, CalendarPlan, Hours, PRIORITIES, Plan, RulePlan, SourceFile, Targets, zone};

/// What the files come to.
pub fn plan(files: &[SourceFile]) -> Result<Plan, BadFile> {
    let (mut policies, mut inboxes) = (Vec::new(), Vec::new());
    for file in files {
        let payload = file.json.get("payload").unwrap_or(&file.json);
        let elements = payload.as_array().map(Vec::as_slice);
        for element in elements.unwrap_or(std::slice::from_ref(payload)) {
            if element.get("first_response_time_threshold").is_some() {
                policies.push(element);
            } else if element.get("working_hours").is_some_and(Value::is_array) {
                inboxes.push(element);
            } else {
                return Err(file.bad("this is not Chatwoot's list of SLA policies or inboxes"));
            }
        }
    }
    let working: Vec<&Value> = inboxes
        .iter()
        .copied()
        .filter(|inbox| is_true(inbox, "working_hours_enabled"))
        .collect();
    let hours = match working.as_slice() {
        [] => Hours::Untold(
            "it counts business hours, and no inbox of the files has working hours".into(),
        ),
        [inbox] => Hours::Of(text(inbox, "name").to_owned()),
        several => Hours::Untold(format!(
            "it counts the working hours of one of {} inboxes, and the policy does not say which: name a calendar",
            several.len()
        )),
    };
    let mut reasons = Vec::new();
    if policies.len() > 1 {
        reasons.push(format!(
            "Chatwoot has {} policies, and its automation rules choose one for each conversation: enable the rules that are to apply to all tickets of their priorities",
            policies.len()
        ));
    }
    let rules = policies.iter().flat_map(|policy| {
        let rule = |priority| rule(policy, priority, &hours, reasons.clone());
        PRIORITIES.map(rule)
    });
    Ok(Plan {
        calendars: inboxes.iter().map(|inbox| calendar(inbox)).collect(),
        rules: rules.collect(),
        ..Plan::default()
    })
}

fn calendar(inbox: &Value) -> CalendarPlan {
    let name = text(inbox, "name");
    let zone = zone::iana(text(inbox, "timezone"));
    let members = if is_true(inbox, "working_hours_enabled") {
        week(list(inbox, "working_hours")).map(|week| read::calendar(name, zone, week, None))
    } else {
        Err("the inbox has its working hours turned off".to_owned())
    };
    let notes = if members.is_ok() {
        vec!["Chatwoot has no holidays: those that it has here are kept".to_owned()]
    } else {
        Vec::new()
    };
    CalendarPlan {
        name: name.to_owned(),
        members,
        notes,
    }
}

fn week(days: &[Value]) -> Result<Week, String> {
    let mut week = Week::default();
    for hours in days {
        let number = |member| hours.get(member).and_then(read::whole);
        let unreadable = || format!("a day's working hours cannot be read: {hours}");
        let sunday_first = number("day_of_week")
            .filter(|day| *day < 7)
            .ok_or_else(unreadable)?;
        let day = ((sunday_first + 6) % 7) as usize;
        if is_true(hours, "closed_all_day") {
            continue;
        }
        if is_true(hours, "open_all_day") {
            week.open(day, 0, MINUTES_PER_DAY);
            continue;
        }
        let time = |hour, minute| Some(number(hour)? * 60 + number(minute)?);
        let from = time("open_hour", "open_minutes").ok_or_else(unreadable)?;
        let to = time("close_hour", "close_minutes").ok_or_else(unreadable)?;
        week.open(day, from, to);
    }
    Ok(week)
}

fn rule(policy: &Value, priority: &str, hours: &Hours, reasons: Vec<String>) -> RulePlan {
    let targets = Targets {
        response: read::seconds(policy.get("first_response_time_threshold")),
        resolution: read::seconds(policy.get("resolution_time_threshold")),
        next_response: read::seconds(policy.get("next_response_time_threshold")),
    };
    let business_hours = is_true(policy, "only_during_business_hours");
    let hours = if business_hours { hours } else { &Hours::All };
    RulePlan::new(
        text(policy, "name"),
        priority,
        targets,
        hours,
        reasons,
        Vec::new(),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{file, told};
    use super::*;

    #[test]
    fn what_automation_rules_choose_is_disabled() {
        let policy = |name: &str, business_hours: bool| {
            json!({"name": name, "first_response_time_threshold": 60.0, "next_response_time_threshold": null,
                   "resolution_time_threshold": 120, "only_during_business_hours": business_hours})
        };
        let inbox = |name: &str| json!({"name": name, "timezone": "UTC", "working_hours_enabled": true, "working_hours": []});
        let files = [
            file(
                "p.json",
                json!({"payload": [policy("A", true), policy("B", false)]}),
            ),
            file("i.json", json!([inbox("Web"), inbox("Mail")])),
        ];
        let plan = plan(&files).expect("files of Chatwoot");
        let rule = |place: usize| told(plan.rules.get(place).expect("a rule"));
        let chosen = "disabled: Chatwoot has 2 policies, and its automation rules choose one for each conversation: enable the rules that are to apply to all tickets of their priorities";
        let untold = "disabled: it counts the working hours of one of 2 inboxes, and the policy does not say which: name a calendar";
        let members = |name: &str, priority: &str, business_hours: bool| {
            format!(
                r#"{{"name":"{name}","priority":"{priority}","responseTarget":1,"resolutionTarget":2,"businessHoursOnly":{business_hours},"enabled":false}} None"#
            )
        };
        assert_eq!(plan.rules.len(), 8);
        assert_eq!(
            rule(0),
            format!("{} {chosen}; {untold}", members("A", "low", true))
        );
        assert_eq!(
            rule(7),
            format!("{} {chosen}", members("B", "urgent", false))
        );
    }

    #[test]
    fn a_day_is_closed_open_or_has_hours_and_sunday_is_the_first() {
        let days = json!([
            {"day_of_week": 0, "open_all_day": true},
            {"day_of_week": 1, "closed_all_day": true},
            {"day_of_week": 2, "open_hour": 8, "open_minutes": 5, "close_hour": 23, "close_minutes": 59},
        ]);
        let week = week(days.as_array().expect("days"))
            .expect("a week")
            .members();
        let expected = r#"{"tuesday":[["08:05","23:59"]],"sunday":[["00:00","24:00"]]}"#;
        assert_eq!(Value::Object(week).to_string(), expected);
        for wrong in [
            json!({"day_of_week": 7, "open_all_day": true}),
            json!({"day_of_week": 3, "open_hour": 8}),
        ] {
            assert!(
                super::week(std::slice::from_ref(&wrong)).is_err(),
                "{wrong}"
            );
        }
    }
}
