//! Attempts deliveries, each in a task of its own, so that a slow receiver holds up nobody else.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinSet};

use crate::domain::delivery::{Attempt, AttemptResult};
use crate::domain::id::WebhookId;
use crate::domain::webhook::Webhook;
use crate::domain::webhook_url::Loopback;
use crate::problem::Problem;
use crate::send::{Message, Outcome, Sender, TIMEOUT};
use crate::store::Store;
use crate::store::deliveries::attempts::{Claim, DueDelivery, Outgoing};

/// The most attempts at once to one webhook. What does not get its turn in time is left for the next
/// run, and waits for no one but its own receiver.
const MAX_AT_ONCE: usize = 32;

/// The longest pause after which a process makes the next attempt itself. It covers the first pause of
/// the schedule; after longer ones the next run is there.
const MAX_OWN_PAUSE: SignedDuration = SignedDuration::from_secs(8);

/// The time that an attempt may take, with recording it.
const ATTEMPT: SignedDuration = SignedDuration::from_secs(6);

/// Attempts the deliveries of one run.
pub struct Dispatcher {
    shared: Arc<Shared>,
    tasks: Mutex<JoinSet<()>>,
}

/// What came of the attempts of one run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Attempts that were taken.
    pub delivered: u64,
    /// Attempts that were not.
    pub failed: u64,
    /// Deliveries that were given up.
    pub given_up: u64,
}

struct Shared {
    loopback: Loopback,
    /// No attempt begins that would not end before this.
    ends_at: Timestamp,
    report: fn(&Problem),
    turns: Mutex<HashMap<WebhookId, Arc<Semaphore>>>,
    tally: Mutex<Tally>,
}

impl Dispatcher {
    /// Attempts that end before `ends_at`. A delivery whose record fails is reported, and attempted
    /// again by a later run.
    pub fn new(loopback: Loopback, ends_at: Timestamp, report: fn(&Problem)) -> Dispatcher {
        Dispatcher {
            shared: Arc::new(Shared {
                loopback,
                ends_at,
                report,
                turns: Mutex::default(),
                tally: Mutex::default(),
            }),
            tasks: Mutex::default(),
        }
    }

    /// Begins to attempt a delivery that is in this process's hands.
    pub fn send(&self, outgoing: Outgoing) {
        let shared = Arc::clone(&self.shared);
        self.spawn(async move {
            let sent = shared.send(outgoing).await;
            shared.reported(sent);
        });
    }

    /// Begins to attempt a delivery that is due, if no other process does.
    pub fn take(&self, store: &Store, due: DueDelivery) {
        let (shared, store) = (Arc::clone(&self.shared), store.clone());
        self.spawn(async move {
            let taken = shared.take(&store, &due).await;
            shared.reported(taken);
        });
    }

    /// Waits for the attempts that have begun.
    pub async fn finish(self) -> Tally {
        let tasks = self.tasks.into_inner();
        let mut tasks = tasks.unwrap_or_else(PoisonError::into_inner);
        while let Some(ended) = tasks.join_next().await {
            self.shared.ended(&ended);
        }
        *self.shared.tally()
    }

    fn spawn(&self, attempt: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks();
        // Until it is joined, an attempt that has ended keeps its memory.
        while let Some(ended) = tasks.try_join_next() {
            self.shared.ended(&ended);
        }
        tasks.spawn(attempt);
    }

