//! A team's webhooks.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::id::WebhookId;
use crate::domain::notice::NoticeType;
use crate::domain::text::WebhookDescription;
use crate::domain::version::Version;
use crate::domain::webhook::{DisabledReason, MAX_WEBHOOKS, PreviousSecret, Webhook, WebhookDraft};
use crate::domain::webhook_secret::WebhookSecret;
use crate::domain::webhook_url::WebhookUrl;
use crate::problem::{Problem, Resource};
use crate::store::idempotency::{Recording, Written};
use crate::store::team::{ReadWrite, TeamStore};
use crate::store::{key, malformed};

/// How old the webhooks may be that a scheduled function knows of a team. A burst of notices reads
/// them once, and a webhook that is new or deleted counts a moment later.
const MAX_AGE: Duration = Duration::from_secs(2);

/// The most teams whose webhooks are remembered.
const MAX_REMEMBERED: usize = 1_000;

/// The webhooks of one team and mode.
#[derive(Clone, Debug)]
pub struct Webhooks<Rights> {
    team: TeamStore<Rights>,
}

/// The webhooks of the teams that one run has met.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    teams: Mutex<HashMap<String, Known>>,
}

/// The webhooks of a team, and when they were read.
#[derive(Debug)]
struct Known {
    since: Instant,
    webhooks: Arc<[Webhook]>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WebhookItem {
    pk: String,
    sk: String,
    id: WebhookId,
    url: WebhookUrl,
    types: Vec<String>,
    enabled: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<WebhookDescription>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    disabled_reason: Option<String>,
    secret: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous_secret: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous_secret_until: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failing_since: Option<Timestamp>,
    created_at: Timestamp,
    version: Version,
    write_id: String,
}

impl<Rights> Webhooks<Rights> {
    pub(super) fn new(team: TeamStore<Rights>) -> Webhooks<Rights> {
        Webhooks { team }
    }

    /// All webhooks, oldest first: at most [`MAX_WEBHOOKS`] of at most 3 KB.
    pub async fn list(&self) -> Result<Vec<Webhook>, Problem> {
        let items: Vec<WebhookItem> = self.team.store.all(&self.team.pk, key::WEBHOOKS).await?;
        items.into_iter().map(WebhookItem::into_webhook).collect()
    }

    /// All webhooks, as they were at most [`MAX_AGE`] ago.
    pub(super) async fn recent(&self) -> Result<Arc<[Webhook]>, Problem> {
        let remembered = &self.team.store.shared.webhooks;
        if let Some(webhooks) = remembered.get(&self.team.pk) {
            return Ok(webhooks);
        }
        let webhooks: Arc<[Webhook]> = self.list().await?.into();
        remembered.add(&self.team.pk, &webhooks);
        Ok(webhooks)
    }

    /// The webhook with this id, as the client gave it.
    pub async fn find(&self, id: &str) -> Result<Webhook, Problem> {
        let unknown = || Problem::NotFound {
            resource: Resource::Webhook,
            id: id.to_owned(),
        };
        let id = WebhookId::parse(id).ok_or_else(unknown)?;
        let (pk, sk) = (&self.team.pk, key::webhook(&id));
        let item = self.team.store.get(pk, &sk).await?.ok_or_else(unknown)?;
        let item: WebhookItem = serde_dynamo::from_item(item).map_err(malformed)?;
        item.into_webhook()
    }
}

impl Webhooks<ReadWrite> {
    /// Adds a webhook and records the request, unless there are already [`MAX_WEBHOOKS`].
    pub async fn insert(
        &self,
        webhook: &Webhook,
        recording: Recording,
    ) -> Result<Written, Problem> {
        let mut transaction = self.team.store.transaction();
        let item = self.item(webhook, transaction.write_id());
        transaction.put_new(&item, || {
            Problem::Internal("a new webhook's id is in use".into())
        })?;
        transaction.increment(&self.team.pk, key::WEBHOOK_COUNT, MAX_WEBHOOKS, || {
            Problem::LimitExceeded {
                resource: Resource::Webhook,
                max: MAX_WEBHOOKS,
            }
        })?;
        transaction.commit_once(recording).await
    }

    /// Replaces `current` and records the request.
    /// [`Problem::WriteConflict`] if the stored webhook has another version.
    pub async fn update(
        &self,
        webhook: &Webhook,
        current: &Webhook,
        recording: Recording,
    ) -> Result<Written, Problem> {
        let mut transaction = self.team.store.transaction();
        let item = self.item(webhook, transaction.write_id());
        transaction.replace(&item, current.version)?;
        transaction.commit_once(recording).await
    }

