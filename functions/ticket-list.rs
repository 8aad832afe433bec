//! Lists a page of a team's tickets: open ones by what falls due next, closed ones newest first.

use std::process::ExitCode;

use shared::api;
use shared::list_query::tickets::TicketListQuery;
use shared::reply::{self, Answer};
use shared::serve::call::ReadCall;
use shared::serve::serve;

fn main() -> ExitCode {
    serve(&api::TICKET_LIST, list)
}

async fn list(call: ReadCall) -> Answer {
    let query = TicketListQuery::read(call.query())?;
    let (now, start) = (call.now(), query.start.clone());
    let wanted = |ticket: &_| query.matches(ticket, now);
    let tickets = call.store().tickets();
    let page = tickets
        .list(start, query.limit, query.wants_closed(), wanted)
        .await?;
    let next = page.next.map(|next| next.encode());
    reply::ticket::page(&page.tickets, now, next)
}
