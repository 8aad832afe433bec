//! Computes when a ticket would fall due, and says which business hours count.

use std::process::ExitCode;
use std::sync::Arc;

use shared::domain::coverage::Coverage;
use shared::domain::forecast::Forecast;
use shared::domain::plan::Plan;
use shared::fields::preview::{RequestedCalendar, RequestedTargets};
use shared::problem::Problem;
use shared::reply::{self, Answer};
use shared::serve::call::ReadCall;
use shared::serve::serve;
use shared::{api, fields};

fn main() -> ExitCode {
    serve(&api::PREVIEW_CREATE, preview)
}

async fn preview(call: ReadCall) -> Answer {
    let request = fields::preview::request(call.fields()?)?;
    let store = call.store();
    let (rule, targets) = match request.targets {
        RequestedTargets::Given(targets) => (None, Some(targets)),
        RequestedTargets::OfRule(priority) => {
            let rule = store.applied_rule(priority).await?;
            let targets = rule.as_ref().map(|rule| rule.draft.targets);
            (rule, targets)
        }
    };
    let rule_says = rule
        .as_ref()
        .is_some_and(|rule| rule.draft.business_hours_only);
    let business_hours_only = request
        .business_hours_only
        .unwrap_or(request.calendar.is_some() || rule_says);
    let coverage = match request.calendar {
        _ if !business_hours_only => Coverage::every_hour(),
        Some(RequestedCalendar::Inline(calendar)) => Coverage::inline(*calendar),
        Some(RequestedCalendar::OfTeam(id)) => store.requested_coverage(id).await?,
        None => store.coverage(rule.as_ref()).await?,
    };
    let forecast = targets
        .map(|targets| {
            let calendar = Arc::clone(&coverage.calendar);
            let plan = Arc::new(Plan::new(targets.into(), calendar));
            Forecast::new(&plan, request.options)
        })
        .transpose()
        .map_err(Problem::without_due_date)?;
    let rule_id = rule.as_ref().map(|rule| &rule.id);
    reply::preview::one(rule_id, &coverage, forecast.as_ref())
}
