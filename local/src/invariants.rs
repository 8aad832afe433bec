//! What holds for the table whenever no request is under way.
//!
//! The keys are spelled a second time here on purpose: a mistake in the store's keys must not be
//! repeated in the check.

use crate::table::{Item, flag, number, text};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Kinds of items that are counted: `COUNT#<kind>` has the number of `<kind>#…`.
const COUNTED: [&str; 3] = ["CALENDAR", "POLICY", "RULE"];
/// What sort keys in a team's partition begin with.
const OF_TEAMS: [&str; 10] = [
    "CALENDAR#",
    "COUNT#",
    "DEFAULT#",
    "KEY#",
    "SCHEDULE#",
    "POLICY#",
    "RULE#",
    "TEAM",
    "UNIQUE#",
    "USER#",
];
/// What ids in idempotency records begin with, before 32 hexadecimal digits.
const ID_PREFIXES: [&str; 2] = ["cal_", "sla_"];
const ID_DIGITS: usize = 32;

/// Everything that is wrong with a table, in words.
///
/// `deleted` has the ids of all that may have been deleted: records and openings outlive it. Without
/// it, records and openings of things that do not exist are not reported.
pub fn violations(items: &[Item], deleted: Option<&BTreeSet<String>>) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut partitions: BTreeMap<&str, Partition<'_>> = BTreeMap::new();
    for item in items {
        let (Some(pk), Some(sk)) = (text(item, "pk"), text(item, "sk")) else {
            wrong.push(format!("an item without a key: {}", json(item)));
            continue;
        };
        if text(item, "writeId").is_none_or(str::is_empty) {
            wrong.push(format!("{pk} {sk} has no writeId"));
        }
        partitions.entry(pk).or_default().insert(sk, item);
    }
    for (pk, partition) in &partitions {
        let about = |what: String| format!("{pk}: {what}");
        if pk.starts_with("TEAM#") {
            wrong.extend(counts(partition).into_iter().map(about));
            wrong.extend(guards(partition).into_iter().map(about));
            wrong.extend(uses(partition).into_iter().map(about));
            wrong.extend(default_calendar(partition).into_iter().map(about));
            wrong.extend(openings(partition, deleted).into_iter().map(about));
            wrong.extend(unknown(partition).into_iter().map(about));
        } else if pk.starts_with("CREDENTIAL#") {
            wrong.extend(spent(partition).into_iter().map(about));
        }
    }
    wrong.extend(records(items, deleted));
    wrong
}

/// The items of a partition by sort key.
type Partition<'i> = BTreeMap<&'i str, &'i Item>;

/// The items whose sort key begins so, by what is behind it.
fn of_kind<'p, 'i>(
    partition: &'p Partition<'i>,
    prefix: &'p str,
) -> impl Iterator<Item = (&'i str, &'i Item)> + 'p {
    partition
        .iter()
        .filter_map(move |(sk, item)| Some((sk.strip_prefix(prefix)?, *item)))
}

/// Counters equal what is there.
fn counts(partition: &Partition<'_>) -> Vec<String> {
    let counters = of_kind(partition, "COUNT#").map(|(kind, _)| kind);
    let kinds: BTreeSet<&str> = counters.chain(COUNTED).collect();
    let wrong = kinds.into_iter().filter_map(|kind| {
        let there = of_kind(partition, &format!("{kind}#")).count() as i64;
        let counter = partition.get(format!("COUNT#{kind}").as_str());
        let counted = counter.map_or(Some(0), |counter| number(counter, "n"));
        (counted != Some(there)).then(|| format!("{there} {kind}s, counted as {counted:?}"))
    });
    wrong.collect()
}

/// A policy holds the guards of its name and its due time, and nothing else holds one.
fn guards(partition: &Partition<'_>) -> Vec<String> {
    let mut wanted = BTreeMap::new();
    let mut wrong = Vec::new();
    for (id, policy) in of_kind(partition, "POLICY#") {
        let (name, due) = (text(policy, "name"), number(policy, "dueTimeInMinutes"));
        let (Some(name), Some(due)) = (name, due) else {
            wrong.push(format!("policy {id} has no name or no due time"));
            continue;
        };
        for guard in [format!("policy-name#{name}"), format!("policy-due#{due}")] {
            if let Some(other) = wanted.insert(guard.clone(), id) {
                wrong.push(format!("policies {other} and {id} share {guard}"));
            }
        }
    }
    for (guard, item) in of_kind(partition, "UNIQUE#") {
        let holder = text(item, "holder");
        let owner = wanted.remove(guard);
        if holder.is_none() || holder != owner {
            wrong.push(format!(
                "{guard} is held by {holder:?} and belongs to {owner:?}"
            ));
        }
    }
    let free = wanted.into_iter();
    wrong.extend(free.map(|(guard, id)| format!("{guard} of policy {id} is not held")));
    wrong
}

