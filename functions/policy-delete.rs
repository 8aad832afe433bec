//! Deletes an SLA policy. Its name and due time can be used again at once.

use std::process::ExitCode;

use shared::api;
use shared::problem::{Problem, WorkspaceProblem};
use shared::reply::{Answer, Reply};
use shared::serve::call::Call;
use shared::serve::serve;

fn main() -> ExitCode {
    serve(&api::POLICY_DELETE, delete)
}

async fn delete(call: Call) -> Answer {
    let policies = call.store().policies();
    let found = policies.find(call.parameter("slaId")).await;
    let policy = found.map_err(|problem| match problem {
        Problem::NotFound { id, .. } => {
            Problem::Workspace(WorkspaceProblem::NothingToDelete { id })
        }
        other => other,
    })?;
    policies.delete(&policy).await?;
    Reply::done()
}
