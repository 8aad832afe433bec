//! What is true of the table whenever no request is in progress.
//!
//! The keys are deliberately spelled out a second time here, so that the check does not repeat a
//! mistake in the store's keys.

use crate::table::{Item, flag, number, text};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The kinds of items that are counted: `COUNT#<kind>` holds the number of `<kind>#…`.
const COUNTED_KINDS: [&str; 4] = ["CALENDAR", "POLICY", "RULE", "WEBHOOK"];
/// The prefixes of sort keys in a team's partition.
const TEAM_PREFIXES: [&str; 12] = [
    "CALENDAR#",
    "COUNT#",
    "DEFAULT#",
    "KEY#",
    "SCHEDULE#",
    "POLICY#",
    "RULE#",
    "SETTINGS",
    "TEAM",
    "UNIQUE#",
    "USER#",
    "WEBHOOK#",
];
/// The prefixes of ids in idempotency records, before 32 hexadecimal digits.
const ID_PREFIXES: [&str; 3] = ["cal_", "sla_", "whk_"];
const ID_DIGITS: usize = 32;

/// Describes everything that is wrong with a table.
///
/// `deleted` holds the ids of everything that may have been deleted, because records and openings
/// outlive their resource. Without it, records and openings of missing resources are not reported.
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
            wrong.extend(rate_windows(partition).into_iter().map(about));
        }
        wrong.extend(queued(pk, partition).into_iter().map(about));
        wrong.extend(due(pk, partition).into_iter().map(about));
    }
    wrong.extend(facts(&partitions));
    wrong.extend(records(items, deleted));
    wrong
}

/// Each fact is of a ticket.
fn facts(partitions: &BTreeMap<&str, Partition<'_>>) -> Vec<String> {
    let of_teams = partitions
        .iter()
        .filter_map(|(pk, partition)| Some((pk.strip_prefix("CYCLE#")?, partition)));
    let facts = of_teams.flat_map(|(scope, partition)| {
        partition.keys().map(move |sk| {
            let ticket = sk.split_once('#').map_or("", |(_day, ticket)| ticket);
            (sk, format!("TICKET#{scope}#{ticket}"))
        })
    });
    let missing = facts.filter(|(_, ticket)| !partitions.contains_key(ticket.as_str()));
    missing
        .map(|(sk, ticket)| format!("the facts {sk} are of {ticket}, which does not exist"))
        .collect()
}

/// The items of a partition by sort key.
type Partition<'i> = BTreeMap<&'i str, &'i Item>;

/// The items whose sort key has this prefix, with the rest of the key.
fn of_kind<'p, 'i>(
    partition: &'p Partition<'i>,
    prefix: &'p str,
) -> impl Iterator<Item = (&'i str, &'i Item)> + 'p {
    partition
        .iter()
        .filter_map(move |(sk, item)| Some((sk.strip_prefix(prefix)?, *item)))
}

/// Each counter equals the number of items.
fn counts(partition: &Partition<'_>) -> Vec<String> {
    let counters = of_kind(partition, "COUNT#").map(|(kind, _)| kind);
    let kinds: BTreeSet<&str> = counters.chain(COUNTED_KINDS).collect();
    let wrong = kinds.into_iter().filter_map(|kind| {
        let actual = of_kind(partition, &format!("{kind}#")).count() as i64;
        let counter = partition.get(format!("COUNT#{kind}").as_str());
        let counted = counter.map_or(Some(0), |counter| number(counter, "n"));
        (counted != Some(actual)).then(|| format!("{actual} {kind}s, counted as {counted:?}"))
    });
    wrong.collect()
}

/// Each policy holds the guards of its name and of its due time, and nothing else holds a guard.
fn guards(partition: &Partition<'_>) -> Vec<String> {
    let mut expected = BTreeMap::new();
    let mut wrong = Vec::new();
    for (id, policy) in of_kind(partition, "POLICY#") {
        let (name, due) = (text(policy, "name"), number(policy, "dueTimeInMinutes"));
        let (Some(name), Some(due)) = (name, due) else {
            wrong.push(format!("policy {id} has no name or no due time"));
            continue;
        };
        for guard in [format!("policy-name#{name}"), format!("policy-due#{due}")] {
            if let Some(other) = expected.insert(guard.clone(), id) {
                wrong.push(format!("policies {other} and {id} share {guard}"));
            }
        }
    }
    for (guard, item) in of_kind(partition, "UNIQUE#") {
        let holder = text(item, "holder");
        let owner = expected.remove(guard);
        if holder.is_none() || holder != owner {
            wrong.push(format!(
                "{guard} is held by {holder:?} and belongs to {owner:?}"
            ));
        }
    }
    let missing = expected.into_iter();
    wrong.extend(missing.map(|(guard, id)| format!("{guard} of policy {id} is not held")));
    wrong
}

