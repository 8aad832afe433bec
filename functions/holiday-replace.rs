//! Replaces a calendar's holidays with the all-day events of an iCalendar file.

use std::process::ExitCode;

use shared::icalendar::MAX_HOLIDAY_FILE_BYTES;
use shared::reply::{self, Answer};
use shared::serve::call::Call;
use shared::serve::serve;
use shared::{api, fields};

fn main() -> ExitCode {
    serve(&api::HOLIDAY_REPLACE, replace)
}

async fn replace(call: Call) -> Answer {
    let calendars = call.store().calendars();
    let current = calendars.find(call.parameter("calendarId")).await?;
    let file = call.body("text/calendar", MAX_HOLIDAY_FILE_BYTES)?;
    let holidays = fields::holidays::read(&file, call.query(), call.now())?;
    let mut draft = current.draft.clone();
    draft.schedule.holidays = holidays.iter().map(ToString::to_string).collect();
    let calendar = current.changed(draft);
    let reply = reply::calendar::one(&calendar)?;
    call.commit_change(current.version, reply, |recording| {
        calendars.update(&calendar, &current, None, recording)
    })
    .await
}
