//! Gives a webhook another secret. The present one signs as well for a day.

use std::process::ExitCode;

use shared::api;
use shared::domain::webhook_secret::WebhookSecret;
use shared::reply::{self, Answer};
use shared::serve::call::Call;
use shared::serve::serve;

fn main() -> ExitCode {
    serve(&api::WEBHOOK_ROTATE, rotate)
}

async fn rotate(call: Call) -> Answer {
    let webhooks = call.store().webhooks();
    let current = webhooks.find(call.parameter("webhookId")).await?;
    call.without_fields()?;
    let secret = WebhookSecret::new(&call.random_secret()?);
    let webhook = current.rotated(secret, call.now());
    let reply = reply::webhook::rotated(&webhook)?;
    call.commit_change(current.version, reply, |recording| {
        webhooks.update(&webhook, &current, recording)
    })
    .await
}
