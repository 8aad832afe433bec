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
    let draft = fields::rule::draft(call.fields()?)?;
    let rule = Rule::new(call.new_id(), draft);
    let location = call.location(rule.id.as_str());
    let reply = reply::rule::created(&rule)?.at(location);
    let rules = call.store().rules();
    call.commit(reply, |recording| rules.insert(&rule, recording))
        .await
}
