//! Lists a workspace's SLA policies: those that match, sorted, a page of them.

use std::process::ExitCode;

use shared::api;
use shared::page::Listing;
use shared::reply::{self, Answer};
use shared::serve::call::ReadCall;
use shared::serve::serve;

fn main() -> ExitCode {
    serve(&api::POLICY_LIST, list)
}

async fn list(call: ReadCall) -> Answer {
    let listing = Listing::read(call.query())?;
    let policies = call.store().policies().list().await?;
    let (page, total) = listing.of(&policies);
    reply::policy::page(&page, listing.offset, total)
}
