//! Zendesk: `slas/policies`, `business_hours/schedules` and `business_hours/schedules/{id}/holidays`.
//!
//! From its API reference: a policy has a `filter` and targets per priority, in minutes or seconds,
//! and the policies are tried in the order of `position`. A schedule's intervals are minutes since
//! Sunday at midnight. Policies name no schedule, and holidays do not name theirs.

use std::collections::BTreeSet;

use jiff::civil::Date;
use serde_json::Value;

use super::read::{self, MINUTES_PER_DAY, Week, id, list, text};
use super::{
    BadFile, CalendarPlan, Hours, PRIORITIES, Plan, RulePlan, SourceFile, Target, Targets,
    conditional, zone,
};

/// The metrics that can be a rule's resolution, the preferred one first, and what has to be reported
/// as a pause so that the same time counts.
const RESOLUTIONS: [(&str, &str); 3] = [
    ("total_resolution_time", "never report a ticket as paused"),
    (
        "requester_wait_time",
        "report a ticket as paused while it is pending",
    ),
    (
        "agent_work_time",
        "report a ticket as paused while it is pending or on hold",
    ),
];

const FIRST_REPLY: &str = "first_reply_time";
const NEXT_REPLY: &str = "next_reply_time";

/// The most dates that the holidays of one schedule are expanded to: one more than a calendar may
/// have, so that more are refused as too many.
const MAX_DATES: usize = 1_001;

const MINUTES_PER_WEEK: u64 = 7 * MINUTES_PER_DAY;

/// What the files come to.
pub fn plan(files: &[SourceFile]) -> Result<Plan, BadFile> {
    let mut plan = Plan::default();
    let lists = [
        "sla_policies",
        "schedules",
        "holidays",
        "group_sla_policies",
    ];
    for file in files {
        if !lists.iter().any(|name| is_list(&file.json, name)) {
            return Err(
                file.bad("this is not Zendesk's list of SLA policies, schedules or holidays")
            );
        }
    }
    for name in lists {
        plan.warnings.extend(missing(files, name));
    }
    let schedules = all(files, "schedules");
    let holidays = holidays(files, &schedules)?;
    for schedule in &schedules {
        plan.calendars.push(calendar(schedule, &holidays));
    }
    let hours = match schedules.as_slice() {
        [] => {
            Hours::Untold("it counts business hours, and none of the files has a schedule".into())
        }
        [schedule] => Hours::Of(text(schedule, "name").to_owned()),
        several => Hours::Untold(format!(
            "it counts the business hours of one of {} schedules, and the policy does not say which: name a calendar",
            several.len()
        )),
    };
    let mut policies = all(files, "sla_policies");
    policies.sort_by_key(|policy| position(policy));
    let mut taken: Option<&str> = None;
    for policy in policies {
        rules(policy, &hours, taken, &mut plan.rules);
        if conditions(policy).is_empty() {
            taken = taken.or(Some(text(policy, "title")));
        }
    }
    for policy in all(files, "group_sla_policies") {
        let reason = "it is a group SLA, about the time that a ticket stays with a group";
        plan.rules
            .push(RulePlan::refused(text(policy, "title"), None, reason));
    }
    Ok(plan)
}

fn is_list(json: &Value, name: &str) -> bool {
    json.get(name).is_some_and(Value::is_array)
}

/// The elements of a list, from all files.
fn all<'a>(files: &'a [SourceFile], name: &str) -> Vec<&'a Value> {
    files
        .iter()
        .flat_map(|file| list(&file.json, name))
        .collect()
}

/// A warning if a list has more elements than the files have: they are some of its pages. Holidays
/// have a list for each schedule, so theirs are not compared.
fn missing(files: &[SourceFile], name: &str) -> Option<String> {
    let counts = files.iter().filter(|file| is_list(&file.json, name));
    let count = counts
        .filter_map(|file| file.json.get("count")?.as_u64())
        .max()?;
    let given = all(files, name).len() as u64;
    (name != "holidays" && count > given)
        .then(|| format!("the files have {given} of {count} {name}: pass its other pages, too"))
}

fn position(policy: &Value) -> u64 {
    policy
        .get("position")
        .and_then(Value::as_u64)
        .unwrap_or(u64::MAX)
}

