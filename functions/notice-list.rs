//! Reads the feed of a team's notices, oldest first.

use std::process::ExitCode;

use shared::api;
use shared::list_query::notices::NoticeListQuery;
use shared::reply::{self, Answer};
use shared::serve::call::ReadCall;
use shared::serve::serve;

fn main() -> ExitCode {
    serve(&api::NOTICE_LIST, list)
}

async fn list(call: ReadCall) -> Answer {
    let query = NoticeListQuery::read(call.query())?;
    let page = call.store().notices().list(&query).await?;
    let bodies = page.notices.iter().map(|notice| notice.body.as_str());
    reply::notice::page(bodies, page.next.as_ref())
}
