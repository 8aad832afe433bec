//! Deletes a calendar that no rule names.

use std::process::ExitCode;

use shared::api;
use shared::problem::{Problem, TeamProblem};
use shared::reply::{Answer, Reply};
use shared::serve::call::Call;
use shared::serve::serve;

fn main() -> ExitCode {
    serve(&api::CALENDAR_DELETE, delete)
}

async fn delete(call: Call) -> Answer {
    let calendars = call.store().calendars();
    let calendar = calendars.find(call.parameter("calendarId")).await?;
    call.check_version(calendar.version)?;
    if calendar.uses > 0 {
        let rules = call.store().rules().naming(&calendar.id).await?;
        if !rules.is_empty() {
            return Err(Problem::Team(TeamProblem::CalendarInUse { rules }));
        }
    }
    calendars.delete(&calendar).await?;
    Reply::deleted(&calendar.id)
}
