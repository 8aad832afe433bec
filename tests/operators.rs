//! What operators type and see, and how it affects the next call.

use std::collections::{BTreeMap, BTreeSet};

use admin::cli;
use admin::console::Console;
use local::table;
use local::wire::Wire;
use local::wire::fault::{FaultGuard, InjectedFault, Matcher};
use serde_json::{Value, json};
use shared::domain::principal::Permission;
use shared::store::Store;
use tokio::sync::{Mutex, MutexGuard};

use crate::actors::{Actor, POLICIES, TEAM_NAME, Team};
use crate::{imports, notices, world};

crate::stories![
    every_command_shows_a_key_the_same_way,
    every_command_shows_a_user_the_same_way,
    a_list_shows_which_keys_work,
    an_imported_secret_shows_only_what_is_known,
    a_revoked_credential_cannot_be_changed,
    an_unknown_team_is_an_error_not_an_empty_list,
    a_duplicate_team_name_causes_a_warning,
    a_plan_change_applies_to_the_teams_credentials,
    repeating_an_interrupted_plan_change_completes_it,
    a_deleted_team_leaves_nothing_in_the_table,
    an_interrupted_deletion_leaves_nothing_unreachable_and_can_be_repeated,
    operators_need_six_permissions_on_the_table_and_one_on_its_index,
    an_unusable_table_is_reported_with_advice,
];

/// What a command returned and printed.
pub struct CommandResult {
    pub code: u8,
    pub out: String,
    pub err: String,
}

impl CommandResult {
    #[track_caller]
    pub fn succeeded(&self) -> Value {
        assert_eq!((self.code, self.err.as_str()), (0, ""), "{}", self.out);
        serde_json::from_str(&self.out).expect("one line of JSON")
    }

    /// What it printed, if it succeeded with this note on stderr.
    #[track_caller]
    pub fn succeeded_with(&self, note: &str) -> Value {
        assert_eq!((self.code, self.err.trim_end()), (0, note), "{}", self.out);
        serde_json::from_str(&self.out).expect("one line of JSON")
    }

    #[track_caller]
    pub fn failed(&self, error: &str) {
        let seen = (self.code, self.out.as_str(), self.err.trim_end());
        assert_eq!(seen, (1, "", error));
    }
}

/// The wire to the table, which records calls and can make them fail, for one story at a time.
pub struct OperatorWire {
    wire: &'static Wire,
    _turn: MutexGuard<'static, ()>,
}

impl OperatorWire {
    pub async fn exclusive() -> OperatorWire {
        static TURN: Mutex<()> = Mutex::const_new(());
        OperatorWire {
            _turn: TURN.lock().await,
            wire: world::stack().wire().expect("a recording stack"),
        }
    }

    pub fn table(&self) -> Store {
        world::table_at(&self.wire.endpoint())
    }

    /// Every `UpdateItem` of an operator fails, until the guard is dropped.
    pub fn deny_updates(&self) -> FaultGuard {
        let matcher = Matcher {
            function: Some(OPERATOR.to_owned()),
            operation: Some("UpdateItem".to_owned()),
            nth: None,
            chance: None,
        };
        self.wire.fault(matcher, InjectedFault::Deny)
    }

    /// The nth time that an operator uses this operation, it fails.
    pub fn deny_once(&self, operation: &str, nth: usize) -> FaultGuard {
        let matcher = Matcher {
            function: Some(OPERATOR.to_owned()),
            operation: Some(operation.to_owned()),
            nth: Some(nth),
            chance: None,
        };
        self.wire.fault(matcher, InjectedFault::Deny)
    }

    /// An operator's next transaction hangs, and succeeds only when it is retried.
    pub fn delay_a_transaction(&self) -> FaultGuard {
        let matcher = Matcher {
            function: Some(OPERATOR.to_owned()),
            operation: Some("TransactWriteItems".to_owned()),
            nth: Some(1),
            chance: None,
        };
        self.wire.fault(matcher, InjectedFault::Hang)
    }

