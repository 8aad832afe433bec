//! Deliveries: a notice on its way to a webhook, and when it is attempted again.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::domain::id::{NoticeId, WebhookId};
use crate::domain::notice::NoticeType;
use crate::domain::version::Version;

/// How long after a failed attempt the next one follows. After the last of these, the delivery is
/// given up. (The schedule of Standard Webhooks, with one more attempt in the first minute.)
const PAUSES: [SignedDuration; 10] = [
    SignedDuration::from_secs(5),
    SignedDuration::from_mins(1),
    SignedDuration::from_mins(5),
    SignedDuration::from_mins(30),
    SignedDuration::from_hours(2),
    SignedDuration::from_hours(5),
    SignedDuration::from_hours(10),
    SignedDuration::from_hours(14),
    SignedDuration::from_hours(20),
    SignedDuration::from_hours(24),
];

/// How far a pause may differ from the schedule, in percent, so that what failed at once is not
/// attempted at once.
const JITTER_PERCENT: i32 = 20;

/// How long a process that attempts a delivery has it for itself. If it dies meanwhile, another one
/// attempts the delivery after that.
pub const LEASE: SignedDuration = SignedDuration::from_secs(30);

/// A notice on its way to a webhook.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The notice.
    pub notice: NoticeId,
    /// The webhook.
    pub webhook: WebhookId,
    /// The type of the notice.
    pub notice_type: NoticeType,
    /// How it stands.
    pub status: DeliveryStatus,
    /// The number of attempts that have ended.
    pub attempts: u32,
    /// The last attempt that has ended.
    pub last_attempt: Option<Attempt>,
    /// When it was made.
    pub created_at: Timestamp,
    /// The number of times it has been written.
    pub version: Version,
}

/// How a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryStatus {
    /// It is attempted at this instant, or has been since.
    Pending {
        /// That instant.
        next_attempt_at: Timestamp,
    },
    /// The receiver has it.
    Delivered,
    /// It is given up.
    Failed,
}

/// An attempt to send something to a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// When it began.
    pub at: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// How it ended.
    pub result: AttemptResult,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptResult {
    /// The receiver answered.
    Answered {
        /// The HTTP status.
        status: u16,
        /// The beginning of the body.
        body: String,
        /// How long the receiver wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// There was no answer, for this reason.
    Failed(String),
}

impl Delivery {
    /// A delivery that is due now.
    pub fn new(
        notice: NoticeId,
        webhook: WebhookId,
        notice_type: NoticeType,
        now: Timestamp,
    ) -> Delivery {
        Delivery {
            notice,
            webhook,
            notice_type,
            status: DeliveryStatus::Pending {
                next_attempt_at: now,
            },
            attempts: 0,
            last_attempt: None,
            created_at: now,
            version: Version::default(),
        }
    }

    /// When it is attempted next.
    pub fn next_attempt_at(&self) -> Option<Timestamp> {
        match self.status {
            DeliveryStatus::Pending { next_attempt_at } => Some(next_attempt_at),
            DeliveryStatus::Delivered | DeliveryStatus::Failed => None,
        }
    }

    /// A new delivery in the hands of the process that has made it.
    #[must_use]
    pub fn leased(self, now: Timestamp) -> Delivery {
        Delivery {
            status: leased(now),
            ..self
        }
    }

    /// The delivery in the hands of the process that attempts it now.
    #[must_use]
    pub fn claimed(&self, now: Timestamp) -> Delivery {
        Delivery {
            status: leased(now),
            version: self.version.next(),
            ..self.clone()
        }
    }

    /// The delivery from the beginning, due now.
    #[must_use]
    pub fn restarted(&self, now: Timestamp) -> Delivery {
        Delivery {
            status: DeliveryStatus::Pending {
                next_attempt_at: now,
            },
            attempts: 0,
            version: self.version.next(),
            ..self.clone()
        }
    }

    /// The delivery after an attempt. `jitter` is a random byte.
    #[must_use]
    pub fn attempted(&self, attempt: Attempt, now: Timestamp, jitter: u8) -> Delivery {
        let attempts = self.attempts.saturating_add(1);
        let pause = usize::try_from(self.attempts)
            .ok()
            .and_then(|place| PAUSES.get(place));
        let status = match pause {
            _ if attempt.is_delivered() => DeliveryStatus::Delivered,
            Some(pause) if !attempt.is_gone() => {
                let pause = jittered(*pause, jitter).max(attempt.retry_after());
                let next_attempt_at = now.saturating_add(pause).unwrap_or(Timestamp::MAX);
                DeliveryStatus::Pending { next_attempt_at }
            }
            _ => DeliveryStatus::Failed,
        };
        Delivery {
            status,
            attempts,
            last_attempt: Some(attempt),
            version: self.version.next(),
            ..self.clone()
        }
    }

    /// The delivery, given up.
    #[must_use]
    pub fn given_up(&self) -> Delivery {
        Delivery {
            status: DeliveryStatus::Failed,
            version: self.version.next(),
            ..self.clone()
        }
    }
}

impl DeliveryStatus {
    /// The words of the statuses.
    pub const WORDS: &[&str] = &["pending", "delivered", "failed"];

    /// The status as clients see it.
    pub fn as_str(self) -> &'static str {
        match self {
            DeliveryStatus::Pending { .. } => "pending",
            DeliveryStatus::Delivered => "delivered",
            DeliveryStatus::Failed => "failed",
        }
    }
}

