//! Reads one SLA policy.

use std::process::ExitCode;

use shared::api;
use shared::reply::{self, Answer};
use shared::serve::call::ReadCall;
use shared::serve::serve;

fn main() -> ExitCode {
    serve(&api::POLICY_GET, get)
}

async fn get(call: ReadCall) -> Answer {
    let policies = call.store().policies();
    let policy = policies.find(call.parameter("slaId")).await?;
    reply::policy::one(&policy)
}
