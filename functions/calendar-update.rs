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
    let calendars = call.calendars();
    let (was, default) = calendars
        .find_with_default(call.parameter("calendarId"))
        .await?;
    let fields = call.fields()?;
    let once = call.once(&fields)?;
    let calendar = was.changed(fields::calendar::change(fields, &was.draft)?);
    if let Some(earlier) = call.check(was.version, &once).await? {
        return Ok(earlier);
    }
    let reply = Reply::ok(&calendar)?.version(calendar.version);
    let record = once.record(&reply)?;
    let written = calendars
        .update(&calendar, &was, default.as_ref(), record)
        .await?;
    once.settle(reply, written)
}
