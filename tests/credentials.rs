//! How operators manage credentials, and how each change affects the next call.

use jiff::{SignedDuration, Timestamp};
use shared::auth::issue::{self, IssueError, NewKey, StoredSecret, Terms};
use shared::auth::key::{Key, Token};
use shared::domain::digest::Digest;
use shared::domain::id::UserId;
use shared::domain::principal::{CredentialKind, Mode, Permission, Plan};
use shared::store::credentials::manage::{Change, OwnLimit};

use crate::actors::{POLICIES, Team};
use crate::operators::OperatorWire;
use crate::world;

crate::stories![
    a_rotated_key_works_until_its_grace_period_ends,
    a_key_is_rotated_once_and_its_successor_keeps_its_expiry,
    repeating_an_interrupted_rotation_completes_it,
    a_rotated_token_works_until_its_grace_period_ends,
    a_change_to_a_user_applies_to_all_its_tokens,
    a_token_issued_during_a_revocation_is_revoked,
    concurrent_plan_changes_leave_every_credential_on_the_final_plan,
    a_credential_issued_during_a_plan_change_has_the_new_plan,
    external_credentials_are_imported_by_their_hash,
    permission_changes_take_effect_immediately,
    a_custom_limit_is_counted_in_its_own_window,
];

async fn a_rotated_key_works_until_its_grace_period_ends() {
    let team = Team::new().await;
    let store = world::table(team.stack);
    let old = team.secret_key().await;
    let id = old.key.clone().unwrap();
    let new = issue::rotate_key(&store, &team.id, &id, in_an_hour())
        .await
        .unwrap();
    let new_caller = team.with_key(&new.secret);
    for caller in [&old, &new_caller] {
        assert_eq!(caller.get(&team.rules()).await.status, 200);
    }
    issue::rotate_key(&store, &team.id, &new.id, Timestamp::now())
        .await
        .unwrap();
    assert_eq!(new_caller.get(&team.rules()).await.status, 401);
    assert_eq!(store.list_keys(&team.id).await.unwrap().len(), 3);
}

async fn a_key_is_rotated_once_and_its_successor_keeps_its_expiry() {
    let team = Team::new().await;
    let store = world::table(team.stack);
    let far: Timestamp = "2999-01-01T00:00:00Z".parse().unwrap();
    for expires_at in [None, Some(far)] {
        let terms = Terms {
            expires_at,
            limit: None,
        };
        let caller = team.key(CredentialKind::Secret, Mode::Live, terms).await;
        let first = caller.key.unwrap();
        let rotate = |id| issue::rotate_key(&store, &team.id, id, in_an_hour());
        let second = rotate(&first).await.unwrap();
        match rotate(&first).await {
            Err(IssueError::Rotated { successor }) => assert_eq!(successor, second.id),
            other => panic!("{other:?}"),
        }
        // The successor's secret may be lost: once it is revoked, the key can be rotated again.
        store
            .change_key(&team.id, &second.id, &Change::Revoke)
            .await
            .unwrap();
        let third = rotate(&first).await.unwrap();
        let fourth = rotate(&third.id).await.unwrap();
        let expiry = async |id| {
            let found = store.find_key(&team.id, id).await.unwrap();
            found.unwrap().listed.expires_at
        };
        assert_eq!(expiry(&second.id).await, expires_at);
        assert_eq!(expiry(&fourth.id).await, expires_at);
        for rotated in [&first, &third.id] {
            let ends_at = expiry(rotated).await.unwrap();
            assert!(ends_at <= in_an_hour(), "the grace period is over by then");
        }
    }
}

async fn repeating_an_interrupted_rotation_completes_it() {
    let team = Team::new().await;
    let wire = OperatorWire::exclusive().await;
    let store = wire.table();
    let id = team.secret_key().await.key.unwrap();
    let rotate = || issue::rotate_key(&store, &team.id, &id, in_an_hour());
    let interrupted = wire.deny_updates();
    assert!(matches!(rotate().await, Err(IssueError::Table(_))));
    drop(interrupted);
    let old = async || store.find_key(&team.id, &id).await.unwrap().unwrap().listed;
    let unfinished = old().await;
    assert_eq!(unfinished.expires_at, None);
    match rotate().await {
        Err(IssueError::Rotated { successor }) => {
            assert_eq!(Some(successor), unfinished.successor);
        }
        other => panic!("{other:?}"),
    }
    assert!(old().await.expires_at.unwrap() <= in_an_hour());
}

