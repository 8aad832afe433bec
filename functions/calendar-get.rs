//! Reads one calendar.

use std::process::ExitCode;

use shared::api;
use shared::reply::{Answer, Reply};
use shared::serve::call::ReadCall;
use shared::serve::serve;

fn main() -> ExitCode {
    serve(&api::CALENDAR_GET, get)
}

async fn get(call: ReadCall) -> Answer {
    let calendar = call
        .store()
        .calendars()
        .find(call.parameter("calendarId"))
        .await?;
    let reply = Reply::ok(&calendar)?.version(calendar.version);
    Ok(reply.unless_known(call.if_none_match()))
}