/// The dates of holidays for each schedule that a file has holidays of, by its id.
fn holidays(
    files: &[SourceFile],
    schedules: &[&Value],
) -> Result<Vec<(String, BTreeSet<Date>)>, BadFile> {
    let mut found: Vec<(String, BTreeSet<Date>)> = Vec::new();
    for file in files.iter().filter(|file| is_list(&file.json, "holidays")) {
        let id = schedule_of(file, schedules)?;
        let mut dates = BTreeSet::new();
        for holiday in list(&file.json, "holidays") {
            let day = |member| text(holiday, member).parse::<Date>();
            let (first, last) = match (day("start_date"), day("end_date")) {
                (Ok(first), Ok(last)) if first <= last => (first, last),
                _ => {
                    let name = text(holiday, "name");
                    let reason = format!("the holiday \"{name}\" has no start and end dates");
                    return Err(file.bad(reason));
                }
            };
            let days = first.series(jiff::Span::new().days(1));
            dates.extend(days.take_while(|day| *day <= last).take(MAX_DATES));
        }
        match found.iter_mut().find(|(known, _)| *known == id) {
            Some((_, known)) => known.extend(dates),
            None => found.push((id, dates)),
        }
    }
    Ok(found)
}

/// The id of the schedule that a file's holidays belong to: of the only one, or of the one whose id
/// is in the path.
fn schedule_of(file: &SourceFile, schedules: &[&Value]) -> Result<String, BadFile> {
    let ids: Vec<String> = schedules
        .iter()
        .filter_map(|schedule| id(schedule, "id"))
        .collect();
    if let [only] = ids.as_slice() {
        return Ok(only.clone());
    }
    let numbers = file.path.split(|c: char| !c.is_ascii_digit());
    let numbers: Vec<&str> = numbers.collect();
    let mut named = ids.iter().filter(|id| numbers.contains(&id.as_str()));
    match (named.next(), named.next()) {
        (Some(id), None) => Ok(id.clone()),
        _ => Err(file.bad(
            "it does not say which schedule its holidays belong to: pass the list of schedules, too, and have the schedule's id in the file's name",
        )),
    }
}

fn calendar(schedule: &Value, holidays: &[(String, BTreeSet<Date>)]) -> CalendarPlan {
    let name = text(schedule, "name");
    let id = id(schedule, "id");
    let dates = holidays.iter().find(|(of, _)| Some(of) == id.as_ref());
    let dates = dates.map(|(_, dates)| dates.iter().map(Date::to_string).collect::<Vec<_>>());
    let mut notes = Vec::new();
    if dates.is_none() {
        notes
            .push("none of the files has its holidays: those that it has here are kept".to_owned());
    }
    let week = week(list(schedule, "intervals"));
    let zone = zone::iana(text(schedule, "time_zone"));
    CalendarPlan {
        name: name.to_owned(),
        members: week.map(|week| read::calendar(name, zone, week, dates)),
        notes,
    }
}

/// The hours of a week. An interval that crosses midnight becomes several.
fn week(intervals: &[Value]) -> Result<Week, String> {
    let mut week = Week::default();
    for interval in intervals {
        let minute = |member| interval.get(member).and_then(read::whole);
        let (from, to) = match (minute("start_time"), minute("end_time")) {
            (Some(from), Some(to)) if from < to && to - from <= MINUTES_PER_WEEK => (from, to),
            _ => return Err(format!("an interval cannot be read: {interval}")),
        };
        let mut from = from;
        while from < to {
            let midnight = (from / MINUTES_PER_DAY + 1) * MINUTES_PER_DAY;
            let end = to.min(midnight);
            // The week begins on Sunday there, and on Monday here.
            let day = (from % MINUTES_PER_WEEK / MINUTES_PER_DAY + 6) % 7;
            let day_start = midnight - MINUTES_PER_DAY;
            week.open(day as usize, from - day_start, end - day_start);
            from = end;
        }
    }
    Ok(week)
}

/// The fields that a policy's filter has conditions on.
fn conditions(policy: &Value) -> Vec<String> {
    let filter = policy.get("filter").unwrap_or(&Value::Null);
    let conditions = list(filter, "all").iter().chain(list(filter, "any"));
    let fields: BTreeSet<&str> = conditions
        .map(|condition| text(condition, "field"))
        .collect();
    fields.into_iter().map(str::to_owned).collect()
}

