//! Webhooks, as clients see them. The secret is in the reply to its creation alone.

use jiff::Timestamp;
use serde::Serialize;

use crate::domain::id::WebhookId;
use crate::domain::text::WebhookDescription;
use crate::domain::webhook::{DisabledReason, Webhook};
use crate::reply::{Answer, Reply};

/// One webhook, with its version as the entity tag.
pub fn one(webhook: &Webhook) -> Answer {
    Ok(Reply::ok(&View::of(webhook))?.version(webhook.version))
}

/// A new webhook, with its secret.
pub fn created(webhook: &Webhook) -> Answer {
    Ok(Reply::created(&View::with_secret(webhook))?.version(webhook.version))
}

/// A webhook with its new secret.
pub fn rotated(webhook: &Webhook) -> Answer {
    Ok(Reply::ok(&View::with_secret(webhook))?.version(webhook.version))
}

/// All webhooks of a team.
pub fn list(webhooks: &[Webhook]) -> Answer {
    let views: Vec<View<'_>> = webhooks.iter().map(View::of).collect();
    Reply::ok(&views)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct View<'a> {
    id: &'a WebhookId,
    url: &'a str,
    types: Vec<&'static str>,
    enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a WebhookDescription>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disabled_reason: Option<&'static str>,
    created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

impl View<'_> {
    fn of(webhook: &Webhook) -> View<'_> {
        let draft = &webhook.draft;
        View {
            id: &webhook.id,
            url: draft.url.as_str(),
            types: draft.types.iter().map(|kind| kind.as_str()).collect(),
            enabled: draft.enabled,
            description: draft.description.as_ref(),
            disabled_reason: webhook.disabled_reason.map(DisabledReason::as_str),
            created_at: webhook.created_at,
            secret: None,
        }
    }

    fn with_secret(webhook: &Webhook) -> View<'_> {
        View {
            secret: Some(webhook.secret.reveal()),
            ..View::of(webhook)
        }
    }
}