/// The limit of a user's earlier tokens that still work.
const MAX_EARLIER_TOKENS: usize = 8;

async fn a_rotated_token_works_until_its_grace_period_ends() {
    let team = Team::new().await;
    let store = world::table(team.stack);
    let mut callers = vec![team.agent().await];
    let id = callers[0].user.clone().unwrap();
    let rotate = async |grace_ends_at| {
        let new = issue::rotate_user(&store, &team.id, &id, grace_ends_at).await;
        new.map(|new| team.with_token(id.as_str(), &new.token))
    };
    for _ in 0..MAX_EARLIER_TOKENS {
        callers.push(rotate(in_an_hour()).await.unwrap());
    }
    for caller in &callers {
        assert_eq!(caller.get(POLICIES).await.status, 200);
    }
    let one_too_many = rotate(in_an_hour()).await;
    assert!(matches!(one_too_many, Err(IssueError::TooManyTokens)));
    // Without a grace period, every earlier token expires at once.
    let last = rotate(Timestamp::now()).await.unwrap();
    for caller in &callers {
        assert_eq!(caller.get(POLICIES).await.status, 401);
    }
    assert_eq!(last.get(POLICIES).await.status, 200);
    let found = store.find_user(&team.id, &id).await.unwrap().unwrap();
    assert_eq!(found.listed.expires_at, None, "the user has no expiry");
}

async fn a_change_to_a_user_applies_to_all_its_tokens() {
    let team = Team::new().await;
    let store = world::table(team.stack);
    let first = team.agent().await;
    let id = first.user.clone().unwrap();
    let new = issue::rotate_user(&store, &team.id, &id, in_an_hour()).await;
    let second = team.with_token(id.as_str(), &new.unwrap().token);
    let limit = OwnLimit {
        calls: 5,
        window_seconds: Some(3_600),
    };
    for (change, status) in [
        (Change::Allow(Some(limit)), 200),
        (Change::Permit(Vec::new()), 403),
        (Change::Permit(vec![Permission::ViewLivechatRoom]), 200),
        (Change::Revoke, 401),
    ] {
        assert!(store.change_user(&team.id, &id, &change).await.unwrap());
        for caller in [&first, &second] {
            let response = caller.get(POLICIES).await;
            assert_eq!(response.status, status, "{change:?}");
            let limit = response.header("x-ratelimit-limit");
            assert_eq!(limit, (status != 401).then_some("5"), "{change:?}");
        }
    }
}

async fn a_token_issued_during_a_revocation_is_revoked() {
    let team = Team::new().await;
    let store = world::table(team.stack);
    for _ in 0..16 {
        let id = team.agent().await.user.unwrap();
        let (rotated, revoked) = tokio::join!(
            issue::rotate_user(&store, &team.id, &id, in_an_hour()),
            store.change_user(&team.id, &id, &Change::Revoke),
        );
        assert!(revoked.unwrap());
        if let Ok(new) = rotated {
            let caller = team.with_token(id.as_str(), &new.token);
            assert_eq!(caller.get(POLICIES).await.status, 401);
        }
    }
}

async fn concurrent_plan_changes_leave_every_credential_on_the_final_plan() {
    let team = Team::new().await;
    let store = world::table(team.stack);
    let mut agents = vec![team.agent().await, team.agent().await];
    for _ in 0..8 {
        let update = |plan| issue::update_team(&store, &team.id, None, Some(plan));
        let (one, other, agent) =
            tokio::join!(update(Plan::Community), update(Plan::Premium), team.agent(),);
        one.unwrap();
        other.unwrap();
        agents.push(agent);
        let plan = store.find_team(&team.id).await.unwrap().unwrap().plan;
        let status = if plan == Plan::Premium { 200 } else { 403 };
        for agent in &agents {
            assert_eq!(agent.get(POLICIES).await.status, status, "{plan:?}");
        }
    }
}

