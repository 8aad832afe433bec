//! Holiday files, as clients upload them.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::domain::calendar::MAX_HOLIDAYS;
use crate::icalendar::{self, HolidayFileError, InvalidLine};
use crate::problem::{Problem, Reason, Resource, TeamProblem, TeamReason};

/// The query parameter that permits a file without holidays.
const ALLOW_EMPTY: &str = "allowEmpty";

/// What happens to a file without holidays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EmptyFile {
    /// It is refused: a failed export is more likely than a calendar without holidays.
    Refused,
    /// It removes all holidays.
    Allowed,
}

/// Reads the dates of an iCalendar file; none only if the query has `allowEmpty=true`.
pub fn read(file: &[u8], query: &str, now: Timestamp) -> Result<Vec<Date>, Problem> {
    let empty_file = empty_file(query)?;
    let today = now.to_zoned(TimeZone::UTC).date();
    let holidays = icalendar::read(file, today).map_err(|error| match error {
        HolidayFileError::InvalidLine(InvalidLine { line, reason }) => {
            Problem::Team(TeamProblem::InvalidHolidays { line, reason })
        }
        HolidayFileError::TooManyDates => Problem::LimitExceeded {
            resource: Resource::Holiday,
            max: u32::try_from(MAX_HOLIDAYS).unwrap_or(u32::MAX),
        },
    })?;
    if holidays.dates.is_empty() && empty_file == EmptyFile::Refused {
        return Err(Problem::Team(TeamProblem::NoHolidays {
            all_day_events: holidays.all_day_events,
            timed_events: holidays.timed_events,
            cancelled_events: holidays.cancelled_events,
        }));
    }
    Ok(holidays.dates)
}

/// Reads `allowEmpty`. Other parameters are ignored, as everywhere in this dialect.
fn empty_file(query: &str) -> Result<EmptyFile, Problem> {
    let parameters = form_urlencoded::parse(query.as_bytes());
    let mut given = parameters.filter(|(name, _)| name == ALLOW_EMPTY);
    let value = given.next().map(|(_, value)| value);
    match (value.as_deref(), given.next()) {
        (None | Some("false"), None) => Ok(EmptyFile::Refused),
        (Some("true"), None) => Ok(EmptyFile::Allowed),
        _ => Err(Problem::invalid(
            ALLOW_EMPTY,
            Reason::Team(TeamReason::NotABoolean),
        )),
    }
}