    pub async fn admin(&self, command: &str) -> CommandResult {
        admin_at(&self.wire.endpoint(), command).await
    }

    /// The IAM actions that operators have needed so far.
    fn actions(&self) -> BTreeSet<String> {
        let calls = self.wire.calls().into_iter();
        let operators = calls.filter(|call| call.function == OPERATOR);
        operators.flat_map(|call| call.iam_actions()).collect()
    }
}

/// The access key that signs the calls of `--local`.
const OPERATOR: &str = "local";

/// Runs a command, whose words contain no blanks, on the table of the running service.
pub async fn admin(command: impl AsRef<str>) -> CommandResult {
    admin_at(world::stack().dynamodb(), command.as_ref()).await
}

async fn admin_at(endpoint: &str, command: &str) -> CommandResult {
    let flags = format!("--local --endpoint {endpoint} --output json");
    run(&format!("{flags} {command}")).await
}

async fn run(arguments: &str) -> CommandResult {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut console = Console {
        out: &mut out,
        err: &mut err,
    };
    let words = ["cargo admin"].into_iter().chain(arguments.split(' '));
    let code = cli::run(words, &mut console).await;
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    CommandResult {
        code,
        out: text(out),
        err: text(err),
    }
}

const KEY_SHOWN_ONCE: &str = "note: the key will not be shown again";
const TOKEN_SHOWN_ONCE: &str = "note: the token will not be shown again";

/// A member that is a string.
fn text<'a>(row: &'a Value, member: &str) -> &'a str {
    row[member].as_str().expect("a text")
}

/// A row without one of its members.
fn without(row: &Value, member: &str) -> Value {
    let mut row = row.clone();
    let removed = row.as_object_mut().expect("a row").shift_remove(member);
    assert!(removed.is_some(), "{row} has no {member}");
    row
}

fn user_of(team: &Team, user: &Value) -> Actor {
    team.with_token(text(user, "userId"), text(user, "authToken"))
}

async fn every_command_shows_a_key_the_same_way() {
    let team = Team::new().await;
    let id = &team.id;
    let created = admin(format!(
        "key create --team {id} --name Website --type secret --mode test \
         --limit 120 --window-seconds 30 --expires-at 2999-01-01T00:00:00Z"
    ));
    let created = created.await.succeeded_with(KEY_SHOWN_ONCE);
    let (key, secret) = (text(&created, "keyId"), text(&created, "key"));
    let row = json!({
        "keyId": key,
        "name": "Website",
        "type": "secret",
        "mode": "test",
        "lastFour": secret[secret.len() - 4..],
        "state": "expiring",
        "limit": 120,
        "windowSeconds": 30,
        "createdAt": created["createdAt"],
        "expiresAt": "2999-01-01T00:00:00Z",
    });
    assert_eq!(without(&created, "key"), row);
    let listed = admin(format!("key list --team {id}")).await.succeeded();
    assert_eq!(listed, json!([row]));

    let limited = admin(format!("key limit --team {id} --key {key} --limit 7")).await;
    let mut row = without(&row, "windowSeconds");
    row["limit"] = 7.into();
    assert_eq!(limited.succeeded(), row);

    let used = team
        .with_key(text(&created, "key"))
        .get(&team.rules())
        .await;
    assert_eq!(
        (used.status, used.header("x-ratelimit-limit")),
        (200, Some("7"))
    );
    let revoked = admin(format!("key revoke --team {id} --key {key}"))
        .await
        .succeeded();
    row["state"] = "revoked".into();
    row["lastUsedAt"] = revoked["lastUsedAt"].clone();
    assert!(row["lastUsedAt"].is_string());
    assert_eq!(revoked, row);
}