/// The rules of a policy. `taken` is the title of an earlier policy that takes every ticket.
fn rules(policy: &Value, hours: &Hours, taken: Option<&str>, rules: &mut Vec<RulePlan>) {
    let title = text(policy, "title");
    let metrics = list(policy, "policy_metrics");
    let mut reasons = Vec::new();
    let conditions = conditions(policy);
    if !conditions.is_empty() {
        reasons.push(conditional("Zendesk", &conditions));
    }
    if let Some(taken) = taken {
        reasons.push(format!(
            "in Zendesk it is never used, since \"{taken}\" takes every ticket first"
        ));
    }
    if metrics.is_empty() {
        rules.push(RulePlan::refused(title, None, "it has no targets"));
    }
    for priority in PRIORITIES {
        let of_priority: Vec<&Value> = metrics
            .iter()
            .filter(|metric| text(metric, "priority") == priority)
            .collect();
        if !of_priority.is_empty() {
            rules.push(rule(title, priority, &of_priority, hours, reasons.clone()));
        }
    }
    let unknown = metrics.iter().map(|metric| text(metric, "priority"));
    let unknown: BTreeSet<&str> = unknown.filter(|word| !PRIORITIES.contains(word)).collect();
    for word in unknown {
        rules.push(RulePlan::refused(
            title,
            Some(word),
            "a rule cannot have this priority",
        ));
    }
}

fn rule(
    title: &str,
    priority: &str,
    metrics: &[&Value],
    hours: &Hours,
    mut reasons: Vec<String>,
) -> RulePlan {
    let find = |name: &str| {
        let mut found = metrics
            .iter()
            .filter(|metric| text(metric, "metric") == name);
        found.next().copied()
    };
    let mut candidates = RESOLUTIONS.iter();
    let chosen = candidates.find(|(name, _)| find(name).is_some());
    let (first, mut next) = (find(FIRST_REPLY), find(NEXT_REPLY));
    let resolution = chosen.and_then(|(name, _)| find(name));

    let used = [
        Some(FIRST_REPLY),
        Some(NEXT_REPLY),
        chosen.map(|(name, _)| *name),
    ];
    let left_out = metrics.iter().map(|metric| text(metric, "metric"));
    let left_out = left_out.filter(|name| !used.contains(&Some(*name)));
    let left_out = left_out.map(|name| format!("{name} is left out: a rule has no target for it"));
    let mut notes: Vec<String> = left_out.collect();

    let in_business_hours = |metric: &Value| read::is_true(metric, "business_hours");
    let counted: Vec<bool> = [first, resolution]
        .into_iter()
        .flatten()
        .map(in_business_hours)
        .collect();
    let business_hours = counted.iter().all(|counts| *counts);
    if !business_hours && counted.contains(&true) {
        reasons.push("one of its targets counts business hours and the other all hours, and a rule counts the same hours for both: it counts all".to_owned());
    }
    if next.is_some_and(|next| in_business_hours(next) != business_hours) {
        notes.push(format!(
            "{NEXT_REPLY} is left out: it counts other hours than the first reply"
        ));
        next = None;
    }
    let targets = Targets {
        response: target(first),
        resolution: target(resolution),
        next_response: target(next),
    };
    let hours = if business_hours { hours } else { &Hours::All };
    let mut rule = RulePlan::new(title, priority, targets, hours, reasons, notes);
    if let Some((name, pauses)) = chosen.filter(|_| rule.members.is_ok()) {
        rule.notes
            .push(format!("its resolution is {name}: {pauses}"));
    }
    rule
}

