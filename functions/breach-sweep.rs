//! Reports what becomes true about tickets by time alone, and attempts the deliveries of its reports.

use std::process::ExitCode;

use shared::jobs;
use shared::problem::Problem;
use shared::serve::schedule::{Run, serve_schedule};

fn main() -> ExitCode {
    serve_schedule(&jobs::BREACH_SWEEP, sweep)
}

async fn sweep(run: Run) -> Result<(), Problem> {
    let due = run.store().due_tickets(run.looks_until()).await?;
    let dispatcher = run.dispatcher();
    let (this, sends) = (&run, &dispatcher);
    let report = |ticket, now| async move {
        let report = this.store().report(&ticket, now).await?;
        this.reported(&report, now);
        for outgoing in report.outgoing {
            sends.send(outgoing);
        }
        Ok(report.next)
    };
    run.at_their_instants(due, |ticket| ticket.at(), report)
        .await;
    run.attempted(dispatcher.finish().await);
    Ok(())
}
