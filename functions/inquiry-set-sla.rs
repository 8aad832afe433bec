//! Assigns an SLA policy to the live ticket of a room (Rocket.Chat).

use std::process::ExitCode;

use shared::domain::clock::{Event, EventKind, State};
use shared::domain::plan::PlanInputs;
use shared::domain::ticket::TicketEvent;
use shared::problem::{Problem, WorkspaceProblem};
use shared::reply::{Answer, Reply};
use shared::serve::call::Call;
use shared::serve::serve;
use shared::{api, fields};

fn main() -> ExitCode {
    serve(&api::INQUIRY_SET_SLA, set_sla)
}

async fn set_sla(call: Call) -> Answer {
    let now = call.now();
    let fields = call.fields().map_err(|problem| match problem {
        Problem::NotAnObject => Problem::Workspace(WorkspaceProblem::RoomIdRequired),
        other => other,
    })?;
    let request = fields::inquiry::read(fields)?;
    let store = call.store();
    let found = store.tickets().find(&request.room_id).await;
    let current = found.map_err(|problem| match problem {
        Problem::NotFound { .. } => Problem::Workspace(WorkspaceProblem::InvalidInquiry),
        other => other,
    })?;
    if !matches!(current.at(now).state(), State::Open | State::Paused) {
        return Err(Problem::Workspace(WorkspaceProblem::InvalidInquiry));
    }
    let policy = match request.sla {
        None => None,
        Some(sla) => store.policies().find_by_id_or_name(&sla).await?,
    };
    let policy = policy.ok_or(Problem::Workspace(WorkspaceProblem::InvalidSla))?;
    let plan = store
        .planner(PlanInputs::Settings)
        .await?
        .of_policy(&policy);
    let event = TicketEvent {
        id: call.new_id(),
        event: Event {
            at: now,
            kind: EventKind::Assigned(Some(plan)),
        },
    };
    let ticket = current
        .with_events(vec![event], now)
        .ok_or_else(Problem::too_many_events)?;
    store.tickets().update(&ticket, &current, now).await?;
    Reply::done()
}
