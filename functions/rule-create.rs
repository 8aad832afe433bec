//! Creates an SLA rule for a team.

use std::process::ExitCode;

use shared::domain::rule::Rule;
use shared::reply::{self, Answer};
use shared::serve::call::Call;
use shared::serve::serve;
use shared::{api, fields};

fn main() -> ExitCode {
    serve(&api::RULE_CREATE, create)
}

async fn create(call: Call) -> Answer {
    let fields = call.fields()?;
    let once = call.once(&fields)?;
    let rule = Rule::new(call.new_rule_id(), fields::rule::draft(fields)?);
    let location = call.location(rule.id.as_str());
    let reply = reply::rule::created(&rule)?.at(location);
    let written = call
        .writer()
        .rules()
        .insert(&rule, once.record(&reply)?)
        .await?;
    once.settle(reply, written)
}
