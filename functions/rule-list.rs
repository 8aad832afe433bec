//! Lists a team's SLA rules, oldest first.

use std::process::ExitCode;

use shared::api;
use shared::reply::{Answer, Reply};
use shared::serve::{Call, serve};

fn main() -> ExitCode {
    serve(&api::RULE_LIST, list)
}

async fn list(call: Call) -> Answer {
    Reply::ok(&call.rules().list().await?)
}
