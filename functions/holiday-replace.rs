//! Replaces a calendar's holidays by the all-day events of an iCalendar file.

use std::process::ExitCode;

use shared::api;
use shared::reply::{Answer, Reply};
use shared::serve::call::Call;
use shared::serve::serve;

fn main() -> ExitCode {
    serve(&api::HOLIDAY_REPLACE, replace)
}

async fn replace(call: Call) -> Answer {
    let current = call
        .store()
        .calendars()
        .find(call.parameter("calendarId"))
        .await?;
    let mut draft = current.draft.clone();
    draft.opening.holidays = call.holidays()?.iter().map(ToString::to_string).collect();
    call.check_version(current.version)?;
    let calendar = current.changed(draft);
    call.writer()
        .calendars()
        .update(&calendar, &current, None, None)
        .await?;
    Ok(Reply::ok(&calendar)?.version(calendar.version))
}
