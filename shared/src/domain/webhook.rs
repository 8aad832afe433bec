//! Webhooks: where notices are sent.

use jiff::{SignedDuration, Timestamp};

use crate::domain::delivery::Attempt;
use crate::domain::id::WebhookId;
use crate::domain::notice::NoticeType;
use crate::domain::text::WebhookDescription;
use crate::domain::version::Version;
use crate::domain::webhook_secret::WebhookSecret;
use crate::domain::webhook_url::WebhookUrl;

/// The most webhooks of a team.
pub const MAX_WEBHOOKS: u32 = 10;

/// How long a secret that was replaced signs as well.
pub const GRACE: SignedDuration = SignedDuration::from_hours(24);

/// How long every attempt has to fail until a webhook is disabled.
pub const MAX_FAILING: SignedDuration = SignedDuration::from_hours(5 * 24);

/// A webhook.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// Its id.
    pub id: WebhookId,
    /// What its owner decides.
    pub draft: WebhookDraft,
    /// Why the service disabled it, if it did.
    pub disabled_reason: Option<DisabledReason>,
    /// What signs its messages.
    pub secret: WebhookSecret,
    /// What signs them as well for a while.
    pub previous_secret: Option<PreviousSecret>,
    /// Since when every attempt has failed, if the last one did.
    pub failing_since: Option<Timestamp>,
    /// When it was created.
    pub created_at: Timestamp,
    /// The number of times it has been written.
    pub version: Version,
}

/// Everything about a webhook that its owner decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookDraft {
    /// Where messages are sent.
    pub url: WebhookUrl,
    /// The types of the notices that are sent; all, if there are none.
    pub types: Vec<NoticeType>,
    /// Whether anything is sent.
    pub enabled: bool,
    /// What it is for.
    pub description: Option<WebhookDescription>,
}

/// A secret that was replaced.
#[derive(Clone, Debug)]
pub struct PreviousSecret {
    /// The secret.
    pub secret: WebhookSecret,
    /// Until when it signs.
    pub until: Timestamp,
}

/// Why the service disabled a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisabledReason {
    /// Its receiver answered 410.
    Gone,
    /// Every attempt failed for [`MAX_FAILING`].
    Failing,
}

impl Webhook {
    /// A new webhook.
    pub fn new(
        id: WebhookId,
        draft: WebhookDraft,
        secret: WebhookSecret,
        now: Timestamp,
    ) -> Webhook {
        Webhook {
            id,
            draft,
            disabled_reason: None,
            secret,
            previous_secret: None,
            failing_since: None,
            created_at: now,
            version: Version::default(),
        }
    }

    /// The next version of the webhook, as its owner wants it. Its failures are forgotten.
    #[must_use]
    pub fn changed(&self, draft: WebhookDraft) -> Webhook {
        Webhook {
            disabled_reason: self.disabled_reason.filter(|_| !draft.enabled),
            draft,
            failing_since: None,
            version: self.version.next(),
            ..self.clone()
        }
    }

    /// The next version of the webhook, with another secret. The present one signs for [`GRACE`].
    #[must_use]
    pub fn rotated(&self, secret: WebhookSecret, now: Timestamp) -> Webhook {
        Webhook {
            previous_secret: Some(PreviousSecret {
                secret: self.secret.clone(),
                until: now.saturating_add(GRACE).unwrap_or(Timestamp::MAX),
            }),
            secret,
            version: self.version.next(),
            ..self.clone()
        }
    }

    /// The webhook after an attempt; `None` if nothing changes. It is disabled if its receiver is gone,
    /// or if every attempt has failed for [`MAX_FAILING`]; only that is a new version.
    pub fn after(&self, attempt: &Attempt, now: Timestamp) -> Option<Webhook> {
        let mut webhook = self.clone();
        if attempt.is_gone() {
            webhook.disable(DisabledReason::Gone);
            return Some(webhook);
        }
        match self.failing_since {
            None if attempt.is_delivered() => return None,
            None => webhook.failing_since = Some(now),
            Some(_) if attempt.is_delivered() => webhook.failing_since = None,
            Some(since) if now.duration_since(since) >= MAX_FAILING => {
                webhook.disable(DisabledReason::Failing);
            }
            Some(_) => return None,
        }
        Some(webhook)
    }

    fn disable(&mut self, reason: DisabledReason) {
        self.version = self.version.next();
        self.draft.enabled = false;
        self.disabled_reason = Some(reason);
    }

    /// Whether notices of this type are sent to it.
    pub fn wants(&self, notice: NoticeType) -> bool {
        let types = &self.draft.types;
        self.draft.enabled && (types.is_empty() || types.contains(&notice))
    }

    /// What signs its messages now.
    pub fn secrets(&self, now: Timestamp) -> Vec<&WebhookSecret> {
        let previous = self.previous_secret.as_ref();
        let previous = previous.filter(|previous| now < previous.until);
        let mut secrets = vec![&self.secret];
        secrets.extend(previous.map(|previous| &previous.secret));
        secrets
    }
}

impl DisabledReason {
    const ALL: [DisabledReason; 2] = [DisabledReason::Gone, DisabledReason::Failing];

