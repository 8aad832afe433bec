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
    let calendars = call.calendars();
    let default = if calendar.draft.is_default {
        calendars.default_id().await?
    } else {
        None
    };
    let written = calendars
        .insert(&calendar, default.as_ref(), once.record(&reply)?)
        .await?;
    once.settle(reply, written)
}
