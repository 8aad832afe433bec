//! Creates a ticket, with what has happened to it already. A repeated request finds it.

use std::process::ExitCode;

use shared::domain::ticket::Ticket;
use shared::domain::version::Version;
use shared::fields::ticket::NewTicket;
use shared::problem::Problem;
use shared::reply::ticket::TicketOptions;
use shared::reply::{self, Answer};
use shared::serve::call::Call;
use shared::serve::serve;
use shared::{api, fields};

fn main() -> ExitCode {
    serve(&api::TICKET_CREATE, create)
}

async fn create(call: Call) -> Answer {
    let now = call.now();
    let NewTicket {
        id,
        created_at,
        priority,
        rule_id,
        reference,
        events,
        fingerprint,
    } = fields::ticket::new_ticket(call.fields()?, now)?;
    let store = call.store();
    let planner = store.planner().await?;
    let plan = planner.of_priority(priority).await?;
    let assigned = match &rule_id {
        None => None,
        Some(rule) => {
            let plan = planner.of_rule_id(rule).await?;
            Some(plan.ok_or_else(|| Problem::unknown_rule("ruleId".to_owned()))?)
        }
    };
    let new_id = || call.new_id();
    let events = store.planned_events(Some(&planner), events, new_id, |index| {
        format!("events[{index}].")
    });
    let mut ticket = Ticket {
        id: id.unwrap_or_else(|| call.new_id()),
        reference,
        created_at,
        updated_at: now,
        priority,
        plan,
        assigned,
        events: Vec::new(),
        version: Version::default(),
        fingerprint,
    };
    ticket.events = ticket.unknown_events(events.await?);
    match store.tickets().insert(&ticket, now).await? {
        None => {
            let location = call.location(ticket.id.as_str());
            Ok(reply::ticket::created(&ticket, now)?.at(location))
        }
        Some(existing) => reply::ticket::one(&existing, TicketOptions::as_of(now)),
    }
}
