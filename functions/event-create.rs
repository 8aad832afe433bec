//! Adds events to a ticket: all of them in one write, or none. Known ids are counted once.

use std::process::ExitCode;

use shared::domain::plan::PlanInputs;
use shared::fields::ticket::NewEvents;
use shared::problem::Problem;
use shared::reply::ticket::TicketOptions;
use shared::reply::{self, Answer};
use shared::serve::call::Call;
use shared::serve::serve;
use shared::{api, fields};

fn main() -> ExitCode {
    serve(&api::EVENT_CREATE, create)
}

async fn create(call: Call) -> Answer {
    let now = call.now();
    let store = call.store();
    let current = store.tickets().find(call.parameter("ticketId")).await?;
    let (events, prefix) = match fields::ticket::new_events(call.fields()?, now)? {
        NewEvents::One(event) => (vec![event], None),
        NewEvents::Several(events) => (events, Some("events")),
    };
    call.check_version(current.version)?;
    let planner = if events
        .iter()
        .any(|event| event.kind.without_plan().is_none())
    {
        Some(store.planner(PlanInputs::All).await?)
    } else {
        None
    };
    let field = |index| prefix.map_or_else(String::new, |list| format!("{list}[{index}]."));
    let (known, new_id) = (&current.events, || call.new_id());
    let new = store
        .planned_events(planner.as_ref(), events, known, new_id, field)
        .await?;
    if new.is_empty() {
        return reply::ticket::one(&current, TicketOptions::as_of(now));
    }
    let ticket = current
        .with_events(new, now)
        .ok_or_else(Problem::too_many_events)?;
    store.tickets().update(&ticket, &current, now).await?;
    reply::ticket::created(&ticket, now)
}
