//! What one deployment exports and another one imports: settings, calendars, rules and policies as
//! clients write them. Never webhooks or credentials, which have secrets.
//!
//! A rule names its calendar, since ids are new in each team. Nothing depends on when or where it
//! was exported, so equal teams have equal files.

use serde_json::{Value, json};
use shared::domain::id::CalendarId;
use shared::fields;
use shared::store::transfer::Contents;

use super::read::text;
use super::{BadFile, CalendarPlan, Members, Plan, PolicyPlan, RulePlan, SourceFile};

/// What identifies the format.
const FORMAT: &str = "dueline-export";
/// Its version, which changes when an older program could not read it correctly.
const VERSION: u64 = 1;

/// The member of a rule that names its calendar.
const CALENDAR: &str = "calendar";

/// A team's contents as a file.
pub fn export(contents: &Contents) -> Value {
    let calendars = contents.calendars.iter();
    let calendars: Vec<Members> = calendars
        .map(|calendar| fields::calendar::members(&calendar.draft))
        .collect();
    let name = |id: &CalendarId| {
        let named = contents
            .calendars
            .iter()
            .find(|calendar| calendar.id == *id);
        named.map(|calendar| calendar.draft.name.as_str())
    };
    let rules = contents.rules.iter().map(|rule| {
        let mut members = fields::rule::members(&rule.draft);
        members.shift_remove("calendarId");
        if let Some(name) = rule.draft.calendar_id.as_ref().and_then(name) {
            members.insert(CALENDAR.to_owned(), name.into());
        }
        members
    });
    let rules: Vec<Members> = rules.collect();
    // By name, since the order of those created in one second means nothing.
    let mut policies: Vec<_> = contents
        .policies
        .iter()
        .map(|policy| &policy.draft)
        .collect();
    policies.sort_by_key(|policy| &policy.name);
    let policies: Vec<Members> = policies.into_iter().map(fields::policy::members).collect();
    json!({
        "format": FORMAT,
        "version": VERSION,
        "settings": fields::settings::members(&contents.settings),
        "calendars": calendars,
        "rules": rules,
        "policies": policies,
    })
}

/// What a file comes to.
pub fn plan(files: &[SourceFile]) -> Result<Plan, BadFile> {
    let (file, others) = match files {
        [file, others @ ..] => (file, others),
        [] => return Err(BadFile::new("import", "there is no file")),
    };
    if let [other, ..] = others {
        return Err(other.bad("only one file of Dueline can be imported at a time"));
    }
    let foreign = || file.bad("this is not a file that `cargo admin export` has printed");
    let members = file.json.as_object().ok_or_else(foreign)?;
    if text(&file.json, "format") != FORMAT {
        return Err(foreign());
    }
    if members.get("version").and_then(Value::as_u64) != Some(VERSION) {
        return Err(file.bad(format!(
            "it does not have version {VERSION}, the only one that this program reads"
        )));
    }
    let known = [
        "format",
        "version",
        "settings",
        "calendars",
        "rules",
        "policies",
    ];
    if let Some(unknown) = members
        .keys()
        .find(|member| !known.contains(&member.as_str()))
    {
        return Err(file.bad(format!("it has an unknown member \"{unknown}\"")));
    }
    let settings = match members.get("settings") {
        None => None,
        Some(Value::Object(settings)) => Some(settings.clone()),
        Some(_) => return Err(file.bad("its settings are not an object")),
    };
    Ok(Plan {
        calendars: objects(file, "calendars")?
            .into_iter()
            .map(calendar)
            .collect(),
        rules: objects(file, "rules")?.into_iter().map(rule).collect(),
        policies: objects(file, "policies")?.into_iter().map(policy).collect(),
        settings,
        warnings: Vec::new(),
    })
}

fn objects(file: &SourceFile, member: &str) -> Result<Vec<Members>, BadFile> {
    let wrong = || file.bad(format!("its {member} are not a list of objects"));
    let list = match file.json.get(member) {
        None => return Ok(Vec::new()),
        Some(list) => list.as_array().ok_or_else(wrong)?,
    };
    let objects = list.iter().map(|one| one.as_object().cloned());
    objects.collect::<Option<_>>().ok_or_else(wrong)
}

fn name(members: &Members) -> String {
    let name = members.get("name").and_then(Value::as_str);
    name.unwrap_or_default().to_owned()
}

fn calendar(mut members: Members) -> CalendarPlan {
    // An export has all of them. Where one is absent, a calendar has none rather than what it had.
    for (member, none) in [
        ("holidays", json!([])),
        ("exceptions", json!({})),
        ("default", json!(false)),
    ] {
        members.entry(member).or_insert(none);
    }
    CalendarPlan {
        name: name(&members),
        members: Ok(members),
        notes: Vec::new(),
    }
}

fn rule(mut members: Members) -> RulePlan {
    let priority = members
        .get("priority")
        .and_then(Value::as_str)
        .map(str::to_owned);
    let name = name(&members);
    let (calendar, members) = match members.shift_remove(CALENDAR) {
        // It would be refused by the write, when others are done already.
        _ if members.contains_key("calendarId") => (
            None,
            Err(format!(
                "a \"calendarId\" means nothing in another team: name its \"{CALENDAR}\""
            )),
        ),
        None => (None, Ok(members)),
        Some(Value::String(calendar)) => (Some(calendar), Ok(members)),
        Some(_) => (None, Err(format!("its \"{CALENDAR}\" is not a name"))),
    };
    RulePlan {
        name,
        priority,
        members,
        calendar,
        notes: Vec::new(),
    }
}

fn policy(members: Members) -> PolicyPlan {
    PolicyPlan {
        name: name(&members),
        members,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::file;
    use super::*;

    #[test]
    fn what_is_not_an_export_is_refused_as_a_whole() {
        let export = |members: Value| {
            let mut json = json!({"format": FORMAT, "version": VERSION});
            let more = members.as_object().expect("members").clone();
            json.as_object_mut().expect("an object").extend(more);
            plan(&[file("team.json", json)]).map_err(|bad| bad.to_string())
        };
        for (members, reason) in [
            (
                json!({"format": "other"}),
                "this is not a file that `cargo admin export` has printed",
            ),
            (
                json!({"version": 2}),
                "it does not have version 1, the only one that this program reads",
            ),
            (json!({"rule": []}), "it has an unknown member \"rule\""),
            (json!({"rules": {}}), "its rules are not a list of objects"),
            (
                json!({"policies": [1]}),
                "its policies are not a list of objects",
            ),
            (json!({"settings": []}), "its settings are not an object"),
        ] {
            assert_eq!(export(members), Err(format!("team.json: {reason}")));
        }
        assert_eq!(export(json!({})), Ok(Plan::default()));
        let two = [file("a.json", json!({})), file("b.json", json!({}))];
        let refused = plan(&two).expect_err("two files").to_string();
        assert_eq!(
            refused,
            "b.json: only one file of Dueline can be imported at a time"
        );
        let rules =
            json!({"rules": [{"name": "R", "calendarId": "cal_1"}, {"name": "S", "calendar": 1}]});
        let rules = export(rules).expect("a plan").rules;
        let reasons: Vec<&str> = rules
            .iter()
            .filter_map(|rule| rule.members.as_ref().err())
            .map(String::as_str)
            .collect();
        assert_eq!(
            reasons,
            [
                "a \"calendarId\" means nothing in another team: name its \"calendar\"",
                "its \"calendar\" is not a name"
            ]
        );
    }
}
