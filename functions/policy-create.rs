//! Creates an SLA policy in a Rocket.Chat workspace.

use std::process::ExitCode;

use shared::domain::policy::Policy;
use shared::reply::{self, Answer};
use shared::serve::call::Call;
use shared::serve::serve;
use shared::{api, fields};

fn main() -> ExitCode {
    serve(&api::POLICY_CREATE, create)
}

async fn create(call: Call) -> Answer {
    let draft = fields::policy::draft(call.fields()?)?;
    let policy = Policy::new(call.new_id(), draft, call.now());
    call.store().policies().insert(&policy).await?;
    reply::policy::created(&policy)
}
