//! Deletes an SLA policy. Its name and due time are free at once.

use std::process::ExitCode;

use shared::api;
use shared::reply::{Answer, Reply};
use shared::serve::call::Call;
use shared::serve::serve;

fn main() -> ExitCode {
    serve(&api::POLICY_DELETE, delete)
}

async fn delete(call: Call) -> Answer {
    let found = call.store().policies().find(call.parameter("slaId")).await;
    let policy = found.map_err(|problem| problem.to_delete())?;
    call.writer().policies().delete(&policy).await?;
    Reply::done()
}
