//! Creates an SLA rule for a team.

use std::process::ExitCode;

use shared::domain::rule::Rule;
use shared::reply::{Answer, Reply};
use shared::serve::{Call, serve};
use shared::{api, fields};

fn main() -> ExitCode {
    serve(&api::RULE_CREATE, create)
}

async fn create(call: Call) -> Answer {
    let draft = fields::rule::draft(call.fields()?)?;
    let rule = Rule::new(call.new_rule_id(), draft);
    call.rules().insert(&rule).await?;
    Ok(Reply::created(&rule)?
        .at(call.location(rule.id.as_str()))
        .version(rule.version))
}