async fn every_command_shows_a_user_the_same_way() {
    let team = Team::new().await;
    let id = &team.id;
    let created = admin(format!(
        "user create --team {id} --name Ada --permissions view-l-room --limit 50"
    ));
    let created = created.await.succeeded_with(TOKEN_SHOWN_ONCE);
    let (user, token) = (text(&created, "userId"), text(&created, "authToken"));
    let mut row = json!({
        "userId": user,
        "name": "Ada",
        "permissions": ["view-l-room"],
        "mode": "live",
        "lastFour": token[token.len() - 4..],
        "state": "active",
        "limit": 50,
        "createdAt": created["createdAt"],
    });
    assert_eq!(without(&created, "authToken"), row);
    let listed = admin(format!("user list --team {id}")).await.succeeded();
    assert_eq!(listed, json!([row]));

    let limited = admin(format!("user limit --team {id} --user {user}")).await;
    row = without(&row, "limit");
    assert_eq!(limited.succeeded(), row);
    let granted = admin(format!(
        "user grant --team {id} --user {user} --permissions manage-livechat-sla"
    ));
    row["permissions"] = json!(["manage-livechat-sla", "view-l-room"]);
    assert_eq!(granted.await.succeeded(), row);

    let rotated = admin(format!("user rotate --team {id} --user {user}")).await;
    let rotated = rotated.succeeded_with(TOKEN_SHOWN_ONCE);
    for token in [&created, &rotated] {
        assert_eq!(user_of(&team, token).get(POLICIES).await.status, 200);
    }
    let revoked = admin(format!("user revoke --team {id} --user {user}"))
        .await
        .succeeded();
    let token = text(&rotated, "authToken");
    row["lastFour"] = token[token.len() - 4..].into();
    row["state"] = "revoked".into();
    row["lastUsedAt"] = revoked["lastUsedAt"].clone();
    assert_eq!(revoked, row);
    for token in [&created, &rotated] {
        assert_eq!(user_of(&team, token).get(POLICIES).await.status, 401);
    }
}

async fn a_list_shows_which_keys_work() {
    let team = Team::new().await;
    let id = &team.id;
    let mut expected = Vec::new();
    for (flags, command, state) in [
        ("", "", "active"),
        ("--expires-at 90d", "", "expiring"),
        ("", "revoke", "revoked"),
        ("", "rotate", "expiring"),
        ("", "rotate --grace 0s", "expired"),
    ] {
        let create = format!("key create --team {id} --type secret {flags}");
        let created = admin(create.trim_end())
            .await
            .succeeded_with(KEY_SHOWN_ONCE);
        let key = text(&created, "keyId").to_owned();
        if !command.is_empty() {
            let changed = admin(format!("key {command} --team {id} --key {key}")).await;
            assert_eq!(changed.code, 0, "{}", changed.err);
        }
        let status = team
            .with_key(text(&created, "key"))
            .get(&team.rules())
            .await
            .status;
        let works = ["active", "expiring"].contains(&state);
        assert_eq!(status, if works { 200 } else { 401 }, "{state}");
        expected.push((key, state));
    }
    let listed = admin(format!("key list --team {id}")).await.succeeded();
    for (key, state) in expected {
        let rows = listed.as_array().expect("a list").iter();
        let row = rows.clone().find(|row| row["keyId"] == key.as_str());
        assert_eq!(text(row.expect("the key is listed"), "state"), state);
    }
}

async fn an_imported_secret_shows_only_what_is_known() {
    let team = Team::new().await;
    let id = &team.id;
    let hash = |digit: &str| digit.repeat(64);
    let import = format!("key import --team {id} --type publishable --hash");
    let mut one = admin(format!("{import} {}", hash("a"))).await.succeeded();
    assert_eq!(one.as_object().expect("a row").get("lastFour"), None);
    one = admin(format!("{import} {} --last-four x9_Z", hash("b")))
        .await
        .succeeded();
    assert_eq!(text(&one, "lastFour"), "x9_Z");
    admin(format!("{import} {}", hash("a")))
        .await
        .failed("error: this user or this secret already exists");
}

