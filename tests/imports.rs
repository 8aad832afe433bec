//! What `cargo admin import` makes of other products' files and of another deployment's, on the real
//! table. `tests/imports/` has the files, and what a team has afterwards.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::actors::{Actor, POLICIES, Team};
use crate::operators::{OperatorWire, admin, items_of};
use crate::world;

crate::stories![
    zendesks_policies_schedules_and_holidays_are_imported_or_named,
    freshdesks_policies_and_business_hours_are_imported_or_named,
    chatwoots_policies_and_working_hours_are_imported_or_named,
    zammads_slas_and_calendars_are_imported_or_named,
    an_imported_rule_applies_to_tickets_in_its_calendar,
    a_team_is_carried_to_another_one,
    what_differs_is_updated_and_what_is_ambiguous_is_skipped,
    an_interrupted_import_can_be_repeated,
    a_wrong_file_or_an_unknown_team_changes_nothing,
];

fn folder(product: &str) -> PathBuf {
    world::root().join("tests/imports").join(product)
}

/// The paths of a product's files, with blanks between them. Any order will do.
pub fn fixtures(product: &str) -> String {
    let files = fs::read_dir(folder(product)).expect("a folder");
    let paths = files.map(|file| file.expect("a file").path());
    let inputs = paths.filter(|path| !path.ends_with("expected.json"));
    let paths: Vec<String> = inputs.map(|path| path.display().to_string()).collect();
    paths.join(" ")
}

/// A row of the table that an import prints, without what is empty.
fn row(kind: &str, name: &str, priority: &str, outcome: &str, note: &str) -> Value {
    let mut row =
        json!({"kind": kind, "name": name, "priority": priority, "outcome": outcome, "note": note});
    row.as_object_mut()
        .expect("a row")
        .retain(|_, value| value != "");
    row
}

/// The same rows on the second import.
fn unchanged(rows: &[Value]) -> Vec<Value> {
    let again = |row: &Value| {
        let mut row = row.clone();
        if row["outcome"] == "created" {
            row["outcome"] = "unchanged".into();
        }
        row
    };
    rows.iter().map(again).collect()
}

fn counts(rows: &[Value]) -> String {
    let count = |outcome: &str| rows.iter().filter(|row| row["outcome"] == outcome).count();
    let [created, updated] = ["created", "updated"].map(count);
    let [unchanged, skipped] = ["unchanged", "skipped"].map(count);
    format!("{created} created, {updated} updated, {unchanged} unchanged, {skipped} skipped")
}

/// Imports a product's files: first only to see, then for real, then once more.
async fn import(product: &str, warning: &str, rows: &[Value]) -> Team {
    let team = Team::new().await;
    let import = format!("import {product} {} --team {}", fixtures(product), team.id);
    let before = items_of(&team).await;
    let note = format!(
        "{warning}note: nothing has been written (--dry-run); an import would report {}",
        counts(rows)
    );
    let dry = admin(format!("{import} --dry-run")).await;
    assert_rows(&dry.succeeded_with(&note), rows);
    assert!(items_of(&team).await == before, "--dry-run has written");

    let imported = admin(&import).await;
    assert_rows(
        &imported.succeeded_with(&format!("{warning}note: {}", counts(rows))),
        rows,
    );
    let expected = folder(product).join("expected.json");
    assert_json(&export(&team, "live").await, &read(&expected));

    let (after, again) = (items_of(&team).await, unchanged(rows));
    let repeated = admin(&import).await;
    assert_rows(
        &repeated.succeeded_with(&format!("{warning}note: {}", counts(&again))),
        &again,
    );
    assert!(
        items_of(&team).await == after,
        "the second import has written"
    );
    team
}

#[track_caller]
fn assert_rows(found: &Value, expected: &[Value]) {
    assert_json(found, &json!(expected));
}

/// Compares line by line, so that a difference can be found.
#[track_caller]
fn assert_json(found: &Value, expected: &Value) {
    assert_eq!(format!("{found:#}"), format!("{expected:#}"));
}

