//! Lists a page of a workspace's SLA policies, filtered and sorted.

use std::process::ExitCode;

use shared::api;
use shared::list_query::policies::ListQuery;
use shared::reply::{self, Answer};
use shared::serve::call::ReadCall;
use shared::serve::serve;

fn main() -> ExitCode {
    serve(&api::POLICY_LIST, list)
}

async fn list(call: ReadCall) -> Answer {
    let query = ListQuery::read(call.query())?;
    let policies = call.store().policies().list().await?;
    let (page, total) = query.select(&policies);
    reply::policy::page(&page, query.offset, total)
}
