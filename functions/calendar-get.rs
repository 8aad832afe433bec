//! Reads one calendar.

use std::process::ExitCode;

use shared::api;
use shared::reply::{self, Answer};
use shared::serve::call::ReadCall;
use shared::serve::serve;

fn main() -> ExitCode {
    serve(&api::CALENDAR_GET, get)
}

async fn get(call: ReadCall) -> Answer {
    let calendars = call.store().calendars();
    let calendar = calendars.find(call.parameter("calendarId")).await?;
    Ok(reply::calendar::one(&calendar)?.unless_cached(call.if_none_match()))
}
