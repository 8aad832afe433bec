//! Reads one SLA rule.

use std::process::ExitCode;

use shared::api;
use shared::reply::{Answer, Reply};
use shared::serve::call::Call;
use shared::serve::serve;

fn main() -> ExitCode {
    serve(&api::RULE_GET, get)
}

async fn get(call: Call) -> Answer {
    let rule = call.rules().find(call.parameter("ruleId")).await?;
    let reply = Reply::ok(&rule)?.version(rule.version);
    Ok(reply.unless_known(call.if_none_match()))
}