/// A calendar's uses equal the rules that name it, and what is named is there.
fn uses(partition: &Partition<'_>) -> Vec<String> {
    let mut named: BTreeMap<&str, i64> = BTreeMap::new();
    for (_, rule) in of_kind(partition, "RULE#") {
        if let Some(calendar) = text(rule, "calendarId") {
            *named.entry(calendar).or_default() += 1;
        }
    }
    let mut wrong = Vec::new();
    for (id, calendar) in of_kind(partition, "CALENDAR#") {
        let (uses, rules) = (number(calendar, "uses"), named.remove(id).unwrap_or(0));
        if uses != Some(rules) {
            wrong.push(format!(
                "calendar {id} is named by {rules} rules, counted as {uses:?}"
            ));
        }
    }
    let missing = named.into_iter();
    wrong.extend(missing.map(|(id, rules)| format!("{rules} rules name {id}, which is not there")));
    wrong
}

/// At most one calendar is the default, and the pointer agrees.
fn default_calendar(partition: &Partition<'_>) -> Vec<String> {
    let defaults: Vec<&str> = of_kind(partition, "CALENDAR#")
        .filter(|(_, calendar)| flag(calendar, "isDefault") == Some(true))
        .map(|(id, _)| id)
        .collect();
    let pointer = partition.get("DEFAULT#CALENDAR");
    let pointed: Vec<&str> = pointer
        .iter()
        .filter_map(|pointer| text(pointer, "calendar"))
        .collect();
    let agree = defaults == pointed && pointed.len() == usize::from(pointer.is_some());
    (defaults.len() > 1 || !agree)
        .then(|| format!("{defaults:?} are default calendars, and the pointer says {pointed:?}"))
        .into_iter()
        .collect()
}

/// A calendar has the opening that it names, and every opening is of a calendar that exists or
/// existed: openings are kept when it is deleted.
fn openings(partition: &Partition<'_>, deleted: Option<&BTreeSet<String>>) -> Vec<String> {
    let mut wrong = Vec::new();
    for (id, calendar) in of_kind(partition, "CALENDAR#") {
        let version = number(calendar, "scheduleVersion").unwrap_or_default();
        let opening = partition.get(format!("SCHEDULE#{id}#{version:020}").as_str());
        if opening.is_none_or(|opening| number(opening, "version") != Some(version)) {
            wrong.push(format!("calendar {id} has no opening {version}"));
        }
    }
    for (of, _) in of_kind(partition, "SCHEDULE#") {
        let id = of.split('#').next().unwrap_or_default();
        let is_there = partition.contains_key(format!("CALENDAR#{id}").as_str());
        let was = deleted.is_none_or(|deleted| deleted.contains(id));
        if !is_there && !was {
            wrong.push(format!("an opening of {id}, which never existed"));
        }
    }
    wrong
}

/// An item of a kind that nothing here checks.
fn unknown(partition: &Partition<'_>) -> Vec<String> {
    let unknown = partition
        .keys()
        .filter(|sk| !OF_TEAMS.iter().any(|known| sk.starts_with(known)));
    unknown
        .map(|sk| format!("{sk} is of a kind without invariants"))
        .collect()
}

/// No window of a credential with a limit of its own counts more than that.
fn spent(partition: &Partition<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    for credential in partition.values() {
        let Some(limit) = number(credential, "callLimit") else {
            continue;
        };
        let windows = credential.keys().filter(|name| is_window(name));
        for window in windows {
            let used = number(credential, window);
            if used.is_none_or(|used| used > limit) {
                wrong.push(format!("{window} counts {used:?} calls of {limit}"));
            }
        }
    }
    wrong
}

