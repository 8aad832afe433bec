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
    let was = call.policies().find(call.parameter("slaId")).await?;
    let policy = was.replaced(draft, call.now());
    call.policies().update(&policy, &was).await?;
    reply::policy::updated(&policy)
}
