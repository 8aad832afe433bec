//! Changes members of an SLA rule. Absent members stay as they are; the result must be valid as a whole.

use std::process::ExitCode;

use shared::reply::{self, Answer};
use shared::serve::call::Call;
use shared::serve::serve;
use shared::{api, fields};

fn main() -> ExitCode {
    serve(&api::RULE_UPDATE, update)
}

async fn update(call: Call) -> Answer {
    let rules = call.store().rules();
    let current = rules.find(call.parameter("ruleId")).await?;
    let draft = fields::rule::change(call.fields()?, &current.draft)?;
    let rule = current.changed(draft);
    let reply = reply::rule::one(&rule)?;
    call.commit_change(current.version, reply, |recording| {
        rules.update(&rule, &current, recording)
    })
    .await
}