    /// The reason as clients see it.
    pub fn as_str(self) -> &'static str {
        match self {
            DisabledReason::Gone => "gone",
            DisabledReason::Failing => "failing",
        }
    }

    /// Reads a reason; `None` for any other word.
    pub fn parse(text: &str) -> Option<DisabledReason> {
        DisabledReason::ALL
            .into_iter()
            .find(|reason| reason.as_str() == text)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::delivery::AttemptResult;
    use crate::domain::id::NewId as _;
    use crate::domain::webhook_url::Loopback;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a timestamp")
    }

    fn webhook() -> Webhook {
        let now = at("2026-03-02T09:00:00Z");
        let draft = WebhookDraft {
            url: WebhookUrl::parse("https://example.com/", Loopback::Refused).expect("a URL"),
            types: Vec::new(),
            enabled: true,
            description: None,
        };
        let secret = WebhookSecret::new(&[7; 32]);
        Webhook::new(WebhookId::new_id(now, &[1; 10]), draft, secret, now)
    }

    fn answered(status: u16) -> Attempt {
        Attempt {
            at: at("2026-03-02T09:00:00Z"),
            took: Duration::ZERO,
            result: AttemptResult::Answered {
                status,
                body: String::new(),
                retry_after: None,
            },
        }
    }

    #[test]
    fn a_webhook_is_disabled_after_five_days_without_a_success_and_at_once_if_it_is_gone() {
        let healthy = webhook();
        assert!(
            healthy
                .after(&answered(204), at("2026-03-02T09:00:00Z"))
                .is_none()
        );
        let failing = healthy.after(&answered(500), at("2026-03-02T09:00:00Z"));
        let failing = failing.expect("the first failure is noted");
        assert!(failing.draft.enabled);
        assert!(
            failing
                .after(&answered(500), at("2026-03-07T08:59:59Z"))
                .is_none()
        );
        let disabled = failing.after(&answered(500), at("2026-03-07T09:00:00Z"));
        let disabled = disabled.expect("it is disabled");
        assert_eq!(disabled.disabled_reason, Some(DisabledReason::Failing));
        assert!(!disabled.wants(NoticeType::Breached));
        let recovered = failing.after(&answered(200), at("2026-03-07T09:00:00Z"));
        assert_eq!(recovered.expect("it is noted").failing_since, None);
        let gone = healthy.after(&answered(410), at("2026-03-02T09:00:00Z"));
        let gone = gone.expect("it is disabled");
        assert_eq!(gone.disabled_reason, Some(DisabledReason::Gone));
        let draft = WebhookDraft {
            enabled: true,
            ..gone.draft.clone()
        };
        assert_eq!(gone.changed(draft).disabled_reason, None);
        let reasons = [&gone, &disabled].map(|webhook| webhook.disabled_reason);
        let words = reasons.map(|reason| reason.map(DisabledReason::as_str));
        assert_eq!(words, [Some("gone"), Some("failing")]);
        assert_eq!(
            words.map(|word| word.and_then(DisabledReason::parse)),
            reasons
        );
        assert_eq!(DisabledReason::parse("bored"), None);
    }

    #[test]
    fn a_change_is_the_next_version_with_the_past_forgotten() {
        let mut failing = webhook();
        failing.failing_since = Some(at("2026-03-02T09:00:00Z"));
        let draft = WebhookDraft {
            types: vec![NoticeType::Breached],
            ..failing.draft.clone()
        };
        let changed = failing.changed(draft.clone());
        assert_eq!((&changed.draft, changed.failing_since), (&draft, None));
        assert_eq!(changed.version, failing.version.next());
        let secret = WebhookSecret::new(&[8; 32]);
        let rotated = changed.rotated(secret, at("2026-03-02T09:00:00Z"));
        assert_eq!(rotated.version, changed.version.next());
    }

    #[test]
    fn a_webhook_without_types_wants_all_of_them() {
        let of = |types: &[NoticeType], enabled| {
            let mut webhook = webhook();
            webhook.draft.types = types.to_vec();
            webhook.draft.enabled = enabled;
            NoticeType::ALL.map(|kind| webhook.wants(kind))
        };
        assert_eq!(of(&[], true), [true; 4]);
        assert_eq!(
            of(&[NoticeType::Breached], true),
            [false, true, false, false]
        );
        assert_eq!(of(&NoticeType::ALL, false), [false; 4]);
    }

    #[test]
    fn both_secrets_sign_for_a_day_after_a_rotation() {
        let rotated = webhook().rotated(WebhookSecret::new(&[8; 32]), at("2026-03-02T09:00:00Z"));
        let reveal = |now| {
            let secrets = rotated.secrets(at(now));
            secrets
                .iter()
                .map(|secret| secret.reveal())
                .collect::<Vec<_>>()
        };
        let both = [8, 7].map(|byte| WebhookSecret::new(&[byte; 32]).reveal());
        assert_eq!(reveal("2026-03-03T08:59:59Z"), both);
        assert_eq!(reveal("2026-03-03T09:00:00Z"), both[..1]);
    }
}