async fn a_credential_issued_during_a_plan_change_has_the_new_plan() {
    let team = Team::new().await;
    let wire = OperatorWire::exclusive().await;
    let (direct, delayed) = (world::table(team.stack), wire.table());
    let delay = wire.delay_a_transaction();
    let permissions = [Permission::ViewLivechatRoom];
    let issued = issue::user(&delayed, &team.id, "Ada", &permissions, Terms::default());
    let updated = async {
        // Waits until the team's plan has been read.
        while delay.hits() == 0 {
            tokio::task::yield_now().await;
        }
        issue::update_team(&direct, &team.id, None, Some(Plan::Community)).await
    };
    let (issued, updated) = tokio::join!(issued, updated);
    assert_eq!(updated.unwrap(), 0, "there is no credential to change yet");
    let issued = issued.unwrap();
    let caller = team.with_token(issued.id.as_str(), &issued.token);
    assert_eq!(caller.get(POLICIES).await.status, 403);
}

fn in_an_hour() -> Timestamp {
    Timestamp::now() + SignedDuration::from_hours(1)
}

async fn external_credentials_are_imported_by_their_hash() {
    let team = Team::new().await;
    let store = world::table(team.stack);
    let new = NewKey {
        name: None,
        kind: CredentialKind::Secret,
        mode: Mode::Live,
        terms: Terms::default(),
    };
    let secret = Key::generate(new.kind, new.mode).unwrap().unwrap();
    let caller = team.with_key(&secret);
    assert_eq!(caller.get(&team.rules()).await.status, 401);
    let kept = StoredSecret {
        digest: Digest::of(&secret),
        last_four: None,
    };
    issue::import_key(&store, &team.id, &new, &kept)
        .await
        .unwrap();
    assert_eq!(caller.get(&team.rules()).await.status, 200);
    let again = issue::import_key(&store, &team.id, &new, &kept).await;
    assert!(again.is_err(), "a secret belongs to one key");

    let (token, id) = (
        Token::generate().unwrap(),
        UserId::parse("rbAXPnMktTFbNpwtJ").unwrap(),
    );
    let permissions = [Permission::ViewLivechatRoom];
    let kept = StoredSecret {
        digest: Digest::of(&token),
        last_four: None,
    };
    issue::import_user(
        &store,
        &team.id,
        &id,
        "Ada",
        &permissions,
        Terms::default(),
        &kept,
    )
    .await
    .unwrap();
    let user = team.with_token(id.as_str(), &token);
    assert_eq!(user.get(POLICIES).await.status, 200);
}

async fn permission_changes_take_effect_immediately() {
    let team = Team::new().await;
    let store = world::table(team.stack);
    let user = team.user(&[], Terms::default()).await;
    let id = user.user.clone().unwrap();
    for (permissions, status) in [
        (vec![], 403),
        (vec![Permission::ViewLivechatRoom], 200),
        (vec![], 403),
    ] {
        store
            .change_user(&team.id, &id, &Change::Permit(permissions))
            .await
            .unwrap();
        assert_eq!(user.get(POLICIES).await.status, status);
    }
}

async fn a_custom_limit_is_counted_in_its_own_window() {
    let team = Team::new().await;
    let store = world::table(team.stack);
    let caller = team.secret_key().await;
    let id = caller.key.clone().unwrap();
    let own = OwnLimit {
        calls: 3,
        window_seconds: Some(3_600),
    };
    for (limit, headers) in [
        (Some(own), ("3", "3600")),
        (
            Some(OwnLimit {
                calls: 7,
                window_seconds: None,
            }),
            ("7", "60"),
        ),
        (None, ("1000", "60")),
    ] {
        store
            .change_key(&team.id, &id, &Change::Allow(limit))
            .await
            .unwrap();
        let response = caller.get(&team.rules()).await;
        assert_eq!(response.status, 200);
        let limit = response.header("x-ratelimit-limit").unwrap();
        assert_eq!(
            (limit, response.header("x-ratelimit-window").unwrap()),
            headers
        );
    }
}
