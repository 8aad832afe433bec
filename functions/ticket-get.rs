//! Reads one ticket, as it stands now or at another instant.

use std::process::ExitCode;

use shared::api;
use shared::list_query::tickets::TicketQuery;
use shared::reply::ticket::TicketOptions;
use shared::reply::{self, Answer};
use shared::serve::call::ReadCall;
use shared::serve::serve;

fn main() -> ExitCode {
    serve(&api::TICKET_GET, get)
}

async fn get(call: ReadCall) -> Answer {
    let query = TicketQuery::read(call.query(), call.now())?;
    let tickets = call.store().tickets();
    let ticket = tickets.find(call.parameter("ticketId")).await?;
    query.check(&ticket)?;
    let TicketQuery {
        as_of,
        events,
        trace,
    } = query;
    let options = TicketOptions {
        as_of,
        events,
        trace,
    };
    reply::ticket::one(&ticket, options)
}
