//! Replaces an SLA policy. Its name and due time stay unique.

use std::process::ExitCode;

use shared::reply::{self, Answer};
use shared::serve::call::Call;
use shared::serve::serve;
use shared::{api, fields};

fn main() -> ExitCode {
    serve(&api::POLICY_UPDATE, update)
}

async fn update(call: Call) -> Answer {
    let draft = fields::policy::draft(call.fields()?)?;
    let policies = call.store().policies();
    let current = policies.find(call.parameter("slaId")).await?;
    let policy = current.replaced(draft, call.now());
    policies.update(&policy, &current).await?;
    reply::policy::updated(&policy)
}