async fn a_revoked_credential_cannot_be_changed() {
    let team = Team::new().await;
    let id = &team.id;
    let key = team.secret_key().await.key.unwrap();
    let user = team.agent().await.user.unwrap();
    let (key, user) = (
        format!("--team {id} --key {key}"),
        format!("--team {id} --user {user}"),
    );
    for revoked in [format!("key revoke {key}"), format!("user revoke {user}")] {
        // Revoking it again changes nothing.
        for _ in 0..2 {
            assert_eq!(admin(&revoked).await.succeeded()["state"], "revoked");
        }
    }
    for change in [
        format!("key limit {key} --limit 5"),
        format!("key rotate {key}"),
        format!("user limit {user} --limit 5"),
        format!("user grant {user} --permissions view-l-room"),
        format!("user rotate {user}"),
    ] {
        admin(&change)
            .await
            .failed("error: this credential has been revoked");
    }
}

async fn an_unknown_team_is_an_error_not_an_empty_list() {
    let key = "key_00000000000000000000000000000000";
    for command in [
        "team update --name Acme",
        "key create --type secret",
        "key list",
        &format!("key limit --key {key} --limit 5"),
        &format!("key revoke --key {key}"),
        "user create --name Ada",
        "user list",
        "user rotate --user nobody",
    ] {
        let result = admin(format!("{command} --team team_unknown")).await;
        result.failed("error: no such team");
    }
    let team = Team::new().await;
    let listed = admin(format!("key list --team {}", team.id)).await;
    assert_eq!(listed.succeeded(), json!([]));
    admin(format!("key revoke --team {} --key {key}", team.id))
        .await
        .failed("error: no such key in this team");
}

async fn a_duplicate_team_name_causes_a_warning() {
    let first = admin("team create --name Twins").await.succeeded();
    let row = json!({
        "teamId": first["teamId"],
        "name": "Twins",
        "plan": "premium",
        "createdAt": first["createdAt"],
    });
    assert_eq!(first, row);
    let warning = format!(
        "warning: another team has this name: {}",
        text(&first, "teamId")
    );
    let second = admin("team create --name Twins --plan community").await;
    let second = second.succeeded_with(&warning);
    let update = format!("team update --team {} --name", text(&second, "teamId"));
    admin(format!("{update} Triplets")).await.succeeded();
    let renamed = admin(format!("{update} Twins"))
        .await
        .succeeded_with(&warning);
    assert_eq!(renamed, second);
    let listed = admin("team list").await.succeeded();
    let twins = listed.as_array().expect("a list").iter();
    let twins: Vec<&Value> = twins.filter(|team| team["name"] == "Twins").collect();
    assert_eq!(twins, [&first, &second]);
}

async fn a_plan_change_applies_to_the_teams_credentials() {
    let team = Team::new().await;
    let id = &team.id;
    team.secret_key().await;
    team.test_key().await;
    let user = admin(format!(
        "user create --team {id} --name Ada --permissions view-l-room"
    ));
    let user = user.await.succeeded_with(TOKEN_SHOWN_ONCE);
    let rotate = format!("user rotate --team {id} --user {}", text(&user, "userId"));
    let rotated = admin(&rotate).await.succeeded_with(TOKEN_SHOWN_ONCE);
    for (plan, status) in [("community", 403), ("premium", 200)] {
        let updated = admin(format!("team update --team {id} --plan {plan}")).await;
        let updated = updated.succeeded();
        // Two keys and two tokens of the user.
        let row = json!({
            "teamId": id,
            "name": TEAM_NAME,
            "plan": plan,
            "createdAt": updated["createdAt"],
            "credentialsChanged": 4,
        });
        assert_eq!(updated, row);
        for token in [&user, &rotated] {
            let response = user_of(&team, token).get(POLICIES).await;
            assert_eq!(response.status, status, "{plan}");
        }
    }
}

