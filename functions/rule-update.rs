//! Changes members of an SLA rule. What is absent stays; what comes of it must be valid as a whole.

use std::process::ExitCode;

use shared::reply::{Answer, Reply};
use shared::serve::call::Call;
use shared::serve::serve;
use shared::{api, fields};

fn main() -> ExitCode {
    serve(&api::RULE_UPDATE, update)
}

async fn update(call: Call) -> Answer {
    let was = call.rules().find(call.parameter("ruleId")).await?;
    let fields = call.fields()?;
    let once = call.once(&fields)?;
    let rule = was.changed(fields::rule::change(fields, &was.draft)?);
    if let Some(earlier) = call.check(was.version, &once).await? {
        return Ok(earlier);
    }
    let reply = Reply::ok(&rule)?.version(rule.version);
    let written = call
        .rules()
        .update(&rule, &was, once.record(&reply)?)
        .await?;
    once.settle(reply, written)
}
