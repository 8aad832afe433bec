//! What operators do with credentials, and what comes of it on the very next call.

use admin::issue::{self, Terms};
use jiff::{SignedDuration, Timestamp};
use shared::auth::key::{Key, Token};
use shared::domain::digest::Digest;
use shared::domain::id::UserId;
use shared::domain::principal::{CredentialKind, Mode, Permission};
use shared::store::credentials::manage::{Change, OwnLimit};

use crate::actors::{POLICIES, Team};
use crate::world;

crate::stories![
    a_rotated_key_goes_on_working_until_its_grace_ends,
    credentials_made_elsewhere_are_taken_in_by_their_hash,
    what_is_granted_and_taken_counts_at_once,
    a_limit_of_its_own_counts_in_a_window_of_its_own,
];

async fn a_rotated_key_goes_on_working_until_its_grace_ends() {
    let team = Team::new().await;
    let store = world::table(team.stack);
    let old = team.secret_key().await;
    let id = old.key.clone().unwrap();
    let later = Timestamp::now() + SignedDuration::from_hours(1);
    let new = issue::rotate(&store, &team.id, &id, later).await.unwrap();
    let new_caller = team
        .anonymous()
        .with("authorization", format!("Bearer {}", new.secret));
    for caller in [&old, &new_caller] {
        assert_eq!(caller.get(&team.rules()).await.status, 200);
    }
    issue::rotate(&store, &team.id, &new.id, Timestamp::now())
        .await
        .unwrap();
    assert_eq!(new_caller.get(&team.rules()).await.status, 401);
    assert!(
        issue::rotate(&store, &team.id, &new.id, later)
            .await
            .is_err(),
        "it works no more"
    );
    assert_eq!(store.list_keys(&team.id).await.unwrap().len(), 3);
}

async fn credentials_made_elsewhere_are_taken_in_by_their_hash() {
    let team = Team::new().await;
    let store = world::table(team.stack);
    let (kind, mode) = (CredentialKind::Secret, Mode::Live);
    let secret = Key::generate(kind, mode).unwrap().unwrap();
    let caller = team
        .anonymous()
        .with("authorization", format!("bearer {secret}"));
    assert_eq!(caller.get(&team.rules()).await.status, 401);
    let hash = || Digest::of(&secret);
    issue::import_key(&store, &team.id, kind, mode, Terms::default(), hash())
        .await
        .unwrap();
    assert_eq!(caller.get(&team.rules()).await.status, 200);
    let again = issue::import_key(&store, &team.id, kind, mode, Terms::default(), hash()).await;
    assert!(again.is_err(), "a secret belongs to one key");

    let (token, id) = (
        Token::generate().unwrap(),
        UserId::parse("rbAXPnMktTFbNpwtJ").unwrap(),
    );
    let permissions = [Permission::ViewLivechatRoom];
    let hash = Digest::of(&token);
    issue::import_user(
        &store,
        &team.id,
        &id,
        "Ada",
        &permissions,
        Terms::default(),
        hash,
    )
    .await
    .unwrap();
    let user = team
        .anonymous()
        .with("x-user-id", id.to_string())
        .with("x-auth-token", token);
    assert_eq!(user.get(POLICIES).await.status, 200);
}

async fn what_is_granted_and_taken_counts_at_once() {
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

async fn a_limit_of_its_own_counts_in_a_window_of_its_own() {
    let team = Team::new().await;
    let store = world::table(team.stack);
    let caller = team.secret_key().await;
    let id = caller.key.clone().unwrap();
    let own = OwnLimit {
        calls: 3,
        window_seconds: Some(3_600),
    };
    for (limit, told) in [
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
        let answer = caller.get(&team.rules()).await;
        assert_eq!(answer.status, 200);
        let limit = answer.header("x-ratelimit-limit").unwrap();
        assert_eq!((limit, answer.header("x-ratelimit-window").unwrap()), told);
    }
}