async fn repeating_an_interrupted_plan_change_completes_it() {
    let team = Team::new().await;
    let agent = team.agent().await;
    let wire = OperatorWire::exclusive().await;
    let update = format!("team update --team {} --plan community", team.id);
    let interrupted = wire.deny_updates();
    let result = wire.admin(&update).await;
    assert_eq!(result.code, 1);
    let error =
        "error: the team has its new plan, but some of its credentials may not; run this again: ";
    assert!(result.err.starts_with(error), "{}", result.err);
    drop(interrupted);
    assert_eq!(agent.get(POLICIES).await.status, 200);
    for changed in [1, 0] {
        let updated = wire.admin(&update).await.succeeded();
        assert_eq!(updated["credentialsChanged"], changed);
        assert_eq!(agent.get(POLICIES).await.status, 403);
    }
    let new = team
        .user(&[Permission::ViewLivechatRoom], Default::default())
        .await;
    assert_eq!(new.get(POLICIES).await.status, 403);
}

/// A team that owns something of every kind, and so many tickets of each mode and state.
async fn team_with_everything(tickets: usize) -> (Team, Vec<Actor>) {
    let team = Team::new().await;
    let (live, test) = (team.secret_key().await, team.test_key().await);
    let (manager, rotated) = (team.livechat_manager().await, team.agent().await);
    for grace in ["24h", "0s", "24h"] {
        let user = rotated.user.as_ref().unwrap();
        let rotate = format!(
            "user rotate --team {} --user {user} --grace {grace}",
            team.id
        );
        admin(rotate).await.succeeded_with(TOKEN_SHOWN_ONCE);
    }
    let key = live.key.as_ref().unwrap();
    admin(format!("key rotate --team {} --key {key}", team.id))
        .await
        .succeeded_with(KEY_SHOWN_ONCE);
    let hours = json!({"monday": [["09:00", "17:00"]]});
    let office = json!({"name": "Office", "timeZone": "UTC", "hours": hours, "default": true});
    let rule = json!({"name": "r", "priority": "low", "responseTarget": 1, "resolutionTarget": 2});
    for caller in [&live, &test] {
        let kept = caller.post(&team.calendars(), &office).await.id();
        let change = json!({"timeZone": "Europe/Berlin"});
        let kept = format!("{}/{kept}", team.calendars());
        assert_eq!(caller.patch(&kept, &change).await.status, 200);
        let mut other = office.clone();
        other["default"] = false.into();
        let other = caller.post(&team.calendars(), &other).await.id();
        let other = format!("{}/{other}", team.calendars());
        assert_eq!(caller.delete(&other).await.status, 200);
        assert_eq!(caller.post(&team.rules(), &rule).await.status, 201);
    }
    let policy = json!({"name": "Optimum", "description": "", "dueTimeInMinutes": 4});
    assert_eq!(manager.post(POLICIES, &policy).await.status, 200);
    let webhook = json!({"url": "https://example.com/"});
    let webhooks = format!("/api/v1/teams/{}/sla/webhooks", team.id);
    assert_eq!(live.post(&webhooks, &webhook).await.status, 201);
    // It has two notices, and each of them a delivery.
    let late = json!({"id": "late", "priority": "low", "createdAt": "2026-03-02T09:00:00Z"});
    let ticket_path = format!("/api/v1/teams/{}/sla/tickets", team.id);
    assert_eq!(live.post(&ticket_path, &late).await.status, 201);
    // Other stories do the same at any time.
    notices::run(team.stack, "SummaryUpdate").await;
    for (caller, mode) in [(&live, "live"), (&test, "test")] {
        for state in ["open", "closed"] {
            put_tickets(&team, caller, mode, state, tickets).await;
        }
    }
    (team, vec![live, test, manager])
}

