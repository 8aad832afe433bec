//! A preview as it is told: the marks of both promises, and the stretches that were counted.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::domain::calendar::Calendar;
use crate::domain::cycle::Marks;
use crate::domain::deadline::{DeadlineError, Stretch, trace};
use crate::domain::id::{CalendarId, RuleId};
use crate::domain::rule::Targets;
use crate::problem::Problem;
use crate::reply::{Answer, Reply};

/// Whose hours are counted.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// Those that the request names or brings along.
    Inline,
    /// Those of the calendar that the rule names.
    Rule,
    /// Those of the team's default calendar.
    Default,
    /// Monday to Friday, 09:00 to 17:00 UTC.
    BuiltIn,
    /// Every hour counts.
    None,
}

/// The hours that are counted.
#[derive(Debug)]
pub struct Hours {
    /// Which calendar's, if it has an id.
    pub id: Option<CalendarId>,
    /// Whose.
    pub source: Source,
    /// When they are.
    pub calendar: Calendar,
}

/// What is asked about the hours.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// When the ticket comes in.
    pub created_at: Timestamp,
    /// When things are looked at, if they are.
    pub as_of: Option<Timestamp>,
    /// Whether the counted stretches are to be told.
    pub trace: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Told<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    rule_id: Option<&'a RuleId>,
    calendar: ToldHours<'a>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    promises: Option<Promises>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ToldHours<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a CalendarId>,
    time_zone: &'a str,
    source: Source,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Promises {
    first_response: Promise,
    resolution: Promise,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<ToldTrace>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Promise {
    target_minutes: u32,
    due_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    breach_at: Option<Timestamp>,
    warn_at: Timestamp,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    standing: Option<Standing>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Standing {
    elapsed_seconds: i64,
    remaining_seconds: i64,
    status: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ToldTrace {
    first_response: Vec<ToldStretch>,
    resolution: Vec<ToldStretch>,
    #[serde(skip_serializing_if = "Option::is_none")]
    truncated: Option<bool>,
}

#[derive(Serialize)]
struct ToldStretch {
    from: Timestamp,
    to: Timestamp,
    seconds: serde_json::Number,
}

/// Tells what comes of a question; without targets, only whose hours would count.
pub fn told(
    rule_id: Option<&RuleId>,
    targets: Option<Targets>,
    hours: &Hours,
    question: Question,
) -> Answer {
    let promises = targets.map(|targets| promises(&hours.calendar, targets, question));
    let Hours {
        id,
        source,
        calendar,
    } = hours;
    Reply::ok(&Told {
        rule_id,
        calendar: ToldHours {
            id: id.as_ref(),
            time_zone: calendar.time_zone(),
            source: *source,
        },
        promises: promises.transpose()?,
    })
}

fn promises(
    calendar: &Calendar,
    targets: Targets,
    question: Question,
) -> Result<Promises, Problem> {
    let from = question.created_at;
    let marks = |target| Marks::of(calendar, from, target).map_err(out_of_reach);
    let (response, resolution) = (marks(targets.response())?, marks(targets.resolution())?);
    let told = |marks: &Marks| Promise {
        target_minutes: marks.target.get(),
        due_at: marks.due_at,
        breach_at: (marks.breach_at != marks.due_at).then_some(marks.breach_at),
        warn_at: marks.warn_at,
        standing: question.as_of.map(|as_of| {
            let standing = marks.standing(calendar, from, as_of);
            Standing {
                elapsed_seconds: standing.elapsed_seconds,
                remaining_seconds: standing.remaining_seconds,
                status: standing.status.as_str(),
            }
        }),
    };
    let trace = question.trace.then(|| {
        let response = trace(calendar, from, response.due_at);
        let resolution = trace(calendar, from, resolution.due_at);
        let truncated = response.is_truncated() || resolution.is_truncated();
        ToldTrace {
            first_response: response.stretches().iter().map(stretch).collect(),
            resolution: resolution.stretches().iter().map(stretch).collect(),
            truncated: truncated.then_some(true),
        }
    });
    Ok(Promises {
        first_response: told(&response),
        resolution: told(&resolution),
        trace,
    })
}

fn stretch(stretch: &Stretch) -> ToldStretch {
    let (from, to) = (stretch.from(), stretch.to());
    ToldStretch {
        from,
        to,
        seconds: seconds(stretch.length()),
    }
}

/// Whole seconds as an integer, others with their fraction.
fn seconds(length: SignedDuration) -> serde_json::Number {
    if length.subsec_nanos() == 0 {
        return length.as_secs().into();
    }
    serde_json::Number::from_f64(length.as_secs_f64()).unwrap_or_else(|| length.as_secs().into())
}

fn out_of_reach(error: DeadlineError) -> Problem {
    match error {
        DeadlineError::BeyondSearch | DeadlineError::BeyondTime => Problem::DueDateOutOfReach,
        DeadlineError::TargetNegative => Problem::Internal(Box::new(error)),
    }
}
