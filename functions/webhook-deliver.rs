//! Attempts the deliveries that wait for their next attempt.

use std::future;
use std::process::ExitCode;

use shared::jobs;
use shared::problem::Problem;
use shared::serve::schedule::{Run, serve_schedule};

fn main() -> ExitCode {
    serve_schedule(&jobs::WEBHOOK_DELIVER, deliver)
}

async fn deliver(run: Run) -> Result<(), Problem> {
    let due = run.store().due_deliveries(run.looks_until()).await?;
    let dispatcher = run.dispatcher();
    let take = |delivery, _now| {
        dispatcher.take(run.store(), delivery);
        future::ready(Ok(None))
    };
    run.at_their_instants(due, |delivery| delivery.at(), take)
        .await;
    run.attempted(dispatcher.finish().await);
    Ok(())
}