/// Creates a ticket, and copies it under other ids, which is faster than creating each.
async fn put_tickets(team: &Team, caller: &Actor, mode: &str, state: &str, number: usize) {
    let events = match state {
        "closed" => json!([{"type": "resolved"}]),
        _ => json!([]),
    };
    let first = format!("{state}-0");
    // No rule is for this priority, so there are no facts, which would be of today.
    let body = json!({"id": first, "priority": "high", "events": events});
    let path = format!("/api/v1/teams/{}/sla/tickets", team.id);
    assert_eq!(caller.post(&path, &body).await.status, 201);
    let endpoint = world::stack().dynamodb();
    let pk = |id: &str| format!("TICKET#{}#{mode}#{id}", team.id);
    let items = table::items(endpoint).await.unwrap();
    let created = items
        .into_iter()
        .find(|item| item["pk"]["S"] == pk(&first).as_str())
        .expect("the ticket");
    let (instant, _) = created["queueSk"]["S"]
        .as_str()
        .and_then(|key| key.split_once('#'))
        .expect("a place in the index");
    let instant = instant.to_owned();
    for other in 1..number {
        let id = format!("{state}-{other}");
        let mut copy = created.clone();
        copy.insert("pk".to_owned(), json!({"S": pk(&id)}));
        copy.insert("id".to_owned(), json!({"S": id}));
        copy.insert(
            "queueSk".to_owned(),
            json!({"S": format!("{instant}#{id}")}),
        );
        table::put(endpoint, copy).await.unwrap();
    }
}

/// The items of a team, in order.
pub async fn items_of(team: &Team) -> BTreeSet<String> {
    let items = table::items(world::stack().dynamodb()).await.unwrap();
    let items = items.into_iter().map(|item| {
        // The database does not keep the order of an item's attributes.
        let item: BTreeMap<String, Value> = item.into_iter().collect();
        json!(item).to_string()
    });
    items
        .filter(|item| item.contains(team.id.as_str()))
        .collect()
}

async fn a_deleted_team_leaves_nothing_in_the_table() {
    // So many tickets that one page does not hold them.
    let (team, callers) = team_with_everything(260).await;
    let (other, _) = team_with_everything(1).await;
    let (before, others) = (items_of(&team).await, items_of(&other).await);
    let delete = format!("team delete --team {}", team.id);

    let refused = admin(&delete).await;
    refused.failed(&format!(
        "error: nothing has been deleted of the team \"{TEAM_NAME}\", which owns keys=3 users=2 \
         tickets=1041 rules=2 policies=1 calendars=2 schedules=6 webhooks=1 notices=2 deliveries=2 cycles=1 \
         summaries=1 others=10\n  \
         Add --yes to delete the team with all of this. It cannot be undone."
    ));
    assert!(items_of(&team).await == before, "something has changed");

    let listed = admin("team list").await.succeeded();
    let created_at = |id: &str| {
        let mut rows = listed.as_array().unwrap().iter();
        rows.find(|row| row["teamId"] == id).unwrap()["createdAt"].clone()
    };
    let deleted = admin(format!("{delete} --yes --wait 0s")).await;
    let note = "note: deleted so far: keys=3 users=2 tickets=1031 notices=2 deliveries=2 cycles=1 summaries=1";
    let row = json!({
        "teamId": team.id,
        "name": TEAM_NAME,
        "plan": "premium",
        "createdAt": created_at(team.id.as_str()),
        "keys": 3,
        "users": 2,
        "tickets": 1_041,
        "rules": 2,
        "policies": 1,
        "calendars": 2,
        "schedules": 6,
        "webhooks": 1,
        "notices": 2,
        "deliveries": 2,
        "cycles": 1,
        "changes": 0,
        "summaries": 1,
        "others": 10,
    });
    assert_eq!(deleted.succeeded_with(note), row);
    assert_eq!(items_of(&team).await, BTreeSet::new());
    assert!(items_of(&other).await == others, "another team's items");
    for caller in callers {
        let path = match caller.user {
            Some(_) => POLICIES.to_owned(),
            None => team.rules(),
        };
        assert_eq!(caller.get(&path).await.status, 401);
    }
    for command in [&format!("{delete} --yes --wait 0s"), &delete] {
        admin(command).await.failed("error: no such team");
    }
}

