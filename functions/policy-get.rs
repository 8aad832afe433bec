//! Reads one SLA policy.

use std::process::ExitCode;

use shared::api;
use shared::reply::{self, Answer};
use shared::serve::{Call, serve};

fn main() -> ExitCode {
    serve(&api::POLICY_GET, get)
}

async fn get(call: Call) -> Answer {
    let policy = call.policies().find(call.parameter("slaId")).await?;
    reply::policy::one(&policy)
}