/// A calendar's `uses` equals the number of rules that name it, and each named calendar exists.
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
    wrong.extend(
        missing.map(|(id, rules)| format!("{rules} rules name {id}, which does not exist")),
    );
    wrong
}

/// At most one calendar is the default, and the pointer names it.
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
        .then(|| format!("{defaults:?} are default calendars, but the pointer names {pointed:?}"))
        .into_iter()
        .collect()
}

/// Each calendar has the opening that it names, and each opening belongs to a calendar that exists
/// or existed, because openings are kept when a calendar is deleted.
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
        let exists = partition.contains_key(format!("CALENDAR#{id}").as_str());
        let may_have_existed = deleted.is_none_or(|deleted| deleted.contains(id));
        if !exists && !may_have_existed {
            wrong.push(format!("an opening of {id}, which never existed"));
        }
    }
    wrong
}

/// The index `queue` has every ticket, in a partition of its team and mode, and nothing else.
fn queued(pk: &str, partition: &Partition<'_>) -> Vec<String> {
    let ticket = pk
        .strip_prefix("TICKET#")
        .and_then(|key| key.rsplit_once('#'));
    let mut wrong = Vec::new();
    for (sk, item) in partition {
        let (queue, place) = (text(item, "queuePk"), text(item, "queueSk"));
        let Some((team, id)) = ticket.filter(|_| *sk == "TICKET") else {
            if queue.or(place).is_some() || ticket.is_some() {
                wrong.push(format!(
                    "{sk} is no ticket, and is in its place or in the index"
                ));
            }
            continue;
        };
        let queues = ["open", "closed"].map(|side| format!("QUEUE#{team}#{side}"));
        let is_queued = queue.is_some_and(|queue| queues.iter().any(|known| known == queue));
        let placed = place.and_then(|place| place.split_once('#'));
        if !is_queued || placed.is_none_or(|(_, named)| named != id) {
            wrong.push(format!("is at {place:?} of {queue:?} in the index"));
        }
        if text(item, "id") != Some(id) {
            wrong.push(format!("has the id {:?}", text(item, "id")));
        }
    }
    wrong
}

/// The index `due` has every ticket with a next mark and every pending delivery, and nothing else.
fn due(pk: &str, partition: &Partition<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    for (sk, item) in partition {
        let (waits, at) = if pk.starts_with("TICKET#") {
            ("DUE#TICKET#", text(item, "nextMarkAt"))
        } else if pk.starts_with("DELIVERY#") {
            let is_pending = text(item, "status") == Some("pending");
            let at = text(item, "nextAttemptAt").filter(|_| is_pending);
            ("DUE#DELIVERY#", at)
        } else {
            ("", None)
        };
        let place = text(item, "duePk").zip(text(item, "dueSk"));
        let is_right = match (at, place) {
            (None, None) => true,
            (Some(at), Some((shard, instant))) => {
                let seconds = at.get(..19).unwrap_or(at);
                shard.starts_with(waits) && instant.starts_with(seconds)
            }
            _ => false,
        };
        if !is_right {
            wrong.push(format!("{sk} waits for {at:?} and is due at {place:?}"));
        }
    }
    wrong
}

/// No item is of a kind that nothing here checks.
fn unknown(partition: &Partition<'_>) -> Vec<String> {
    let unknown = partition
        .keys()
        .filter(|sk| !TEAM_PREFIXES.iter().any(|known| sk.starts_with(known)));
    unknown
        .map(|sk| format!("{sk} is of a kind without invariants"))
        .collect()
}

