//! Reports how many targets were met in a span of days, and how long it took: as JSON, or as a page.

use std::process::ExitCode;

use shared::api;
use shared::domain::report::{GroupBy, Report};
use shared::list_query::reports::ReportQuery;
use shared::reply::report::page::HTML;
use shared::reply::{self, Answer};
use shared::serve::call::ReadCall;
use shared::serve::serve;

fn main() -> ExitCode {
    serve(&api::REPORT_GET, report)
}

async fn report(call: ReadCall) -> Answer {
    let query = ReportQuery::read(call.query(), call.now())?;
    let days = call.store().summaries().of(&query.span).await?;
    let report = Report::new(query.span.clone(), query.group_by, &days);
    if !call.prefers(HTML) {
        return reply::report::one(&report);
    }
    let by_day = Report::new(query.span, GroupBy::Day, &days);
    Ok(reply::report::page::page(&report, &by_day))
}
