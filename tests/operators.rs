//! What operators type and see, and how it affects the next call.

use std::collections::BTreeSet;

use admin::cli;
use admin::console::Console;
use local::wire::Wire;
use local::wire::fault::{FaultGuard, InjectedFault, Matcher};
use serde_json::{Value, json};
use shared::domain::principal::Permission;
use shared::store::Store;
use tokio::sync::{Mutex, MutexGuard};

use crate::actors::{Actor, POLICIES, TEAM_NAME, Team};
use crate::world;

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
    operators_need_four_permissions_on_the_table,
    an_unusable_table_is_reported_with_advice,
];

/// What a command returned and printed.
struct CommandResult {
    code: u8,
    out: String,
    err: String,
}

impl CommandResult {
    #[track_caller]
    fn succeeded(&self) -> Value {
        assert_eq!((self.code, self.err.as_str()), (0, ""), "{}", self.out);
        serde_json::from_str(&self.out).expect("one line of JSON")
    }

    /// What it printed, if it succeeded with this note on stderr.
    #[track_caller]
    fn succeeded_with(&self, note: &str) -> Value {
        assert_eq!((self.code, self.err.trim_end()), (0, note), "{}", self.out);
        serde_json::from_str(&self.out).expect("one line of JSON")
    }

    #[track_caller]
    fn failed(&self, error: &str) {
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

    async fn admin(&self, command: &str) -> CommandResult {
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
async fn admin(command: impl AsRef<str>) -> CommandResult {
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

async fn operators_need_four_permissions_on_the_table() {
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
    ] {
        assert_eq!(wire.admin(&command).await.code, 0, "{command}");
    }
    let needed = ["GetItem", "PutItem", "Query", "UpdateItem"];
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
