//! Computes when a ticket would fall due, or how it would stand after some events. It stores nothing.

use std::process::ExitCode;

use shared::domain::coverage::Coverage;
use shared::domain::digest::Digest;
use shared::domain::forecast::Forecast;
use shared::domain::plan::{PlanInputs, PlanTargets, PlannedBy};
use shared::domain::priority::Priority;
use shared::domain::ticket::Ticket;
use shared::domain::version::Version;
use shared::fields::preview::{PreviewRequest, RequestedCalendar, RequestedTargets};
use shared::problem::Problem;
use shared::reply::ticket::TicketOptions;
use shared::reply::{self, Answer};
use shared::serve::call::ReadCall;
use shared::serve::serve;
use shared::{api, fields};

fn main() -> ExitCode {
    serve(&api::PREVIEW_CREATE, preview)
}

async fn preview(call: ReadCall) -> Answer {
    let now = call.now();
    let request = fields::preview::request(call.fields()?, now)?;
    let store = call.store();
    let planner = store.planner(inputs(&request)).await?;
    let (priority, rule, targets) = match request.targets {
        RequestedTargets::Given(targets) => (Priority::Normal, None, Some(targets.into())),
        RequestedTargets::OfRule(priority) => {
            let rule = planner.applied_rule(priority);
            (priority, rule, rule.map(PlanTargets::of_rule))
        }
    };
    let rule_says = rule.is_some_and(|rule| rule.draft.business_hours_only);
    let business_hours_only = request
        .business_hours_only
        .unwrap_or(request.calendar.is_some() || rule_says);
    let coverage = match request.calendar {
        _ if !business_hours_only => Coverage::every_hour(),
        Some(RequestedCalendar::Inline(calendar)) => Coverage::inline(*calendar),
        Some(RequestedCalendar::OfTeam(id)) => planner.requested_coverage(id).await?,
        None => planner.coverage(rule).await?,
    };
    let plan = targets.map(|targets| {
        let (by, version) = match rule {
            Some(rule) => (PlannedBy::Rule(rule.id.clone()), rule.version),
            None => (PlannedBy::Request, Version::NEVER_WRITTEN),
        };
        planner.plan(targets, &coverage, by, version)
    });
    let options = request.options;
    let Some(events) = request.events else {
        let forecast = plan
            .map(|plan| Forecast::new(&plan, options))
            .transpose()
            .map_err(Problem::without_due_date)?;
        let rule_id = rule.map(|rule| &rule.id);
        return reply::preview::one(rule_id, &coverage, forecast.as_ref());
    };
    let events = store.planned_events(
        Some(&planner),
        events,
        &[],
        || call.new_id(),
        |index| format!("events[{index}]."),
    );
    let mut ticket = Ticket {
        id: call.new_id(),
        reference: None,
        created_at: options.created_at,
        updated_at: now,
        priority,
        plan,
        assigned: None,
        events: Vec::new(),
        reported: Vec::new(),
        counted: Vec::new(),
        version: Version::default(),
        fingerprint: Digest::of(""),
    };
    ticket.events = events.await?;
    let options = TicketOptions {
        as_of: options.as_of.unwrap_or(now.max(options.created_at)),
        events: false,
        trace: options.trace,
    };
    reply::ticket::preview(&ticket, options)
}

/// What a preview needs to know of the team.
fn inputs(request: &PreviewRequest) -> PlanInputs {
    match (&request.targets, &request.events, &request.calendar) {
        (RequestedTargets::OfRule(_), _, _) | (_, Some(_), _) => PlanInputs::All,
        (RequestedTargets::Given(_), None, None) => PlanInputs::Calendars,
        (RequestedTargets::Given(_), None, Some(_)) => PlanInputs::Settings,
    }
}