/// A metric's target. `target_in_seconds` is newer, and more exact than `target`.
fn target(metric: Option<&Value>) -> Target {
    let Some(metric) = metric else {
        return Ok(None);
    };
    match metric.get("target_in_seconds") {
        None | Some(Value::Null) => read::minutes(metric.get("target")),
        seconds => read::seconds(seconds),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{file, told};
    use super::*;

    fn metric(priority: &str, metric: &str, target: u64) -> Value {
        json!({"priority": priority, "metric": metric, "target": target, "business_hours": true})
    }

    fn policy(title: &str, position: u64, conditions: Value) -> Value {
        let metrics = [
            metric("low", "first_reply_time", 30),
            metric("low", "total_resolution_time", 60),
            metric("dire", "first_reply_time", 5),
        ];
        json!({"title": title, "position": position, "filter": {"all": conditions}, "policy_metrics": metrics})
    }

    fn schedules(ids: &[u64]) -> SourceFile {
        let schedule = |id: &u64| json!({"id": id, "name": format!("No. {id}"), "time_zone": "UTC", "intervals": []});
        let schedules: Vec<Value> = ids.iter().map(schedule).collect();
        file("schedules.json", json!({"schedules": schedules}))
    }

    fn week_of(intervals: Value) -> Result<String, String> {
        let week = week(intervals.as_array().expect("a list"))?;
        Ok(Value::Object(week.members()).to_string())
    }

    #[test]
    fn an_interval_is_split_at_midnight_and_weeks_begin_on_sunday() {
        let monday_to_tuesday = json!([{"start_time": 1980, "end_time": 3900}]);
        let expected = r#"{"monday":[["09:00","24:00"]],"tuesday":[["00:00","17:00"]]}"#;
        assert_eq!(week_of(monday_to_tuesday).as_deref(), Ok(expected));
        let saturday_to_sunday =
            json!([{"start_time": 9900, "end_time": 10200}, {"start_time": 0, "end_time": 60}]);
        let expected =
            r#"{"saturday":[["21:00","24:00"]],"sunday":[["00:00","01:00"],["00:00","02:00"]]}"#;
        assert_eq!(week_of(saturday_to_sunday).as_deref(), Ok(expected));
        for wrong in [
            json!([{"start_time": 60, "end_time": 60}]),
            json!([{"start_time": 0, "end_time": 90.5}]),
        ] {
            assert!(week_of(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_the_first_policy_without_conditions_applies_to_every_ticket() {
        let condition = json!([{"field": "brand_id", "operator": "is", "value": 3}]);
        let policies = [
            policy("Last", 3, json!([])),
            policy("First", 1, condition),
            policy("Second", 2, json!([])),
        ];
        let json = json!({"sla_policies": policies, "count": 5});
        let group = json!({"group_sla_policies": [{"title": "Tier 1"}]});
        let files = [file("p.json", json), schedules(&[7]), file("g.json", group)];
        let plan = plan(&files).expect("files of Zendesk");
        let members = |title: &str, enabled: bool| {
            format!(
                r#"{{"name":"{title}","priority":"low","responseTarget":30,"resolutionTarget":60,"businessHoursOnly":true,"enabled":{enabled}}} Some("No. 7")"#
            )
        };
        let total = "its resolution is total_resolution_time: never report a ticket as paused";
        let dire = "a rule cannot have this priority None ";
        let expected = [
            format!(
                "{} disabled: {}; {total}",
                members("First", false),
                conditional("Zendesk", &["brand_id".to_owned()])
            ),
            dire.to_owned(),
            format!("{} {total}", members("Second", true)),
            dire.to_owned(),
            format!(
                "{} disabled: in Zendesk it is never used, since \"Second\" takes every ticket first; {total}",
                members("Last", false)
            ),
            dire.to_owned(),
            "it is a group SLA, about the time that a ticket stays with a group None ".to_owned(),
        ];
        assert_eq!(plan.rules.iter().map(told).collect::<Vec<_>>(), expected);
        assert_eq!(
            plan.warnings,
            ["the files have 3 of 5 sla_policies: pass its other pages, too"]
        );
    }

    #[test]
    fn several_schedules_are_told_apart_only_where_the_files_do() {
        let holidays = |path: &str| {
            let dates =
                json!({"name": "Fair", "start_date": "2026-06-30", "end_date": "2026-07-01"});
            file(path, json!({"holidays": [dates]}))
        };
        let policies = file(
            "p.json",
            json!({"sla_policies": [policy("All", 1, json!([]))]}),
        );
        let files = [
            schedules(&[7, 70]),
            holidays("schedules/70/holidays.json"),
            policies,
        ];
        let plan = super::plan(&files).expect("files of Zendesk");
        let dates: Vec<Option<&Value>> = plan
            .calendars
            .iter()
            .map(|calendar| calendar.members.as_ref().expect("members").get("holidays"))
            .collect();
        assert_eq!(dates, [None, Some(&json!(["2026-06-30", "2026-07-01"]))]);
        let rule = plan.rules.first().expect("a rule");
        assert_eq!(rule.calendar, None);
        assert_eq!(
            rule.notes.first().map(String::as_str),
            Some(
                "disabled: it counts the business hours of one of 2 schedules, and the policy does not say which: name a calendar"
            )
        );
        for path in ["holidays.json", "7/70/holidays.json"] {
            let ambiguous = super::plan(&[schedules(&[7, 70]), holidays(path)]);
            assert!(ambiguous.is_err_and(|bad| bad.to_string().starts_with(path)));
        }
    }
}
