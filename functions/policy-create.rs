//! Creates an SLA policy in a Rocket.Chat workspace.

use std::process::ExitCode;

use serde::Serialize;
use shared::domain::id::PolicyId;
use shared::domain::policy::{Draft, Policy};
use shared::reply::{Answer, Reply};
use shared::serve::{Call, serve};
use shared::{api, fields};

fn main() -> ExitCode {
    serve(&api::POLICY_CREATE, create)
}

async fn create(call: Call) -> Answer {
    let draft = fields::policy::draft(call.fields()?)?;
    let policy = Policy::new(call.new_policy_id(), draft, call.now());
    call.policies().insert(&policy).await?;
    Reply::created(&Created {
        sla: Told {
            draft: &policy.draft,
            id: &policy.id,
        },
    })
}

#[derive(Serialize)]
struct Created<'a> {
    sla: Told<'a>,
}

/// A new policy as the documentation shows it: without the time of its last change.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    draft: &'a Draft,
    #[serde(rename = "_id")]
    id: &'a PolicyId,
}