fn read(path: &Path) -> Value {
    let text = fs::read_to_string(path).expect("a file");
    serde_json::from_str(&text).expect("JSON")
}

async fn export(team: &Team, mode: &str) -> Value {
    let export = format!("export --team {} --mode {mode}", team.id);
    admin(export).await.succeeded()
}

/// A file that is removed with the story.
struct TemporaryFile(PathBuf);

impl TemporaryFile {
    fn new(name: &str, json: &Value) -> TemporaryFile {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::write(&path, json.to_string()).expect("a writable folder");
        TemporaryFile(path)
    }

    fn path(&self) -> String {
        self.0.display().to_string()
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

async fn zendesks_policies_schedules_and_holidays_are_imported_or_named() {
    let conditional = "disabled: in Zendesk it is only for tickets with certain current_tags, \
        organization_id, and a rule is for all tickets of its priority; disabled: one of its targets \
        counts business hours and the other all hours, and a rule counts the same hours for both: it \
        counts all; its resolution is total_resolution_time: never report a ticket as paused";
    let waiting =
        "its resolution is requester_wait_time: report a ticket as paused while it is pending";
    let no_resolution = "it has no target for the resolution, which a rule needs; \
        pausable_update_time is left out: a rule has no target for it";
    let urgent = "agent_work_time is left out: a rule has no target for it; next_reply_time is left \
        out: it counts other hours than the first reply; its resolution is total_resolution_time: \
        never report a ticket as paused";
    let rows = [
        row("calendar", "Harbour office", "", "created", ""),
        row(
            "rule",
            "Hospitals",
            "high",
            "skipped",
            "its target for the first response cannot be read: 90 seconds are not whole minutes",
        ),
        row("rule", "Hospitals", "urgent", "created", conditional),
        row("rule", "Everyone", "low", "created", waiting),
        row(
            "rule",
            "Everyone",
            "normal",
            "created",
            &format!("periodic_update_time is left out: a rule has no target for it; {waiting}"),
        ),
        row("rule", "Everyone", "high", "skipped", no_resolution),
        row("rule", "Everyone", "urgent", "created", urgent),
        row(
            "rule",
            "Trial of spring 2025",
            "",
            "skipped",
            "it has no targets",
        ),
    ];
    import("zendesk", "", &rows).await;
}

async fn freshdesks_policies_and_business_hours_are_imported_or_named() {
    let kept = "Freshdesk's list has no holidays: those that it has here are kept";
    let warning = "warning: rules count the default business hours; groups of agents that have \
        others in Freshdesk are not in its lists\n";
    let rows = [
        row("calendar", "Pune", "", "created", kept),
        row(
            "calendar",
            "Head office",
            "",
            "created",
            &format!(
                "{kept}; it is the default there: the team's default calendar stays what it is"
            ),
        ),
        row(
            "calendar",
            "Night watch",
            "",
            "skipped",
            "The 'hours.sunday[0]' field must start before it ends, with a night shift split at \
             midnight into two days.",
        ),
        row(
            "rule",
            "Resellers",
            "urgent",
            "created",
            "disabled: in Freshdesk it is only for tickets with certain company_ids, ticket_types, \
             and a rule is for all tickets of its priority",
        ),
        row(
            "rule",
            "House rules",
            "low",
            "skipped",
            "The 'resolutionTarget' field must be at least the 'responseTarget', which is 1440.",
        ),
        row("rule", "House rules", "normal", "created", ""),
        row(
            "rule",
            "House rules",
            "high",
            "created",
            "the next response is left out: 7230 seconds are not whole minutes",
        ),
        row(
            "rule",
            "House rules",
            "urgent",
            "created",
            "its escalation is left out: agents hear of a breach by webhooks, and of a later one by \
             the settings' escalations",
        ),
    ];
    import("freshdesk", warning, &rows).await;
}

async fn chatwoots_policies_and_working_hours_are_imported_or_named() {
    let kept = "Chatwoot has no holidays: those that it has here are kept";
    let off = "the inbox has its working hours turned off";
    let mut rows = vec![
        row("calendar", "Shop", "", "created", kept),
        row("calendar", "Old address", "", "skipped", off),
        row("calendar", "Shop", "", "skipped", off),
    ];
    let rules = ["low", "normal", "high", "urgent"];
    rows.extend(
        rules.map(|priority| row("rule", "Answer within the hour", priority, "created", "")),
    );
    import("chatwoot", "", &rows).await;
}

async fn zammads_slas_and_calendars_are_imported_or_named() {
    let feed = "its holidays come from a feed there: later ones are not followed here; it is the \
        default there: the team's default calendar stays what it is";
    let council = "disabled: in Zammad it is only for tickets with certain ticket.group_id, and a \
        rule is for all tickets of its priority; disabled: none of the files has its calendar; \
        update_time is left out: a rule has no target for it";
    let no_resolution = "it has no target for the resolution, which a rule needs";
    let mut rows = vec![row("calendar", "Austria", "", "created", feed)];
    for (name, outcome, note) in [
        ("Standard", "created", ""),
        ("Works council", "created", council),
        ("Reminder only", "skipped", no_resolution),
    ] {
        let priorities = ["low", "normal", "high", "urgent"];
        rows.extend(priorities.map(|priority| row("rule", name, priority, outcome, note)));
    }
    import("zammad", "", &rows).await;
}

async fn an_imported_rule_applies_to_tickets_in_its_calendar() {
    let team = Team::new().await;
    let import = format!("import zendesk {} --team {}", fixtures("zendesk"), team.id);
    assert_eq!(admin(import).await.code, 0);
    let caller = team.secret_key().await;
    // Thursday, 24 December, one hour before closing time in New York. Friday to Sunday are holidays.
    let ticket = json!({"createdAt": "2026-12-24T16:00:00-05:00", "priority": "normal"});
    let preview = caller.post(&team.preview(), &ticket).await.json();
    let due = |metric: &str| preview["data"][metric]["dueAt"].clone();
    assert_eq!(due("firstResponse"), "2026-12-28T17:00:00Z");
    assert_eq!(due("resolution"), "2026-12-30T21:00:00Z");
}

/// A team that has something of everything that can be carried.
async fn full_team() -> (Team, Actor) {
    let team = Team::new().await;
    let (caller, manager) = (team.secret_key().await, team.livechat_manager().await);
    let office = json!({
        "name": "Office", "timeZone": "Europe/Lisbon", "default": true,
        "hours": {"monday": [["08:00", "12:00"], ["13:00", "17:00"]], "friday": [["20:00", "24:00"]]},
        "holidays": ["2026-12-25", "2026-12-08"],
        "exceptions": {"2026-12-24": [["08:00", "12:00"]], "2026-12-31": []},
    });
    let desk =
        json!({"name": "Night desk", "timeZone": "UTC", "hours": {"sunday": [["00:00", "24:00"]]}});
    caller.post(&team.calendars(), &office).await.id();
    let desk = caller.post(&team.calendars(), &desk).await.id();
    for rule in [
        json!({"name": "Old", "priority": "high", "responseTarget": 5, "resolutionTarget": 10, "enabled": false}),
        json!({"name": "New", "priority": "high", "responseTarget": 15, "resolutionTarget": 60,
               "businessHoursOnly": true, "calendarId": desk, "nextResponseTarget": 30}),
        json!({"name": "New", "priority": "low", "responseTarget": 45, "resolutionTarget": 90, "businessHoursOnly": true}),
    ] {
        caller.post(&team.rules(), &rule).await.id();
    }
    let settings = json!({"warnAtPercent": 75, "onReopen": "restart",
        "escalations": [{"metric": "resolution", "afterBreachMinutes": 30}]});
    let path = format!("/api/v1/teams/{}/sla/settings", team.id);
    assert_eq!(caller.patch(&path, &settings).await.status, 200);
    for (name, due) in [("Gold", 10), ("Silver", 20)] {
        let policy = json!({"name": name, "description": "For chats", "dueTimeInMinutes": due});
        assert_eq!(manager.post(POLICIES, &policy).await.status, 200);
    }
    // Neither of these may be carried: the one has a secret, the other is one.
    let webhook = json!({"url": "https://example.com/"});
    let webhooks = format!("/api/v1/teams/{}/sla/webhooks", team.id);
    assert_eq!(caller.post(&webhooks, &webhook).await.status, 201);
    (team, caller)
}

/// What clients see of a team, without ids: rules with the names of their calendars, and calendars
/// with holidays and exceptions.
async fn listing(team: &Team) -> Value {
    let (caller, agent) = (team.secret_key().await, team.agent().await);
    let without_id = |mut resource: Value| {
        resource
            .as_object_mut()
            .expect("a resource")
            .shift_remove("id");
        resource
    };
    let data = |response: Value| response["data"].clone();
    let list = |value: Value| value.as_array().expect("a list").clone();
    let (mut calendars, mut names) = (Vec::new(), Vec::new());
    for calendar in list(data(caller.get(&team.calendars()).await.json())) {
        let id = calendar["id"].as_str().expect("an id").to_owned();
        let path = format!("{}/{id}", team.calendars());
        calendars.push(without_id(data(caller.get(&path).await.json())));
        names.push((id, calendar["name"].clone()));
    }
    let rules = list(data(caller.get(&team.rules()).await.json())).into_iter();
    let rules = rules.map(without_id).map(|mut rule| {
        if let Some(calendar) = rule.get_mut("calendarId") {
            let mut named = names.iter().filter(|(id, _)| *calendar == id.as_str());
            *calendar = named.next().expect("one of its own calendars").1.clone();
        }
        rule
    });
    let settings = format!("/api/v1/teams/{}/sla/settings", team.id);
    let policies = agent
        .get(&format!("{POLICIES}?sort=%7B%22name%22%3A1%7D"))
        .await
        .json();
    let policies = list(policies["sla"].clone()).into_iter();
    let policies = policies.map(|policy| {
        json!([
            policy["name"],
            policy["description"],
            policy["dueTimeInMinutes"]
        ])
    });
    json!({
        "calendars": calendars,
        "rules": rules.collect::<Vec<_>>(),
        "policies": policies.collect::<Vec<_>>(),
        "settings": data(caller.get(&settings).await.json()),
    })
}

async fn a_team_is_carried_to_another_one() {
    let (from, _) = full_team().await;
    let exported = export(&from, "live").await;
    let file = TemporaryFile::new(&format!("{}.json", from.id), &exported);
    let to = Team::new().await;
    let import = format!("import dueline {} --team {}", file.path(), to.id);
    let rows = [
        row("calendar", "Office", "", "created", ""),
        row("calendar", "Night desk", "", "created", ""),
        row("rule", "Old", "high", "created", ""),
        row("rule", "New", "high", "created", ""),
        row("rule", "New", "low", "created", ""),
        row("policy", "Gold", "", "created", ""),
        row("policy", "Silver", "", "created", ""),
        json!({"kind": "settings", "outcome": "updated",
               "changed": ["warnAtPercent", "onReopen", "escalations"]}),
    ];
    let before = items_of(&to).await;
    let dry = admin(format!("{import} --dry-run")).await;
    let note = "note: nothing has been written (--dry-run); an import would report 7 created, 1 updated, 0 unchanged, 0 skipped";
    assert_rows(&dry.succeeded_with(note), &rows);
    assert!(items_of(&to).await == before, "--dry-run has written");

    let imported = admin(&import).await;
    assert_rows(
        &imported.succeeded_with("note: 7 created, 1 updated, 0 unchanged, 0 skipped"),
        &rows,
    );
    assert_json(&export(&to, "live").await, &exported);
    assert_json(&listing(&to).await, &listing(&from).await);

    let again = admin(&import).await;
    let again = again.succeeded_with("note: 0 created, 0 updated, 8 unchanged, 0 skipped");
    assert!(
        again
            .as_array()
            .expect("rows")
            .iter()
            .all(|row| row["outcome"] == "unchanged"),
        "{again}"
    );
    // The other mode has data of its own, and no policies, which only live users see.
    let empty = export(&Team::new().await, "live").await;
    assert_json(&export(&to, "test").await, &empty);
    let tested = admin(format!("{import} --mode test")).await;
    tested.succeeded_with("note: 5 created, 1 updated, 0 unchanged, 2 skipped");
    let mut without_policies = exported.clone();
    without_policies["policies"] = json!([]);
    assert_json(&export(&to, "test").await, &without_policies);

    // A team that has a default already gets another one.
    let settled = Team::new().await;
    let home = json!({"name": "Home", "timeZone": "UTC", "default": true, "hours": {"monday": [["09:00", "17:00"]]}});
    let caller = settled.secret_key().await;
    caller.post(&settled.calendars(), &home).await.id();
    let import = format!("import dueline {} --team {}", file.path(), settled.id);
    let imported = admin(import).await;
    let imported = imported.succeeded_with("note: 7 created, 1 updated, 0 unchanged, 0 skipped");
    assert_eq!(
        imported[0]["note"],
        "it becomes the default in place of \"Home\""
    );
    let calendars = listing(&settled).await["calendars"].clone();
    let calendars = calendars.as_array().expect("a list").iter();
    let defaults: Vec<_> = calendars
        .filter(|calendar| calendar["default"] == true)
        .collect();
    assert_eq!(defaults.len(), 1);
    assert_eq!(defaults[0]["name"], "Office");
}

async fn what_differs_is_updated_and_what_is_ambiguous_is_skipped() {
    let (team, caller) = full_team().await;
    for rule in ["Twin", "Twin"] {
        let rule =
            json!({"name": rule, "priority": "urgent", "responseTarget": 1, "resolutionTarget": 2});
        caller.post(&team.rules(), &rule).await.id();
    }
    let warned = admin(format!("export --team {}", team.id)).await;
    let mut file = warned.succeeded_with(
        "warning: an import will skip rule \"Twin\" of priority urgent: there are 2, and it finds them by that",
    );
    // Another default, another calendar, other targets, and due times that are exchanged in a circle
    // but for one.
    file["calendars"][0]["default"] = false.into();
    file["calendars"][1]["default"] = true.into();
    file["calendars"][1]["holidays"] = json!(["2027-01-01"]);
    file["rules"][1]["calendar"] = "Office".into();
    file["rules"][2]["resolutionTarget"] = 30.into();
    file["rules"].as_array_mut().expect("rules").remove(4);
    file["policies"] = json!([
        {"name": "Gold", "description": "For chats", "dueTimeInMinutes": 20},
        {"name": "Silver", "description": "For chats", "dueTimeInMinutes": 40},
        {"name": "Bronze", "description": "", "dueTimeInMinutes": 40},
    ]);
    let updated = |kind: &str, name: &str, priority: &str, changed: &[&str], note: &str| {
        let mut row = row(kind, name, priority, "updated", note);
        let members = row.as_object_mut().expect("a row");
        let note = members.shift_remove("note");
        members.insert("changed".to_owned(), json!(changed));
        members.extend(note.map(|note| ("note".to_owned(), note)));
        row
    };
    let rows = [
        updated("calendar", "Office", "", &["default"], ""),
        updated(
            "calendar",
            "Night desk",
            "",
            &["holidays", "default"],
            "it becomes the default in place of \"Office\"",
        ),
        row("rule", "Old", "high", "unchanged", ""),
        updated("rule", "New", "high", &["calendarId"], ""),
        row(
            "rule",
            "New",
            "low",
            "skipped",
            "The 'resolutionTarget' field must be at least the 'responseTarget', which is 45.",
        ),
        row(
            "rule",
            "Twin",
            "urgent",
            "skipped",
            "the team has 2 rules of this name and priority",
        ),
        updated("policy", "Gold", "", &["dueTimeInMinutes"], ""),
        updated("policy", "Silver", "", &["dueTimeInMinutes"], ""),
        row(
            "policy",
            "Bronze",
            "",
            "skipped",
            "another policy has its due time",
        ),
        json!({"kind": "settings", "outcome": "unchanged"}),
    ];
    let path = TemporaryFile::new(&format!("{}.json", team.id), &file);
    let import = format!("import dueline {} --team {}", path.path(), team.id);
    let imported = admin(&import).await;
    let note = "note: 0 created, 5 updated, 2 unchanged, 3 skipped";
    assert_rows(&imported.succeeded_with(note), &rows);
    let seen = listing(&team).await;
    let defaults: Vec<&Value> = seen["calendars"]
        .as_array()
        .unwrap()
        .iter()
        .map(|calendar| &calendar["default"])
        .collect();
    assert_eq!(defaults, [false, true]);
    assert_eq!(seen["rules"][1]["calendarId"], "Office");
    assert_eq!(
        seen["policies"],
        json!([["Gold", "For chats", 20], ["Silver", "For chats", 40]])
    );
    let again = admin(&import).await;
    again.succeeded_with("note: 0 created, 0 updated, 7 unchanged, 3 skipped");
}

async fn an_interrupted_import_can_be_repeated() {
    let wire = OperatorWire::exclusive().await;
    let team = Team::new().await;
    let import = format!("import zammad {} --team {}", fixtures("zammad"), team.id);
    let denied = wire.deny_once("TransactWriteItems", 4);
    let interrupted = wire.admin(&import).await;
    drop(denied);
    let error = "error: 3 of 9 changes have been written: ";
    assert!(interrupted.err.starts_with(error), "{}", interrupted.err);
    assert_eq!((interrupted.code, interrupted.out.as_str()), (1, ""));
    let repeated = wire.admin(&import).await;
    repeated.succeeded_with("note: 6 created, 0 updated, 3 unchanged, 4 skipped");
    assert_json(
        &export(&team, "live").await,
        &read(&folder("zammad").join("expected.json")),
    );
}

async fn a_wrong_file_or_an_unknown_team_changes_nothing() {
    let team = Team::new().await;
    let before = items_of(&team).await;
    let on_team = format!("--team {}", team.id);
    let (zendesk, chatwoot) = (fixtures("zendesk"), fixtures("chatwoot"));
    let inboxes = folder("chatwoot")
        .join("inboxes.json")
        .display()
        .to_string();
    let newer = TemporaryFile::new(
        &format!("{}-newer.json", team.id),
        &json!({"format": "dueline-export", "version": 2}),
    );
    let readme = world::root().join("README.md").display().to_string();
    for (files, error) in [
        (
            format!("zendesk {zendesk} {inboxes}"),
            format!("{inboxes}: this is not Zendesk's list of SLA policies, schedules or holidays"),
        ),
        (
            format!("chatwoot {chatwoot} {readme}"),
            format!("{readme}: it is not JSON: expected value at line 1 column 1"),
        ),
        (
            format!("dueline {}", newer.path()),
            format!(
                "{}: it does not have version 1, the only one that this program reads",
                newer.path()
            ),
        ),
    ] {
        let refused = admin(format!("import {files} {on_team}")).await;
        refused.failed(&format!("error: {error}\n  Nothing has been changed."));
    }
    assert!(
        items_of(&team).await == before,
        "a refused file has been imported"
    );
    for command in [&format!("import chatwoot {chatwoot}"), "export"] {
        let unknown = admin(format!("{command} --team team_unknown")).await;
        unknown.failed("error: no such team");
    }
}