impl Attempt {
    /// Whether the receiver took it.
    pub fn is_delivered(&self) -> bool {
        matches!(self.result, AttemptResult::Answered { status, .. } if (200..300).contains(&status))
    }

    /// Whether the receiver wants no more of it, ever.
    pub fn is_gone(&self) -> bool {
        matches!(self.result, AttemptResult::Answered { status: 410, .. })
    }

    fn retry_after(&self) -> SignedDuration {
        match &self.result {
            AttemptResult::Answered {
                retry_after: Some(after),
                ..
            } => SignedDuration::try_from(*after).unwrap_or(SignedDuration::MAX),
            _ => SignedDuration::ZERO,
        }
    }
}

fn leased(now: Timestamp) -> DeliveryStatus {
    DeliveryStatus::Pending {
        next_attempt_at: now.saturating_add(LEASE).unwrap_or(Timestamp::MAX),
    }
}

/// A pause that differs from the schedule by up to [`JITTER_PERCENT`], by a random byte.
fn jittered(pause: SignedDuration, jitter: u8) -> SignedDuration {
    let range = pause * (2 * JITTER_PERCENT) / 100;
    pause - range / 2 + range * i32::from(jitter) / 255
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::NewId as _;

    fn now() -> Timestamp {
        "2026-03-02T09:00:00Z".parse().expect("a timestamp")
    }

    fn delivery() -> Delivery {
        let notice = NoticeId::new_id(now(), &[1; 10]);
        let webhook = WebhookId::new_id(now(), &[2; 10]);
        Delivery::new(notice, webhook, NoticeType::Breached, now())
    }

    fn answered(status: u16, retry_after: Option<u64>) -> Attempt {
        Attempt {
            at: now(),
            took: Duration::from_millis(12),
            result: AttemptResult::Answered {
                status,
                body: String::new(),
                retry_after: retry_after.map(Duration::from_secs),
            },
        }
    }

    /// The pauses after failures with this jitter, in seconds, until the delivery is given up.
    fn pauses(jitter: u8) -> Vec<i64> {
        let mut delivery = delivery();
        let mut pauses = Vec::new();
        loop {
            delivery = delivery.attempted(answered(500, None), now(), jitter);
            let Some(next) = delivery.next_attempt_at() else {
                assert_eq!(delivery.status, DeliveryStatus::Failed);
                return pauses;
            };
            pauses.push(next.duration_since(now()).as_secs());
        }
    }

    #[test]
    fn attempts_follow_the_schedule_within_a_fifth() {
        let schedule = [
            5, 60, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400,
        ];
        assert_eq!(pauses(0), schedule.map(|pause| pause * 4 / 5));
        assert_eq!(pauses(255), schedule.map(|pause| pause * 6 / 5));
        let middle = pauses(128);
        assert_eq!(middle.len(), schedule.len());
        for (pause, scheduled) in middle.iter().zip(schedule) {
            assert!((pause - scheduled).abs() <= scheduled / 100, "{pause}");
        }
    }

    #[test]
    fn a_receiver_can_ask_for_more_time_and_can_end_it() {
        let later = delivery().attempted(answered(503, Some(120)), now(), 128);
        let next = later.next_attempt_at().expect("another attempt");
        assert_eq!(next.duration_since(now()).as_secs(), 120);
        let sooner = delivery().attempted(answered(429, Some(1)), now(), 255);
        let next = sooner.next_attempt_at().expect("another attempt");
        assert_eq!(next.duration_since(now()).as_secs(), 6);
        let gone = delivery().attempted(answered(410, None), now(), 0);
        assert_eq!(gone.status, DeliveryStatus::Failed);
        for status in [200, 204, 299] {
            let delivered = delivery().attempted(answered(status, None), now(), 0);
            assert_eq!(delivered.status, DeliveryStatus::Delivered);
        }
        for status in [199, 300, 302, 404] {
            let failed = delivery().attempted(answered(status, None), now(), 0);
            assert!(failed.next_attempt_at().is_some(), "{status}");
        }
    }

    #[test]
    fn every_change_is_a_new_version_and_a_restart_begins_anew() {
        let new = delivery();
        let attempted = new.attempted(answered(500, None), now(), 0);
        let given_up = attempted.given_up();
        let restarted = given_up.restarted(now());
        let claimed = restarted.claimed(now());
        let all = [&new, &attempted, &given_up, &restarted, &claimed];
        let versions = all.map(|delivery| delivery.version.get() - new.version.get());
        assert_eq!(versions, [0, 1, 2, 3, 4]);
        assert_eq!(all.map(|delivery| delivery.attempts), [0, 1, 1, 0, 0]);
        assert!(attempted.last_attempt.is_some());
        assert_eq!(given_up.status, DeliveryStatus::Failed);
        let words = [&new, &given_up].map(|delivery| delivery.status.as_str());
        assert_eq!(words, ["pending", "failed"]);
        assert_eq!(DeliveryStatus::Delivered.as_str(), "delivered");
        assert_eq!(restarted.next_attempt_at(), Some(now()));
        let lease_ends_at = Some(now() + LEASE);
        assert_eq!(claimed.next_attempt_at(), lease_ends_at);
        assert_eq!(new.leased(now()).next_attempt_at(), lease_ends_at);
    }
}
