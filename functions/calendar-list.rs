//! Lists a team's calendars, oldest first.

use std::process::ExitCode;

use shared::api;
use shared::domain::version::list_tag;
use shared::reply::{self, Answer};
use shared::serve::call::ReadCall;
use shared::serve::serve;

fn main() -> ExitCode {
    serve(&api::CALENDAR_LIST, list)
}

async fn list(call: ReadCall) -> Answer {
    let calendars = call.store().calendars().list().await?;
    let tag = list_tag(
        calendars
            .iter()
            .map(|calendar| (calendar.id.as_str(), calendar.version)),
    );
    let reply = reply::calendar::list(&calendars)?.versions(&tag);
    Ok(reply.unless_cached(call.if_none_match()))
}
