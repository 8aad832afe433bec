//! Creates a webhook. Only this reply shows its secret.

use std::process::ExitCode;

use shared::domain::webhook::Webhook;
use shared::domain::webhook_secret::WebhookSecret;
use shared::reply::{self, Answer};
use shared::serve::call::Call;
use shared::serve::serve;
use shared::{api, fields};

fn main() -> ExitCode {
    serve(&api::WEBHOOK_CREATE, create)
}

async fn create(call: Call) -> Answer {
    let draft = fields::webhook::draft(call.fields()?, call.loopback())?;
    let secret = WebhookSecret::new(&call.random_secret()?);
    let webhook = Webhook::new(call.new_id(), draft, secret, call.now());
    let location = call.location(webhook.id.as_str());
    let reply = reply::webhook::created(&webhook)?.at(location);
    let webhooks = call.store().webhooks();
    call.commit(reply, |recording| webhooks.insert(&webhook, recording))
        .await
}
