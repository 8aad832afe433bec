//! Reads one webhook, without its secret.

use std::process::ExitCode;

use shared::api;
use shared::reply::{self, Answer};
use shared::serve::call::ReadCall;
use shared::serve::serve;

fn main() -> ExitCode {
    serve(&api::WEBHOOK_GET, get)
}

async fn get(call: ReadCall) -> Answer {
    let webhooks = call.store().webhooks();
    let webhook = webhooks.find(call.parameter("webhookId")).await?;
    Ok(reply::webhook::one(&webhook)?.unless_cached(call.if_none_match()))
}
