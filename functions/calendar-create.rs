//! Creates a calendar for a team.

use std::process::ExitCode;

use shared::domain::team_calendar::TeamCalendar;
use shared::reply::{self, Answer};
use shared::serve::call::Call;
use shared::serve::serve;
use shared::{api, fields};

fn main() -> ExitCode {
    serve(&api::CALENDAR_CREATE, create)
}

async fn create(call: Call) -> Answer {
    let draft = fields::calendar::draft(call.fields()?)?;
    let calendar = TeamCalendar::new(call.new_id(), draft);
    let calendars = call.store().calendars();
    let default = if calendar.draft.is_default {
        calendars.default_id().await?
    } else {
        None
    };
    let location = call.location(calendar.id.as_str());
    let reply = reply::calendar::created(&calendar)?.at(location);
    call.commit(reply, |recording| {
        calendars.insert(&calendar, default.as_ref(), recording)
    })
    .await
}
