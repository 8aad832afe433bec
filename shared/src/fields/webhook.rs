//! Webhooks, as clients write them.

use serde_json::{Map, Value};

use crate::domain::notice::NoticeType;
use crate::domain::text::WebhookDescription;
use crate::domain::webhook::WebhookDraft;
use crate::domain::webhook_url::{Loopback, UrlReason, WebhookUrl};
use crate::fields::Fields;
use crate::problem::{Problem, Reason, TeamReason};

/// Reads a webhook. It gets every type of notice and is enabled, unless its members say otherwise.
pub fn draft(mut fields: Fields, loopback: Loopback) -> Result<WebhookDraft, Problem> {
    let url = url(&mut fields, loopback);
    let types = types(&mut fields);
    let enabled = fields.boolean("enabled", true);
    let description = if fields.has("description") {
        let bounds = (WebhookDescription::MIN_CHARS, WebhookDescription::MAX_CHARS);
        fields
            .text("description", bounds, WebhookDescription::new)
            .map(Some)
    } else {
        Some(None)
    };
    let draft = (|| {
        Some(WebhookDraft {
            url: url?,
            types: types?,
            enabled: enabled?,
            description: description?,
        })
    })();
    fields.finish(draft)
}

/// Reads a change: absent members stay as they are, and `null` removes the description.
pub fn change(
    fields: Fields,
    current: &WebhookDraft,
    loopback: Loopback,
) -> Result<WebhookDraft, Problem> {
    let merged = fields.over(members(current));
    draft(merged.without_null("description"), loopback)
}

fn url(fields: &mut Fields, loopback: Loopback) -> Option<WebhookUrl> {
    let reason = match fields.take("url") {
        None => return fields.refuse("url", Reason::Missing),
        Some(Value::String(text)) => match WebhookUrl::parse(&text, loopback) {
            Ok(url) => return Some(url),
            Err(reason) => reason,
        },
        Some(_) => UrlReason::NotAUrl,
    };
    fields.refuse("url", Reason::Team(TeamReason::NotAWebhookUrl(reason)))
}

fn types(fields: &mut Fields) -> Option<Vec<NoticeType>> {
    let Some(value) = fields.take("types") else {
        return Some(Vec::new());
    };
    let words = value.as_array().map_or(&[Value::Null][..], Vec::as_slice);
    let mut types = Vec::new();
    for word in words {
        match word.as_str().and_then(NoticeType::parse) {
            Some(known) if !types.contains(&known) => types.push(known),
            _ => return fields.refuse("types", Reason::Team(TeamReason::NotNoticeTypes)),
        }
    }
    Some(types)
}

/// A webhook's members, as a client would write them.
fn members(webhook: &WebhookDraft) -> Map<String, Value> {
    let mut members = Map::new();
    let mut add = |name: &str, value: Value| members.insert(name.to_owned(), value);
    add("url", webhook.url.as_str().into());
    let types = webhook.types.iter().map(|kind| Value::from(kind.as_str()));
    add("types", types.collect());
    add("enabled", webhook.enabled.into());
    if let Some(description) = &webhook.description {
        add("description", description.as_str().into());
    }
    members
}
