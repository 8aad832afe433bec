//! Deletes an SLA rule.

use std::process::ExitCode;

use shared::api;
use shared::reply::{Answer, Reply};
use shared::serve::call::Call;
use shared::serve::serve;

fn main() -> ExitCode {
    serve(&api::RULE_DELETE, delete)
}

async fn delete(call: Call) -> Answer {
    let rules = call.store().rules();
    let rule = rules.find(call.parameter("ruleId")).await?;
    call.check_version(rule.version)?;
    rules.delete(&rule).await?;
    Reply::deleted(&rule.id)
}
