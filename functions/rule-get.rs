//! Reads one SLA rule.

use std::process::ExitCode;

use shared::api;
use shared::reply::{self, Answer};
use shared::serve::call::ReadCall;
use shared::serve::serve;

fn main() -> ExitCode {
    serve(&api::RULE_GET, get)
}

async fn get(call: ReadCall) -> Answer {
    let rule = call.store().rules().find(call.parameter("ruleId")).await?;
    Ok(reply::rule::one(&rule)?.unless_cached(call.if_none_match()))
}
