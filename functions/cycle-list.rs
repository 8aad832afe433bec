//! Lists the facts behind reports: every cycle that is counted in a span of days, as JSON or as a
//! table for spreadsheets.

use std::process::ExitCode;

use shared::api;
use shared::list_query::cycles::CycleListQuery;
use shared::reply::cycle::CSV;
use shared::reply::{self, Answer};
use shared::serve::call::ReadCall;
use shared::serve::serve;

fn main() -> ExitCode {
    serve(&api::CYCLE_LIST, list)
}

async fn list(call: ReadCall) -> Answer {
    let query = CycleListQuery::read(call.query(), call.now())?;
    let page = call.store().cycles().list(&query).await?;
    let next = page.next.map(|next| next.encode());
    if !call.prefers(CSV) {
        return reply::cycle::page(&page.facts, next);
    }
    let next = next.map(|cursor| call.with_parameter("cursor", &cursor));
    reply::cycle::csv_page(&page.facts, query.start.is_none(), next)
}
