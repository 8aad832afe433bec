//! Deliveries of notices to webhooks, and the notices' way out of the table.

pub mod attempts;

use std::time::Duration;

use aws_sdk_dynamodb::types::ReturnConsumedCapacity;
use futures_util::future::try_join;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::delivery::{Attempt, AttemptResult, Delivery, DeliveryStatus};
use crate::domain::id::{NoticeId, WebhookId, delivery_id, delivery_parts};
use crate::domain::notice::NoticeType;
use crate::domain::version::Version;
use crate::list_query::deliveries::DeliveryListQuery;
use crate::problem::{Problem, Resource, TeamProblem};
use crate::store::key::Waiting;
use crate::store::notices::expiry;
use crate::store::page::{Order, Range, Within};
use crate::store::team::{ReadWrite, TeamStore};
use crate::store::{due, key, malformed, problem, string};

/// The deliveries of one team and mode.
#[derive(Clone, Debug)]
pub struct Deliveries<Rights> {
    team: TeamStore<Rights>,
}

/// A page of a webhook's deliveries.
#[derive(Debug)]
pub struct DeliveryPage {
    /// The deliveries, newest first.
    pub deliveries: Vec<Delivery>,
    /// The notice whose delivery the next page begins after; `None` if this is the last one.
    pub next: Option<NoticeId>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeliveryItem {
    pk: String,
    sk: String,
    notice_id: NoticeId,
    webhook_id: WebhookId,
    notice_type: String,
    status: String,
    attempts: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next_attempt_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_attempt: Option<AttemptItem>,
    created_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    due_pk: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    due_sk: Option<String>,
    /// Seconds since the Unix epoch.
    ttl: i64,
    version: Version,
    write_id: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AttemptItem {
    at: Timestamp,
    milliseconds: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl<Rights> Deliveries<Rights> {
    pub(super) fn new(team: TeamStore<Rights>) -> Deliveries<Rights> {
        Deliveries { team }
    }

    /// A page of the deliveries, of those that are wanted, to the webhook with this id, as the client
    /// gave it.
    pub async fn list(
        &self,
        webhook: &str,
        query: &DeliveryListQuery,
    ) -> Result<DeliveryPage, Problem> {
        let unknown = || Problem::NotFound {
            resource: Resource::Webhook,
            id: webhook.to_owned(),
        };
        let id = WebhookId::parse(webhook).ok_or_else(unknown)?;
        let range = Range {
            pk: &key::deliveries(&self.team.pk),
            within: Within::Prefix(&key::deliveries_to(&id)),
            order: Order::NewestFirst,
            after: query.after.as_ref().map(|after| key::delivery(&id, after)),
        };
        let wanted = |item: &DeliveryItem| query.wants(&item.status);
        let page = self.team.store.list_page(range, query.limit, wanted);
        let webhooks = self.team.webhooks();
        let (_exists, page) = try_join(webhooks.find(webhook), page).await?;
        let deliveries = page.items.into_iter().map(DeliveryItem::into_delivery);
        let next = page.next.as_deref().and_then(key::of_delivery_sk);
        Ok(DeliveryPage {
            deliveries: deliveries.collect::<Result<_, _>>()?,
            next: next.map(|(_, notice)| notice),
        })
    }

    /// The delivery with this id, as the client gave it.
    pub async fn find(&self, id: &str) -> Result<Delivery, Problem> {
        let unknown = || Problem::NotFound {
            resource: Resource::Delivery,
            id: id.to_owned(),
        };
        let (notice, webhook) = delivery_parts(id).ok_or_else(unknown)?;
        self.get(&webhook, &notice).await?.ok_or_else(unknown)
    }

    /// The delivery of a notice to a webhook; `None` if it is gone.
    pub(super) async fn get(
        &self,
        webhook: &WebhookId,
        notice: &NoticeId,
    ) -> Result<Option<Delivery>, Problem> {
        let pk = key::deliveries(&self.team.pk);
        let sk = key::delivery(webhook, notice);
        let Some(item) = self.team.store.get(&pk, &sk).await? else {
            return Ok(None);
        };
        let item: DeliveryItem = serde_dynamo::from_item(item).map_err(malformed)?;
        item.into_delivery().map(Some)
    }
}

impl Deliveries<ReadWrite> {
    /// Attempts a delivery anew, from the beginning of its schedule.
    /// [`Problem::WriteConflict`] if it is changed meanwhile.
    pub async fn restart(&self, current: &Delivery, now: Timestamp) -> Result<Delivery, Problem> {
        let webhook = self.team.webhooks().find(current.webhook.as_str()).await;
        let webhook = webhook.map_err(|problem| match problem {
            // Its deliveries are no more than a memory.
            Problem::NotFound { .. } => Problem::NotFound {
                resource: Resource::Delivery,
                id: delivery_id(&current.notice, &current.webhook),
            },
            other => other,
        })?;
        if !webhook.draft.enabled {
            return Err(Problem::Team(TeamProblem::WebhookDisabled));
        }
        let delivery = current.restarted(now);
        if self.update(&delivery, current).await? {
            Ok(delivery)
        } else {
            Err(Problem::WriteConflict)
        }
    }

    /// Replaces `current`; `false` if the stored delivery has another version.
    pub(super) async fn update(
        &self,
        delivery: &Delivery,
        current: &Delivery,
    ) -> Result<bool, Problem> {
        let store = &self.team.store;
        let write_id = store.next_write_id();
        let item = serde_dynamo::to_item(self.item(delivery, &write_id)).map_err(malformed)?;
        let over = Some(current.version);
        Ok(store.put_over(item, over, &write_id).await?.is_none())
    }

    /// Deletes a delivery whose notice or webhook is gone.
    pub(super) async fn delete(&self, delivery: &Delivery) -> Result<(), Problem> {
        let store = &self.team.store;
        let pk = key::deliveries(&self.team.pk);
        let sk = key::delivery(&delivery.webhook, &delivery.notice);
        let delete = store.table.client.delete_item();
        let done = delete
            .table_name(&store.table.name)
            .key(key::PK, string(&pk))
            .key(key::SK, string(&sk))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(problem)?;
        store.count(done.consumed_capacity());
        Ok(())
    }

    pub(super) fn item(&self, delivery: &Delivery, write_id: &str) -> DeliveryItem {
        let pk = key::deliveries(&self.team.pk);
        let sk = key::delivery(&delivery.webhook, &delivery.notice);
        let next_attempt_at = delivery.next_attempt_at();
        let due = next_attempt_at.map(|at| due::attributes(Waiting::Delivery, &pk, &sk, at));
        let (due_pk, due_sk) = due
            .map(|[(_, due_pk), (_, due_sk)]| (due_pk, due_sk))
            .unzip();
        DeliveryItem {
            pk,
            sk,
            notice_id: delivery.notice.clone(),
            webhook_id: delivery.webhook.clone(),
            notice_type: delivery.notice_type.as_str().to_owned(),
            status: delivery.status.as_str().to_owned(),
            attempts: delivery.attempts,
            next_attempt_at,
            last_attempt: delivery.last_attempt.as_ref().map(AttemptItem::of),
            created_at: delivery.created_at,
            due_pk,
            due_sk,
            ttl: expiry(delivery.created_at),
            version: delivery.version,
            write_id: write_id.to_owned(),
        }
    }
}

impl DeliveryItem {
    fn into_delivery(self) -> Result<Delivery, Problem> {
        let corrupt = || Problem::Internal("a stored delivery is corrupt".into());
        let status = match (self.status.as_str(), self.next_attempt_at) {
            ("pending", Some(next_attempt_at)) => DeliveryStatus::Pending { next_attempt_at },
            ("delivered", _) => DeliveryStatus::Delivered,
            ("failed", _) => DeliveryStatus::Failed,
            _ => return Err(corrupt()),
        };
        Ok(Delivery {
            notice: self.notice_id,
            webhook: self.webhook_id,
            notice_type: NoticeType::parse(&self.notice_type).ok_or_else(corrupt)?,
            status,
            attempts: self.attempts,
            last_attempt: self.last_attempt.map(AttemptItem::into_attempt),
            created_at: self.created_at,
            version: self.version,
        })
    }
}

impl AttemptItem {
    fn of(attempt: &Attempt) -> AttemptItem {
        let (status, body, error) = match &attempt.result {
            AttemptResult::Answered { status, body, .. } => {
                (Some(*status), Some(body.clone()), None)
            }
            AttemptResult::Failed(error) => (None, None, Some(error.clone())),
        };
        AttemptItem {
            at: attempt.at,
            milliseconds: u64::try_from(attempt.took.as_millis()).unwrap_or(u64::MAX),
            status,
            body: body.filter(|body| !body.is_empty()),
            error,
        }
    }

    fn into_attempt(self) -> Attempt {
        Attempt {
            at: self.at,
            took: Duration::from_millis(self.milliseconds),
            result: match self.status {
                Some(status) => AttemptResult::Answered {
                    status,
                    body: self.body.unwrap_or_default(),
                    retry_after: None,
                },
                None => AttemptResult::Failed(self.error.unwrap_or_default()),
            },
        }
    }
}
