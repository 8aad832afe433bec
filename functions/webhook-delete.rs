//! Deletes a webhook. What is on its way to it is dropped.

use std::process::ExitCode;

use shared::api;
use shared::reply::{Answer, Reply};
use shared::serve::call::Call;
use shared::serve::serve;

fn main() -> ExitCode {
    serve(&api::WEBHOOK_DELETE, delete)
}

async fn delete(call: Call) -> Answer {
    let webhooks = call.store().webhooks();
    let webhook = webhooks.find(call.parameter("webhookId")).await?;
    call.check_version(webhook.version)?;
    webhooks.delete(&webhook).await?;
    Reply::deleted(&webhook.id)
}
