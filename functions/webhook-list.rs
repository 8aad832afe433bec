//! Lists a team's webhooks, oldest first.

use std::process::ExitCode;

use shared::api;
use shared::domain::version::list_tag;
use shared::reply::{self, Answer};
use shared::serve::call::ReadCall;
use shared::serve::serve;

fn main() -> ExitCode {
    serve(&api::WEBHOOK_LIST, list)
}

async fn list(call: ReadCall) -> Answer {
    let webhooks = call.store().webhooks().list().await?;
    let versions = webhooks.iter();
    let tag = list_tag(versions.map(|webhook| (webhook.id.as_str(), webhook.version)));
    let reply = reply::webhook::list(&webhooks)?.versions(&tag);
    Ok(reply.unless_cached(call.if_none_match()))
}
