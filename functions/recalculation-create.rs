//! Plans open tickets anew by the rules and calendars of today. A dry run tells what that would change,
//! also with rules and calendars as they would be.

use std::process::ExitCode;

use shared::domain::id::{CalendarId, RuleId};
use shared::domain::plan::PlanInputs;
use shared::domain::recalculation::Extent;
use shared::domain::rule::Rule;
use shared::domain::team_calendar::TeamCalendar;
use shared::fields::recalculation::Draft;
use shared::list_query::tickets::Cursor;
use shared::problem::Problem;
use shared::reply::{self, Answer};
use shared::serve::call::Call;
use shared::serve::serve;
use shared::{api, fields};

fn main() -> ExitCode {
    serve(&api::RECALCULATION_CREATE, recalculate)
}

async fn recalculate(call: Call) -> Answer {
    let request = fields::recalculation::request(call.fields()?)?;
    let start = match &request.cursor {
        None => Cursor::open(),
        Some(cursor) => Cursor::parse_open(cursor)?,
    };
    let store = call.store();
    let mut planner = store.planner(PlanInputs::All).await?;
    for draft in request.drafts.calendars {
        planner.draft_calendar(&drafted_calendar(&call, draft).await?)?;
    }
    for draft in request.drafts.rules {
        let path = draft.path().to_owned();
        let rule = drafted_rule(&call, planner.rules(), draft)?;
        if let Some(calendar) = &rule.draft.calendar_id
            && !planner.has_calendar(calendar).await?
        {
            return Err(Draft::unknown_calendar(&path));
        }
        planner.draft_rule(rule);
    }
    let extent = if request.dry_run {
        Extent::DryRun
    } else {
        Extent::Written
    };
    let (done, next) = store
        .tickets()
        .recalculate(&request.selection, planner, start, extent, call.now())
        .await?;
    reply::recalculation::one(&done, next.map(|next| next.encode()))
}

/// A calendar as it would be.
async fn drafted_calendar(call: &Call, draft: Draft<CalendarId>) -> Result<TeamCalendar, Problem> {
    let Some(id) = &draft.id else {
        return Ok(TeamCalendar::new(call.new_id(), draft.calendar(None)?));
    };
    let current = call.store().calendars().get(id).await?;
    let current = current.ok_or_else(|| draft.unknown())?;
    Ok(current.changed(draft.calendar(Some(&current.draft))?))
}

/// A rule as it would be.
fn drafted_rule(call: &Call, rules: &[Rule], draft: Draft<RuleId>) -> Result<Rule, Problem> {
    let Some(id) = &draft.id else {
        return Ok(Rule::new(call.new_id(), draft.rule(None)?));
    };
    let current = rules.iter().find(|rule| rule.id == *id);
    let current = current.ok_or_else(|| draft.unknown())?;
    Ok(current.changed(draft.rule(Some(&current.draft))?))
}
