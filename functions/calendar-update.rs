//! Changes members of a calendar. What is absent stays; what comes of it must be valid as a whole.

use std::process::ExitCode;

use shared::reply::{Answer, Reply};
use shared::serve::call::Call;
use shared::serve::serve;
use shared::{api, fields};

fn main() -> ExitCode {
    serve(&api::CALENDAR_UPDATE, update)
}

async fn update(call: Call) -> Answer {
    let calendars = call.store().calendars();
    let (current, default) = calendars
        .find_with_default(call.parameter("calendarId"))
        .await?;
    let fields = call.fields()?;
    let once = call.once(&fields)?;
    let calendar = current.changed(fields::calendar::change(fields, &current.draft)?);
    if let Some(earlier) = call.check(current.version, &once).await? {
        return Ok(earlier);
    }
    let reply = Reply::ok(&calendar)?.version(calendar.version);
    let writer = call.writer().calendars();
    let record = once.record_calendar(&reply, writer.snapshot(&calendar))?;
    let written = writer
        .update(&calendar, &current, default.as_ref(), record)
        .await?;
    once.settle(reply, written)
}
