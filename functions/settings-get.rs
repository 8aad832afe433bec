//! Reads a team's settings.

use std::process::ExitCode;

use shared::api;
use shared::reply::{self, Answer};
use shared::serve::call::ReadCall;
use shared::serve::serve;

fn main() -> ExitCode {
    serve(&api::SETTINGS_GET, get)
}

async fn get(call: ReadCall) -> Answer {
    let settings = call.store().settings().await?;
    Ok(reply::settings::one(&settings)?.unless_cached(call.if_none_match()))
}
