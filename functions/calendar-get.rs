//! Reads one calendar.

use std::process::ExitCode;

use shared::api;
use shared::reply::{Answer, Reply};
use shared::serve::call::Call;
use shared::serve::serve;

fn main() -> ExitCode {
    serve(&api::CALENDAR_GET, get)
}

async fn get(call: Call) -> Answer {
    let calendar = call.calendars().find(call.parameter("calendarId")).await?;
    let reply = Reply::ok(&calendar)?.version(calendar.version);
    Ok(reply.unless_known(call.if_none_match()))
}
