//! Plans open tickets anew by the rules and calendars of today. A dry run tells what that would change,
//! also with rules and calendars as they would be.

use std::process::ExitCode;

use shared::domain::plan::PlanInputs;
use shared::reply::{self, Answer};
use shared::serve::call::Call;
use shared::serve::serve;
use shared::store::tickets::recalculation::Extent;
use shared::{api, fields};

fn main() -> ExitCode {
    serve(&api::RECALCULATION_CREATE, recalculate)
}

async fn recalculate(call: Call) -> Answer {
    let request = fields::recalculation::request(call.fields()?)?;
    let store = call.store();
    let planner = store.planner(PlanInputs::All).await?;
    let planner = planner.with(request.drafts, call.now()).await?;
    let extent = if request.dry_run {
        Extent::DryRun
    } else {
        Extent::Written
    };
    let (selection, start) = (&request.selection, request.start);
    let done = store
        .tickets()
        .recalculate(selection, planner, start, extent, call.now())
        .await?;
    reply::recalculation::one(&done)
}
