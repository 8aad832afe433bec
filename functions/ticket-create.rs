//! Creates a ticket, with what has happened to it already. A repeated request finds it.

use std::process::ExitCode;

use shared::domain::digest::Digest;
use shared::domain::id::TicketId;
use shared::domain::plan::PlanInputs;
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
    let new = fields::ticket::new_ticket(call.fields()?, now)?;
    let (id, fingerprint) = (new.id.clone(), new.fingerprint.clone());
    let ticket = match planned(&call, new).await {
        Ok(ticket) => ticket,
        // A rule that the body names may have been deleted since the request was done.
        Err(unknown_rule @ Problem::Invalid(_)) => {
            let existing = existing(&call, id, &fingerprint).await?;
            let existing = existing.ok_or(unknown_rule)?;
            return reply::ticket::one(&existing, TicketOptions::as_of(now));
        }
        Err(problem) => return Err(problem),
    };
    match call.store().tickets().insert(&ticket, now).await? {
        None => {
            let location = call.location(ticket.id.as_str());
            Ok(reply::ticket::created(&ticket, now)?.at(location))
        }
        Some(existing) => reply::ticket::one(&existing, TicketOptions::as_of(now)),
    }
}

/// The ticket, with the plans that apply now. [`Problem::Invalid`] if it names a rule that does not
/// exist.
async fn planned(call: &Call, new: NewTicket) -> Result<Ticket, Problem> {
    let NewTicket {
        id,
        created_at,
        priority,
        rule_id,
        reference,
        events,
        fingerprint,
    } = new;
    let store = call.store();
    let planner = store.planner(PlanInputs::All).await?;
    let plan = planner.of_priority(priority).await?;
    let assigned = match &rule_id {
        None => None,
        Some(rule) => {
            let plan = planner.of_rule_id(rule).await?;
            Some(plan.ok_or_else(|| Problem::unknown_rule("ruleId".to_owned()))?)
        }
    };
    let (new_id, field) = (|| call.new_id(), |index| format!("events[{index}]."));
    let events = store.planned_events(Some(&planner), events, &[], new_id, field);
    Ok(Ticket {
        id: id.unwrap_or_else(|| call.new_id()),
        reference,
        created_at,
        updated_at: call.now(),
        priority,
        plan,
        assigned,
        events: events.await?,
        reported: Vec::new(),
        counted: Vec::new(),
        version: Version::default(),
        fingerprint,
    })
}

/// The ticket that an equal body has created.
async fn existing(
    call: &Call,
    id: Option<TicketId>,
    fingerprint: &Digest,
) -> Result<Option<Ticket>, Problem> {
    let Some(id) = id else {
        return Ok(None);
    };
    match call.store().tickets().find(id.as_str()).await {
        Ok(existing) => Ok(Some(existing).filter(|it| it.fingerprint == *fingerprint)),
        Err(Problem::NotFound { .. }) => Ok(None),
        Err(problem) => Err(problem),
    }
}