async fn an_interrupted_deletion_leaves_nothing_unreachable_and_can_be_repeated() {
    let wire = OperatorWire::exclusive().await;
    let delete = |team: &Team| format!("team delete --team {} --yes --wait 0s", team.id);
    for operation in ["BatchWriteItem", "DeleteItem", "Query"] {
        let (team, _) = team_with_everything(2).await;
        let mut interruptions = 0;
        loop {
            let denied = wire.deny_once(operation, interruptions + 1);
            let result = wire.admin(&delete(&team)).await;
            drop(denied);
            if result.code == 0 {
                break;
            }
            let error = "error: some of what the team owns may be left; run this again: ";
            assert!(result.err.starts_with(error), "{}", result.err);
            assert_eq!(unreachable_credentials(&team).await, [""; 0]);
            let listed = admin("team list").await;
            assert!(listed.out.contains(team.id.as_str()));
            interruptions += 1;
        }
        assert!(interruptions > 2, "{operation}: {interruptions}");
        assert_eq!(items_of(&team).await, BTreeSet::new(), "{operation}");
        wire.admin(&delete(&team))
            .await
            .failed("error: no such team");
    }
}

/// The credentials of a team that no key and no user leads to.
async fn unreachable_credentials(team: &Team) -> Vec<String> {
    let items = items_of(team).await;
    let (credentials, others): (Vec<_>, Vec<_>) = items
        .into_iter()
        .partition(|item| item.contains("\"CREDENTIAL#"));
    let digest = |item: &str| {
        let (_, digest) = item.split_once("CREDENTIAL#").unwrap();
        digest[..64].to_owned()
    };
    let digests = credentials.iter().map(|item| digest(item));
    digests
        .filter(|digest| !others.iter().any(|item| item.contains(digest)))
        .collect()
}

async fn operators_need_six_permissions_on_the_table_and_one_on_its_index() {
    let wire = OperatorWire::exclusive().await;
    let team = wire.admin("team create --name Acme").await;
    let team: Value = serde_json::from_str(&team.out).expect("a team");
    let on_team = format!("--team {}", text(&team, "teamId"));
    let mut credentials = Vec::new();
    for command in ["key create --type secret", "user create --name Ada"] {
        let row = wire.admin(&format!("{command} {on_team}")).await;
        credentials.push(serde_json::from_str::<Value>(&row.out).expect("a credential"));
    }
    let key = format!("{on_team} --key {}", text(&credentials[0], "keyId"));
    let user = format!("{on_team} --user {}", text(&credentials[1], "userId"));
    for command in [
        "team list".to_owned(),
        format!("team update {on_team} --name Ajax --plan community"),
        format!("key list {on_team}"),
        format!("key limit {key} --limit 5"),
        format!("key rotate {key}"),
        format!("key revoke {key}"),
        format!("user list {on_team}"),
        format!("user limit {user} --limit 5"),
        format!("user grant {user} --permissions view-l-room"),
        format!("user rotate {user}"),
        format!("user revoke {user}"),
        format!("import zammad {} {on_team}", imports::fixtures("zammad")),
        format!("export {on_team}"),
        format!("team delete {on_team} --yes --wait 0s"),
    ] {
        assert_eq!(wire.admin(&command).await.code, 0, "{command}");
    }
    let needed = [
        "BatchWriteItem",
        "DeleteItem",
        "GetItem",
        "PutItem",
        "Query",
        "Query on queue",
        "UpdateItem",
    ];
    assert_eq!(
        wire.actions(),
        BTreeSet::from(needed.map(|action| format!("dynamodb:{action}")))
    );
}

async fn an_unusable_table_is_reported_with_advice() {
    let endpoint = world::stack().dynamodb();
    let result = run(&format!(
        "--local --endpoint {endpoint} --table other team list"
    ))
    .await;
    assert_eq!((result.code, result.out.as_str()), (1, ""));
    let refused = format!("error: the database at {endpoint} refuses the table: ");
    assert!(result.err.starts_with(&refused), "{}", result.err);
    assert!(
        result.err.contains("ResourceNotFoundException"),
        "{}",
        result.err
    );
    assert!(
        result.err.contains("unless --table names another"),
        "{}",
        result.err
    );
}
