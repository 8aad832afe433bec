//! Changes members of a calendar. Absent members stay as they are; the result must be valid as a whole.

use std::process::ExitCode;

use shared::reply::{self, Answer};
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
    let draft = fields::calendar::change(call.fields()?, &current.draft)?;
    let calendar = current.changed(draft);
    let reply = reply::calendar::one(&calendar)?;
    call.commit_change(current.version, reply, |recording| {
        calendars.update(&calendar, &current, default.as_ref(), recording)
    })
    .await
}
