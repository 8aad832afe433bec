//! Lists a team's SLA rules, oldest first.

use std::process::ExitCode;

use shared::api;
use shared::domain::version::list_tag;
use shared::reply::{self, Answer};
use shared::serve::call::ReadCall;
use shared::serve::serve;

fn main() -> ExitCode {
    serve(&api::RULE_LIST, list)
}

async fn list(call: ReadCall) -> Answer {
    let rules = call.store().rules().list().await?;
    let tag = list_tag(rules.iter().map(|rule| (rule.id.as_str(), rule.version)));
    let reply = reply::rule::list(&rules)?.versions(&tag);
    Ok(reply.unless_cached(call.if_none_match()))
}
