//! Deletes a ticket. Nothing of it stays in the table.

use std::process::ExitCode;

use shared::api;
use shared::reply::{Answer, Reply};
use shared::serve::call::Call;
use shared::serve::serve;

fn main() -> ExitCode {
    serve(&api::TICKET_DELETE, delete)
}

async fn delete(call: Call) -> Answer {
    let tickets = call.store().tickets();
    let ticket = tickets.find(call.parameter("ticketId")).await?;
    call.check_version(ticket.version)?;
    tickets.delete(&ticket, call.now()).await?;
    Reply::deleted(&ticket.id)
}
