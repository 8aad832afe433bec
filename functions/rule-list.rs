//! Lists a team's SLA rules, oldest first.

use std::process::ExitCode;

use shared::api;
use shared::domain::rule::list_tag;
use shared::reply::{Answer, Reply};
use shared::serve::{Call, serve};

fn main() -> ExitCode {
    serve(&api::RULE_LIST, list)
}

async fn list(call: Call) -> Answer {
    let rules = call.rules().list().await?;
    let reply = Reply::ok(&rules)?.versions(&list_tag(&rules));
    Ok(reply.unless_known(call.if_none_match()))
}