    /// Deletes a webhook. [`Problem::WriteConflict`] if the stored webhook has another version.
    pub async fn delete(&self, webhook: &Webhook) -> Result<(), Problem> {
        let mut transaction = self.team.store.transaction();
        transaction.delete(&self.team.pk, &key::webhook(&webhook.id), webhook.version)?;
        transaction.decrement(&self.team.pk, key::WEBHOOK_COUNT)?;
        transaction.commit().await
    }

    /// Replaces `current`, unless it has changed meanwhile.
    pub(super) async fn replace_unchanged(
        &self,
        webhook: &Webhook,
        current: &Webhook,
    ) -> Result<(), Problem> {
        let store = &self.team.store;
        let write_id = store.next_write_id();
        let item = serde_dynamo::to_item(self.item(webhook, &write_id)).map_err(malformed)?;
        store
            .put_over(item, Some(current.version), &write_id)
            .await?;
        store.shared.webhooks.forget(&self.team.pk);
        Ok(())
    }

    fn item(&self, webhook: &Webhook, write_id: &str) -> WebhookItem {
        let Webhook { id, draft, .. } = webhook.clone();
        let (previous_secret, previous_secret_until) = webhook
            .previous_secret
            .clone()
            .map(|previous| (previous.secret.reveal(), previous.until))
            .unzip();
        WebhookItem {
            pk: self.team.pk.clone(),
            sk: key::webhook(&id),
            id,
            url: draft.url,
            types: draft
                .types
                .iter()
                .map(|kind| kind.as_str().to_owned())
                .collect(),
            enabled: draft.enabled,
            description: draft.description,
            disabled_reason: webhook
                .disabled_reason
                .map(|reason| reason.as_str().to_owned()),
            secret: webhook.secret.reveal(),
            previous_secret,
            previous_secret_until,
            failing_since: webhook.failing_since,
            created_at: webhook.created_at,
            version: webhook.version,
            write_id: write_id.to_owned(),
        }
    }
}

impl WebhookItem {
    fn into_webhook(self) -> Result<Webhook, Problem> {
        let invalid = || Problem::Internal("a stored webhook is not valid".into());
        let types = self.types.iter().map(|word| NoticeType::parse(word));
        let disabled_reason = match self.disabled_reason {
            None => None,
            Some(word) => Some(DisabledReason::parse(&word).ok_or_else(invalid)?),
        };
        let secret = |text: &str| WebhookSecret::parse(text).ok_or_else(invalid);
        let previous_secret = match self.previous_secret.zip(self.previous_secret_until) {
            None => None,
            Some((text, until)) => Some(PreviousSecret {
                secret: secret(&text)?,
                until,
            }),
        };
        Ok(Webhook {
            id: self.id,
            draft: WebhookDraft {
                url: self.url,
                types: types.collect::<Option<_>>().ok_or_else(invalid)?,
                enabled: self.enabled,
                description: self.description,
            },
            disabled_reason,
            secret: secret(&self.secret)?,
            previous_secret,
            failing_since: self.failing_since,
            created_at: self.created_at,
            version: self.version,
        })
    }
}

impl Remembered {
    fn get(&self, team_pk: &str) -> Option<Arc<[Webhook]>> {
        let teams = self.teams.lock().unwrap_or_else(PoisonError::into_inner);
        let known = teams.get(team_pk)?;
        (known.since.elapsed() < MAX_AGE).then(|| Arc::clone(&known.webhooks))
    }

    fn add(&self, team_pk: &str, webhooks: &Arc<[Webhook]>) {
        let mut teams = self.teams.lock().unwrap_or_else(PoisonError::into_inner);
        if teams.len() >= MAX_REMEMBERED {
            teams.retain(|_, known| known.since.elapsed() < MAX_AGE);
        }
        if teams.len() < MAX_REMEMBERED {
            let known = Known {
                since: Instant::now(),
                webhooks: Arc::clone(webhooks),
            };
            teams.insert(team_pk.to_owned(), known);
        }
    }

    fn forget(&self, team_pk: &str) {
        let mut teams = self.teams.lock().unwrap_or_else(PoisonError::into_inner);
        teams.remove(team_pk);
    }
}