/// `w` and the window's number.
fn is_window(attribute: &str) -> bool {
    let digits = attribute.strip_prefix('w').unwrap_or_default();
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// A record of a finished request is of something that exists or existed.
fn records(items: &[Item], deleted: Option<&BTreeSet<String>>) -> Vec<String> {
    let is_record = |item: &&Item| text(item, "sk") == Some("IDEMPOTENCY");
    let (records, others): (Vec<&Item>, Vec<&Item>) = items.iter().partition(is_record);
    let there: BTreeSet<&str> = others.iter().filter_map(|item| text(item, "id")).collect();
    let openings: BTreeSet<(&str, &str)> = others
        .iter()
        .filter_map(|item| Some((text(item, "pk")?, text(item, "sk")?)))
        .filter(|(_, sk)| sk.starts_with("SCHEDULE#"))
        .collect();
    let mut wrong = Vec::new();
    for record in records {
        let pk = text(record, "pk").unwrap_or_default();
        if !has_opening(record, &openings) {
            wrong.push(format!("{pk} refers to an opening that does not exist"));
        }
        let ids: BTreeSet<String> = record.values().flat_map(ids).collect();
        if ids.is_empty() {
            wrong.push(format!("{pk} names no resource"));
        }
        let Some(deleted) = deleted else { continue };
        let orphaned = ids
            .into_iter()
            .filter(|id| !there.contains(id.as_str()) && !deleted.contains(id));
        wrong.extend(orphaned.map(|id| format!("{pk} names {id}, which never existed")));
    }
    wrong
}

/// Whether the opening that a record refers to is there, if it refers to one.
fn has_opening(record: &Item, openings: &BTreeSet<(&str, &str)>) -> bool {
    let Some(calendar) = record
        .get("calendar")
        .and_then(|calendar| calendar.get("M"))
    else {
        return true;
    };
    let Some(calendar) = calendar.as_object() else {
        return false;
    };
    let (Some(partition), Some(id), Some(version)) = (
        text(calendar, "partition"),
        text(calendar, "id"),
        number(calendar, "scheduleVersion"),
    ) else {
        return false;
    };
    let key = format!("SCHEDULE#{id}#{version:020}");
    openings.contains(&(partition, key.as_str()))
}

/// The ids in a value and in what it consists of.
fn ids(value: &Value) -> BTreeSet<String> {
    match value {
        Value::String(text) => ID_PREFIXES
            .iter()
            .flat_map(|prefix| text.match_indices(prefix))
            .filter_map(|(place, prefix)| {
                let id = text.get(place..place + prefix.len() + ID_DIGITS)?;
                let digits = id.strip_prefix(prefix)?;
                digits
                    .bytes()
                    .all(|byte| byte.is_ascii_hexdigit())
                    .then(|| id.to_owned())
            })
            .collect(),
        Value::Array(values) => values.iter().flat_map(ids).collect(),
        Value::Object(members) => members.values().flat_map(ids).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => BTreeSet::new(),
    }
}

fn json(item: &Item) -> String {
    Value::from(item.clone()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const TEAM: &str = "TEAM#team_1#live";
    const RULE: &str = "sla_00000000000000000000000000000001";
    const CALENDAR: &str = "cal_00000000000000000000000000000002";

    fn item(pk: &str, sk: &str, more: Value) -> Item {
        let mut item = Item::new();
        for (name, value) in [("pk", pk), ("sk", sk), ("writeId", "w-0")] {
            item.insert(name.to_owned(), json!({ "S": value }));
        }
        if let Value::Object(more) = more {
            item.extend(more);
        }
        item
    }

    /// A table in order: a rule that names the default calendar, a policy, a record, a credential.
    fn sound() -> Vec<Item> {
        let one = json!({"n": {"N": "1"}});
        let holder = json!({"holder": {"S": "p"}});
        vec![
            item(TEAM, "TEAM", json!({})),
            item(TEAM, "COUNT#RULE", one.clone()),
            item(TEAM, "COUNT#CALENDAR", one.clone()),
            item(TEAM, "COUNT#POLICY", one),
            item(
                TEAM,
                &format!("RULE#{RULE}"),
                json!({"id": {"S": RULE}, "calendarId": {"S": CALENDAR}}),
            ),
            item(
                TEAM,
                &format!("CALENDAR#{CALENDAR}"),
                json!({"id": {"S": CALENDAR}, "uses": {"N": "1"}, "isDefault": {"BOOL": true},
                    "scheduleVersion": {"N": "3"}}),
            ),
            item(
                TEAM,
                &format!("SCHEDULE#{CALENDAR}#{:020}", 3),
                json!({"version": {"N": "3"}}),
            ),
            item(
                TEAM,
                "DEFAULT#CALENDAR",
                json!({"calendar": {"S": CALENDAR}}),
            ),
            item(
                TEAM,
                "POLICY#p",
                json!({"name": {"S": "a"}, "dueTimeInMinutes": {"N": "4"}}),
            ),
            item(TEAM, "UNIQUE#policy-name#a", holder.clone()),
            item(TEAM, "UNIQUE#policy-due#4", holder),
            item(
                "IDEMPOTENCY#1",
                "IDEMPOTENCY",
                json!({"reply": {"S": format!("{{\"id\":\"{RULE}\"}}")}}),
            ),
            item(
                "CREDENTIAL#1",
                "CREDENTIAL",
                json!({"callLimit": {"N": "2"}, "w17": {"N": "2"}, "windowSeconds": {"N": "60"}}),
            ),
        ]
    }

    #[test]
    fn a_sound_table_has_no_violations_and_each_damage_is_seen() {
        let none = BTreeSet::new();
        let of = |items: &[Item]| violations(items, Some(&none));
        assert_eq!(of(&sound()), [""; 0]);
        for place in 0..sound().len() {
            let mut items = sound();
            let lost = items.remove(place);
            let may_be_absent = ["TEAM", "IDEMPOTENCY", "CREDENTIAL"]
                .iter()
                .any(|sk| text(&lost, "sk") == Some(sk));
            assert_eq!(
                of(&items).is_empty(),
                may_be_absent,
                "without {}",
                json(&lost)
            );
        }
        for (sk, name, value) in [
            ("TEAM", "writeId", json!({"S": ""})),
            ("COUNT#RULE", "n", json!({"N": "2"})),
            ("UNIQUE#policy-name#a", "holder", json!({"S": "q"})),
            ("POLICY#p", "name", json!({"S": "b"})),
            ("POLICY#p", "dueTimeInMinutes", json!({"N": "5"})),
            ("DEFAULT#CALENDAR", "calendar", json!({"S": "cal_x"})),
            ("CREDENTIAL", "w17", json!({"N": "3"})),
            ("IDEMPOTENCY", "reply", json!({"S": "{}"})),
        ] {
            let mut items = sound();
            for item in items.iter_mut().filter(|item| text(item, "sk") == Some(sk)) {
                item.insert(name.to_owned(), value.clone());
            }
            assert_eq!(of(&items).len().min(1), 1, "{sk} {name} {value}");
        }
        let calendar = format!("CALENDAR#{CALENDAR}");
        for (name, value) in [
            ("uses", json!({"N": "0"})),
            ("isDefault", json!({"BOOL": false})),
            ("scheduleVersion", json!({"N": "2"})),
        ] {
            let mut items = sound();
            let calendars = items.iter_mut();
            for item in calendars.filter(|item| text(item, "sk") == Some(&*calendar)) {
                item.insert(name.to_owned(), value.clone());
            }
            assert_eq!(of(&items).len(), 1, "{name} {value}");
        }
    }

    #[test]
    fn a_record_outlives_what_was_deleted_and_new_kinds_are_reported() {
        let mut items = sound();
        items.push(item(
            "IDEMPOTENCY#2",
            "IDEMPOTENCY",
            json!({"reply": {"S": "cal_00000000000000000000000000000003"}}),
        ));
        let deleted = BTreeSet::from(["cal_00000000000000000000000000000003".to_owned()]);
        let refer = |version: &str| {
            json!({"calendar": {"M": {"partition": {"S": TEAM}, "id": {"S": CALENDAR},
                "scheduleVersion": {"N": version}}}})
        };
        items.push(item("IDEMPOTENCY#3", "IDEMPOTENCY", refer("3")));
        assert_eq!(violations(&items, Some(&deleted)), [""; 0]);
        let dangling = item("IDEMPOTENCY#4", "IDEMPOTENCY", refer("4"));
        let with_dangling = [items.clone(), vec![dangling]].concat();
        assert_eq!(violations(&with_dangling, None).len(), 1);
        assert_eq!(violations(&items, Some(&deleted)), [""; 0]);
        assert_eq!(violations(&items, None), [""; 0]);
        assert_eq!(violations(&items, Some(&BTreeSet::new())).len(), 1);
        let of_nothing = format!("SCHEDULE#{RULE}#{:020}", 1);
        items.push(item(TEAM, &of_nothing, json!({"version": {"N": "1"}})));
        assert_eq!(violations(&items, Some(&deleted)).len(), 1);
        assert_eq!(violations(&items, None), [""; 0]);
        items.push(item(TEAM, "TICKET#1", json!({})));
        assert_eq!(violations(&items, None).len(), 1);
    }
}
