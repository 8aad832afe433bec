//! Attempts of deliveries: who makes one, and what came of it.

use jiff::Timestamp;

use crate::domain::delivery::{Attempt, Delivery, DeliveryStatus};
use crate::domain::id::{NoticeId, WebhookId};
use crate::domain::webhook::Webhook;
use crate::problem::Problem;
use crate::random;
use crate::store::due::Entry;
use crate::store::key::Waiting;
use crate::store::notices::SentNotice;
use crate::store::team::{ReadWrite, TeamStore};
use crate::store::{Store, key};

/// A delivery that waits for its next attempt.
#[derive(Clone, Debug)]
pub struct DueDelivery {
    entry: Entry,
    team_pk: String,
    webhook: WebhookId,
    notice: NoticeId,
}

/// A delivery in the hands of this process, with everything that an attempt needs.
#[derive(Clone, Debug)]
pub struct Outgoing {
    team: TeamStore<ReadWrite>,
    webhook: Webhook,
    notice: SentNotice,
    delivery: Delivery,
}

/// What came of reaching for a delivery.
#[derive(Debug)]
pub enum Claim {
    /// This process attempts it.
    Taken(Box<Outgoing>),
    /// There is nothing to attempt: another process does, or it is not due, or gone.
    None,
    /// It is given up, since its webhook is disabled.
    GivenUp,
}

impl DueDelivery {
    /// When it is due.
    pub fn at(&self) -> Timestamp {
        self.entry.at
    }

    /// Where it goes.
    pub fn webhook(&self) -> &WebhookId {
        &self.webhook
    }
}

impl Store {
    /// The deliveries that are due until an instant, soonest first, of all teams.
    pub async fn due_deliveries(&self, until: Timestamp) -> Result<Vec<DueDelivery>, Problem> {
        let entries = self.due(Waiting::Delivery, until).await?;
        let deliveries = entries.into_iter().filter_map(|entry| {
            let (team_pk, webhook, notice) = key::of_delivery(&entry.pk, &entry.sk)?;
            Some(DueDelivery {
                entry,
                team_pk,
                webhook,
                notice,
            })
        });
        Ok(deliveries.collect())
    }

    /// Takes a delivery that is due into this process's hands.
    pub async fn claim(&self, due: &DueDelivery, now: Timestamp) -> Result<Claim, Problem> {
        let team = TeamStore::<ReadWrite>::new(self.clone(), due.team_pk.clone());
        let deliveries = team.deliveries();
        let Some(delivery) = deliveries.get(&due.webhook, &due.notice).await? else {
            return Ok(Claim::None);
        };
        if delivery.next_attempt_at().is_none_or(|at| at > now) {
            return Ok(Claim::None);
        }
        let webhooks = team.webhooks().recent().await?;
        let webhook = webhooks.iter().find(|webhook| webhook.id == due.webhook);
        let notice = team.notices().find(&due.notice).await?;
        let Some((webhook, notice)) = webhook.zip(notice) else {
            deliveries.delete(&delivery).await?;
            return Ok(Claim::None);
        };
        if !webhook.draft.enabled {
            let is_first = deliveries.update(&delivery.given_up(), &delivery).await?;
            return Ok(if is_first {
                Claim::GivenUp
            } else {
                Claim::None
            });
        }
        let outgoing = Outgoing::new(team, webhook.clone(), notice, delivery);
        Ok(match outgoing.reclaim(now).await? {
            Some(outgoing) => Claim::Taken(Box::new(outgoing)),
            None => Claim::None,
        })
    }
}

impl Outgoing {
    pub(in crate::store) fn new(
        team: TeamStore<ReadWrite>,
        webhook: Webhook,
        notice: SentNotice,
        delivery: Delivery,
    ) -> Outgoing {
        Outgoing {
            team,
            webhook,
            notice,
            delivery,
        }
    }

    /// Where it goes.
    pub fn webhook(&self) -> &Webhook {
        &self.webhook
    }

    /// What is sent.
    pub fn notice(&self) -> &SentNotice {
        &self.notice
    }

    /// How it stands.
    pub fn delivery(&self) -> &Delivery {
        &self.delivery
    }

    /// Takes it into this process's hands once more; `None` if another process was faster.
    pub async fn reclaim(self, now: Timestamp) -> Result<Option<Outgoing>, Problem> {
        let claimed = self.delivery.claimed(now);
        let deliveries = self.team.deliveries();
        let is_ours = deliveries.update(&claimed, &self.delivery).await?;
        Ok(is_ours.then_some(Outgoing {
            delivery: claimed,
            ..self
        }))
    }

    /// Records an attempt, and disables the webhook if it is gone or has failed for too long.
    pub async fn settle(self, attempt: Attempt, now: Timestamp) -> Result<Outgoing, Problem> {
        let [jitter] = random::bytes();
        let delivery = self.delivery.attempted(attempt, now, jitter);
        // If another process has taken over meanwhile, what it records counts.
        let deliveries = self.team.deliveries();
        deliveries.update(&delivery, &self.delivery).await?;
        let attempt = delivery.last_attempt.as_ref();
        if let Some(webhook) = attempt.and_then(|attempt| self.webhook.after(attempt, now)) {
            let webhooks = self.team.webhooks();
            webhooks.replace_unchanged(&webhook, &self.webhook).await?;
        }
        Ok(Outgoing { delivery, ..self })
    }

    /// Whether it has been given up.
    pub fn is_given_up(&self) -> bool {
        self.delivery.status == DeliveryStatus::Failed
    }
}
