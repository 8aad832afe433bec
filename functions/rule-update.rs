//! Changes members of an SLA rule. What is absent stays; what comes of it must be valid as a whole.

use std::process::ExitCode;

use shared::reply::{self, Answer};
use shared::serve::call::Call;
use shared::serve::serve;
use shared::{api, fields};

fn main() -> ExitCode {
    serve(&api::RULE_UPDATE, update)
}

async fn update(call: Call) -> Answer {
    let current = call.store().rules().find(call.parameter("ruleId")).await?;
    let fields = call.fields()?;
    let once = call.once(&fields)?;
    let rule = current.changed(fields::rule::change(fields, &current.draft)?);
    if let Some(earlier) = call.check(current.version, &once).await? {
        return Ok(earlier);
    }
    let reply = reply::rule::one(&rule)?;
    let written = call
        .writer()
        .rules()
        .update(&rule, &current, once.record(&reply)?)
        .await?;
    once.settle(reply, written)
}
