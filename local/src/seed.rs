//! The demo team whose credentials a newcomer calls the service with.

use admin::connection;
use local::{error::Error, table::TABLE_NAME};
use shared::auth::issue::{self, IssueError, NewKey, Terms};
use shared::domain::principal::{CredentialKind, Mode, Permission, Plan};

/// A demo team and its credentials, new at each start.
pub(crate) struct Seed {
    pub(crate) team_id: String,
    pub(crate) secret_key: String,
    pub(crate) publishable_key: String,
    pub(crate) user_id: String,
    pub(crate) auth_token: String,
}

impl Seed {
    /// Creates a demo team with one credential of each kind.
    pub(crate) async fn create(endpoint: &str) -> Result<Self, Error> {
        let failed = |error: IssueError| Error::Seed {
            reason: error.to_string(),
        };
        let store = connection::open_unchecked(endpoint, TABLE_NAME).map_err(failed)?;
        let team = issue::team(&store, "Demo", Plan::Premium)
            .await
            .map_err(failed)?
            .id;
        let terms = Terms::default();
        let mut new = NewKey {
            name: Some("demo".to_owned()),
            kind: CredentialKind::Secret,
            mode: Mode::Live,
            terms,
        };
        let secret = issue::key(&store, &team, &new).await.map_err(failed)?;
        new.kind = CredentialKind::Publishable;
        let publishable = issue::key(&store, &team, &new).await.map_err(failed)?;
        let permissions = [Permission::ManageLivechatSla, Permission::ViewLivechatRoom];
        let user = issue::user(&store, &team, "demo", &permissions, terms)
            .await
            .map_err(failed)?;
        Ok(Self {
            team_id: team.to_string(),
            secret_key: secret.secret,
            publishable_key: publishable.secret,
            user_id: user.id.to_string(),
            auth_token: user.token,
        })
    }
}