/// No window of a credential with its own limit counts more calls than that limit.
fn rate_windows(partition: &Partition<'_>) -> Vec<String> {
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

/// Whether an attribute is the counter of a window: `w` and the window's number.
fn is_window(attribute: &str) -> bool {
    let digits = attribute.strip_prefix('w').unwrap_or_default();
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Each record of a finished request names something that exists or existed.
fn records(items: &[Item], deleted: Option<&BTreeSet<String>>) -> Vec<String> {
    let is_record = |item: &&Item| text(item, "sk") == Some("IDEMPOTENCY");
    let (records, others): (Vec<&Item>, Vec<&Item>) = items.iter().partition(is_record);
    let existing: BTreeSet<&str> = others.iter().filter_map(|item| text(item, "id")).collect();
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
        if ids.is_empty() && !is_of_settings(record) {
            wrong.push(format!("{pk} names no resource"));
        }
        let Some(deleted) = deleted else { continue };
        let orphaned = ids
            .into_iter()
            .filter(|id| !existing.contains(id.as_str()) && !deleted.contains(id));
        wrong.extend(orphaned.map(|id| format!("{pk} names {id}, which never existed")));
    }
    wrong
}

/// Whether a record repeats a response about a team's settings, which have no id.
fn is_of_settings(record: &Item) -> bool {
    let mut values = record.values();
    values.any(|value| value.to_string().contains("warnAtPercent"))
}

/// Whether the opening that a record refers to exists. A record need not refer to one.
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

/// The ids in a value and its parts.
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

    /// A valid table: a rule that names the default calendar, a policy, settings, a ticket, two records
    /// and a credential.
    fn valid_table() -> Vec<Item> {
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
            item(TEAM, "SETTINGS", json!({"warnAtPercent": {"N": "75"}})),
            item(
                "IDEMPOTENCY#0",
                "IDEMPOTENCY",
                json!({"reply": {"S": "{\"warnAtPercent\":75}"}}),
            ),
            item(
                "TICKET#team_1#live#t:1",
                "TICKET",
                json!({"id": {"S": "t:1"}, "queuePk": {"S": "QUEUE#team_1#live#open"},
                    "queueSk": {"S": "2026-01-09T10:30:00Z#t:1"}}),
            ),
            item("CYCLE#team_1#live", "2026-01-09#t:1", json!({})),
            item(
                "CREDENTIAL#1",
                "CREDENTIAL",
                json!({"callLimit": {"N": "2"}, "w17": {"N": "2"}, "windowSeconds": {"N": "60"}}),
            ),
        ]
    }

    #[test]
    fn a_valid_table_has_no_violations_and_each_damage_is_reported() {
        let none = BTreeSet::new();
        let of = |items: &[Item]| violations(items, Some(&none));
        assert_eq!(of(&valid_table()), [""; 0]);
        for place in 0..valid_table().len() {
            let mut items = valid_table();
            let removed = items.remove(place);
            let optional = [
                "TEAM",
                "SETTINGS",
                "IDEMPOTENCY",
                "CREDENTIAL",
                "2026-01-09#t:1",
            ];
            let is_optional = optional.iter().any(|sk| text(&removed, "sk") == Some(sk));
            assert_eq!(
                of(&items).is_empty(),
                is_optional,
                "without {}",
                json(&removed)
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
            ("TICKET", "id", json!({"S": "t:2"})),
            ("TICKET", "sk", json!({"S": "TICKETS"})),
            ("TICKET", "queuePk", json!({"S": "QUEUE#team_2#live#open"})),
            ("TICKET", "queuePk", json!({"N": "1"})),
            (
                "TICKET",
                "queueSk",
                json!({"S": "2026-01-09T10:30:00Z#t:2"}),
            ),
            (
                "SETTINGS",
                "queueSk",
                json!({"S": "2026-01-09T10:30:00Z#t:2"}),
            ),
        ] {
            let mut items = valid_table();
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
            let mut items = valid_table();
            let calendars = items.iter_mut();
            for item in calendars.filter(|item| text(item, "sk") == Some(&*calendar)) {
                item.insert(name.to_owned(), value.clone());
            }
            assert_eq!(of(&items).len(), 1, "{name} {value}");
        }
    }

    #[test]
    fn a_record_outlives_a_deleted_resource_and_new_kinds_are_reported() {
        let mut items = valid_table();
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
