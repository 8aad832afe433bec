//! Changes members of a webhook. Absent members stay as they are.

use std::process::ExitCode;

use shared::reply::{self, Answer};
use shared::serve::call::Call;
use shared::serve::serve;
use shared::{api, fields};

fn main() -> ExitCode {
    serve(&api::WEBHOOK_UPDATE, update)
}

async fn update(call: Call) -> Answer {
    let webhooks = call.store().webhooks();
    let current = webhooks.find(call.parameter("webhookId")).await?;
    let draft = fields::webhook::change(call.fields()?, &current.draft, call.loopback())?;
    let webhook = current.changed(draft);
    let reply = reply::webhook::one(&webhook)?;
    call.commit_change(current.version, reply, |recording| {
        webhooks.update(&webhook, &current, recording)
    })
    .await
}
