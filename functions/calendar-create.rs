//! Creates a calendar for a team.

use std::process::ExitCode;

use shared::domain::team_calendar::TeamCalendar;
use shared::reply::{Answer, Reply};
use shared::serve::call::Call;
use shared::serve::serve;
use shared::{api, fields};

fn main() -> ExitCode {
    serve(&api::CALENDAR_CREATE, create)
}

async fn create(call: Call) -> Answer {
    let fields = call.fields()?;
    let once = call.once(&fields)?;
    let calendar = TeamCalendar::new(call.new_calendar_id(), fields::calendar::draft(fields)?);
    let location = call.location(calendar.id.as_str());
    let reply = Reply::created(&calendar)?
        .at(location)
        .version(calendar.version);
    let writer = call.writer().calendars();
    let default = if calendar.draft.is_default {
        call.store().calendars().default_id().await?
    } else {
        None
    };
    let record = once.record_calendar(&reply, writer.snapshot(&calendar))?;
    let written = writer.insert(&calendar, default.as_ref(), record).await?;
    once.settle(reply, written)
}