    fn tasks(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    async fn take(&self, store: &Store, due: &DueDelivery) -> Result<(), Problem> {
        let turns = self.turns(due.webhook());
        let turn = turns.acquire().await;
        let now = Timestamp::now();
        if now.duration_until(self.ends_at) < ATTEMPT {
            return Ok(());
        }
        match store.claim(due, now).await? {
            Claim::None => Ok(()),
            Claim::GivenUp => {
                self.tally().given_up += 1;
                Ok(())
            }
            Claim::Taken(outgoing) => {
                let outgoing = Box::pin(self.attempt(*outgoing)).await?;
                drop(turn);
                Box::pin(self.again(outgoing)).await
            }
        }
    }

    async fn send(&self, outgoing: Outgoing) -> Result<(), Problem> {
        let turns = self.turns(&outgoing.webhook().id);
        let turn = turns.acquire().await;
        if !self.has_time(&outgoing) {
            return Ok(());
        }
        // An attempt takes kilobytes, and thousands may wait for their turn.
        let outgoing = Box::pin(self.attempt(outgoing)).await?;
        drop(turn);
        Box::pin(self.again(outgoing)).await
    }

    /// Attempts it again after short pauses.
    async fn again(&self, mut outgoing: Outgoing) -> Result<(), Problem> {
        while let Some(next) = outgoing.delivery().next_attempt_at() {
            let pause = Timestamp::now().duration_until(next);
            let is_late = next.duration_until(self.ends_at) < ATTEMPT;
            if pause > MAX_OWN_PAUSE || is_late {
                return Ok(());
            }
            tokio::time::sleep(pause.try_into().unwrap_or_default()).await;
            let turns = self.turns(&outgoing.webhook().id);
            let _turn = turns.acquire().await;
            outgoing = match outgoing.reclaim(Timestamp::now()).await? {
                Some(outgoing) if self.has_time(&outgoing) => self.attempt(outgoing).await?,
                _ => return Ok(()),
            };
        }
        Ok(())
    }

    async fn attempt(&self, outgoing: Outgoing) -> Result<Outgoing, Problem> {
        let notice = outgoing.notice();
        let (id, body) = (notice.id.as_str(), notice.body.as_str());
        let attempt = attempt(self.loopback, outgoing.webhook(), id, body).await;
        let is_delivered = attempt.is_delivered();
        let outgoing = outgoing.settle(attempt, Timestamp::now()).await?;
        let mut tally = self.tally();
        if is_delivered {
            tally.delivered += 1;
        } else {
            tally.failed += 1;
        }
        tally.given_up += u64::from(outgoing.is_given_up());
        drop(tally);
        Ok(outgoing)
    }

    /// Whether an attempt that begins now ends while the delivery is in this process's hands.
    fn has_time(&self, outgoing: &Outgoing) -> bool {
        let lease = outgoing.delivery().next_attempt_at();
        let end = lease.map_or(self.ends_at, |lease| lease.min(self.ends_at));
        Timestamp::now().duration_until(end) >= ATTEMPT
    }

    fn turns(&self, webhook: &WebhookId) -> Arc<Semaphore> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        let turns = turns
            .entry(webhook.clone())
            .or_insert_with(|| Arc::new(Semaphore::new(MAX_AT_ONCE)));
        Arc::clone(turns)
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ended(&self, ended: &Result<(), JoinError>) {
        if ended.is_err() {
            (self.report)(&Problem::Internal("an attempt panicked".into()));
        }
    }

    fn reported(&self, result: Result<(), Problem>) {
        if let Err(problem) = result {
            (self.report)(&problem);
        }
    }
}

/// Sends a message to a webhook once.
pub async fn attempt(loopback: Loopback, webhook: &Webhook, id: &str, body: &str) -> Attempt {
    // It keeps the root certificates, which take milliseconds to parse.
    static SENDER: OnceLock<Sender> = OnceLock::new();
    let sender = SENDER.get_or_init(|| Sender::new(env!("CARGO_PKG_VERSION"), loopback));
    let now = Timestamp::now();
    let message = Message {
        id,
        timestamp: now,
        body,
        secrets: &webhook.secrets(now),
    };
    let sent = sender.post(&webhook.draft.url, &message).await;
    Attempt {
        at: now,
        took: sent.took,
        result: match sent.outcome {
            Outcome::Answered {
                status,
                body,
                retry_after,
            } => AttemptResult::Answered {
                status,
                body,
                retry_after,
            },
            Outcome::Failed(failure) => AttemptResult::Failed(failure.to_string()),
        },
    }
}

const _: () = assert!(TIMEOUT.as_secs() < ATTEMPT.as_secs().unsigned_abs());
