//! Moves what has changed about tickets into the summaries that reports are added up from.

use std::process::ExitCode;

use shared::jobs;
use shared::problem::Problem;
use shared::serve::schedule::{Run, serve_schedule};

fn main() -> ExitCode {
    serve_schedule(&jobs::SUMMARY_UPDATE, update)
}

async fn update(run: Run) -> Result<(), Problem> {
    let teams = run.store().list_teams().await?;
    for team in teams {
        run.summed_up(run.store().sum_up(&team.id).await);
    }
    Ok(())
}
