//! Tells when a ticket would fall due, and why: whose hours count, and which stretches of them.

use std::process::ExitCode;

use shared::domain::calendar::{Calendar, CalendarDraft};
use shared::domain::id::CalendarId;
use shared::domain::rule::{self, Rule};
use shared::fields::preview::{self, Preview, Promise};
use shared::problem::Problem;
use shared::reply::Answer;
use shared::reply::preview::{Hours, Question, Source, told};
use shared::serve::call::ReadCall;
use shared::serve::serve;
use shared::{api, fields};

fn main() -> ExitCode {
    serve(&api::PREVIEW_CREATE, preview)
}

async fn preview(call: ReadCall) -> Answer {
    let Preview {
        created_at,
        promise,
        business_hours_only,
        hours,
        as_of,
        trace,
    } = fields::preview::draft(call.fields()?)?;
    let (rule, targets) = match promise {
        Promise::Targets(targets) => (None, Some(targets)),
        Promise::Rule(priority) => {
            let rule = rule::applied(call.store().rules().list().await?, priority);
            let targets = rule.as_ref().map(|rule| rule.draft.targets);
            (rule, targets)
        }
    };
    let by_rule = rule
        .as_ref()
        .is_some_and(|rule| rule.draft.business_hours_only);
    let hours = if business_hours_only.unwrap_or(hours.is_some() || by_rule) {
        counted(&call, hours, rule.as_ref()).await?
    } else {
        Hours {
            id: None,
            source: Source::None,
            calendar: Calendar::always_open().clone(),
        }
    };
    let question = Question {
        created_at,
        as_of,
        trace,
    };
    told(
        rule.as_ref().map(|rule| &rule.id),
        targets,
        &hours,
        question,
    )
}

/// The hours that count: the caller's, else the rule's, else the team's, else office hours in UTC.
async fn counted(
    call: &ReadCall,
    asked: Option<preview::Hours>,
    rule: Option<&Rule>,
) -> Result<Hours, Problem> {
    match asked {
        Some(preview::Hours::Inline(calendar)) => {
            return Ok(Hours {
                id: None,
                source: Source::Inline,
                calendar: *calendar,
            });
        }
        Some(preview::Hours::Kept(id)) => {
            let calendar = call.store().calendars().get(&id).await?;
            let calendar = calendar.ok_or_else(Problem::unknown_calendar)?;
            return hours(id, Source::Inline, &calendar.draft.opening);
        }
        None => {}
    }
    let by_rule = rule.and_then(|rule| rule.draft.calendar_id.as_ref());
    if let Some(id) = by_rule
        && let Some(hours) = named(call, id, Source::Rule).await?
    {
        return Ok(hours);
    }
    if let Some(id) = call.store().calendars().default_id().await?
        && let Some(hours) = named(call, &id, Source::Default).await?
    {
        return Ok(hours);
    }
    Ok(Hours {
        id: None,
        source: Source::BuiltIn,
        calendar: Calendar::built_in().clone(),
    })
}

/// The hours of a calendar that a rule or the team's default names.
async fn named(call: &ReadCall, id: &CalendarId, source: Source) -> Result<Option<Hours>, Problem> {
    let opening = call.store().calendars().opening(id).await?;
    opening
        .map(|opening| hours(id.clone(), source, &opening.draft))
        .transpose()
}

fn hours(id: CalendarId, source: Source, opening: &CalendarDraft) -> Result<Hours, Problem> {
    let calendar = Calendar::parse(opening)
        .map_err(|_| Problem::Internal("a stored calendar is not valid".into()))?;
    Ok(Hours {
        id: Some(id),
        source,
        calendar,
    })
}
