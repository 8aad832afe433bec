//! Tickets, as clients see them at an instant.

use jiff::Timestamp;
use serde::Serialize;

use crate::domain::clock::{Clock, EventKind, Metric, Standing};
use crate::domain::id::{CalendarId, EventId, PolicyId, RuleId, TicketId};
use crate::domain::minutes::Minutes;
use crate::domain::plan::{Plan, PlannedBy};
use crate::domain::text::Reference;
use crate::domain::ticket::{Ticket, TicketEvent};
use crate::reply::preview::PeriodView;
use crate::reply::settings::{self, EscalationView};
use crate::reply::{Answer, Reply};

/// How much of a ticket is shown, and as of when.
#[derive(Clone, Copy, Debug)]
pub struct TicketOptions {
    /// The instant at which the clock is read.
    pub as_of: Timestamp,
    /// Whether its events are shown.
    pub events: bool,
    /// Whether the open periods that count are shown.
    pub trace: bool,
}

impl TicketOptions {
    /// The ticket alone.
    pub fn as_of(as_of: Timestamp) -> TicketOptions {
        TicketOptions {
            as_of,
            events: false,
            trace: false,
        }
    }
}

/// One ticket, with its version as the entity tag.
pub fn one(ticket: &Ticket, options: TicketOptions) -> Answer {
    Ok(Reply::ok(&View::of(ticket, options))?.version(ticket.version))
}

/// A ticket that is not stored, and so has no id.
pub fn preview(ticket: &Ticket, options: TicketOptions) -> Answer {
    Reply::ok(&View {
        id: None,
        ..View::of(ticket, options)
    })
}

/// A new ticket, or one with a new event, with its version as the entity tag.
pub fn created(ticket: &Ticket, now: Timestamp) -> Answer {
    let view = View::of(ticket, TicketOptions::as_of(now));
    Ok(Reply::created(&view)?.version(ticket.version))
}

/// A page of tickets.
pub fn page(tickets: &[Ticket], now: Timestamp, next_cursor: Option<String>) -> Answer {
    let options = TicketOptions::as_of(now);
    let views: Vec<View<'_>> = tickets
        .iter()
        .map(|ticket| View::of(ticket, options))
        .collect();
    Ok(Reply::ok(&views)?.next_cursor(next_cursor))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct View<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a TicketId>,
    priority: &'static str,
    state: &'static str,
    created_at: Timestamp,
    updated_at: Timestamp,
    plan: Option<PlanView>,
    first_response: MetricView,
    next_response: MetricView,
    resolution: MetricView,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<&'a Reference>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_mark_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    events: Option<Vec<EventView<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<TraceView>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PlanView {
    #[serde(skip_serializing_if = "Option::is_none")]
    rule_id: Option<RuleId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy_id: Option<PolicyId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    targets: TargetsView,
    calendar: CalendarView,
    warn_at_percent: u8,
    on_reopen: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    escalations: Vec<EscalationView>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TargetsView {
    #[serde(skip_serializing_if = "Option::is_none")]
    first_response: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_response: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resolution: Option<u32>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CalendarView {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<CalendarId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    time_zone: String,
    source: &'static str,
}

#[derive(Serialize)]
#[serde(untagged)]
enum MetricView {
    Idle { status: &'static str },
    Standing(StandingView),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StandingView {
    status: &'static str,
    cycle: u32,
    target_minutes: u32,
    elapsed_seconds: i64,
    remaining_seconds: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    paused: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    breach_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    warn_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    breached_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped_by: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EventView<'a> {
    id: &'a EventId,
    at: Timestamp,
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<&'static str>,
    /// Present for `rule_assigned`, where `null` returns to the rule of the priority.
    #[serde(skip_serializing_if = "Option::is_none")]
    rule_id: Option<Option<&'a RuleId>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy_id: Option<&'a PolicyId>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TraceView {
    first_response: Vec<PeriodView>,
    next_response: Vec<PeriodView>,
    resolution: Vec<PeriodView>,
}

impl View<'_> {
    fn of(ticket: &Ticket, options: TicketOptions) -> View<'_> {
        let clock = ticket.at(options.as_of);
        let metric = |metric| MetricView::of(clock.standing(metric, options.as_of));
        View {
            id: Some(&ticket.id),
            priority: clock.priority().as_str(),
            state: clock.state().as_str(),
            created_at: ticket.created_at,
            updated_at: ticket.updated_at,
            plan: clock.plan().map(|plan| PlanView::of(plan)),
            first_response: metric(Metric::FirstResponse),
            next_response: metric(Metric::NextResponse),
            resolution: metric(Metric::Resolution),
            reference: ticket.reference.as_ref(),
            next_mark_at: ticket.next_mark(&clock, options.as_of),
            events: options
                .events
                .then(|| ticket.events.iter().map(EventView::of).collect()),
            trace: options.trace.then(|| TraceView::of(&clock)),
        }
    }
}

impl PlanView {
    fn of(plan: &Plan) -> PlanView {
        let minutes = |target: Option<Minutes>| target.map(Minutes::get);
        let origin = plan.origin.as_ref();
        let by = origin.map(|origin| &origin.by);
        let calendar = origin.and_then(|origin| origin.calendar.as_ref());
        PlanView {
            rule_id: by.and_then(PlannedBy::rule).cloned(),
            policy_id: by.and_then(PlannedBy::policy).cloned(),
            version: origin
                .filter(|origin| origin.by != PlannedBy::Request)
                .map(|origin| origin.version.get()),
            targets: TargetsView {
                first_response: minutes(plan.targets.first_response),
                next_response: minutes(plan.targets.next_response),
                resolution: minutes(plan.targets.resolution),
            },
            calendar: CalendarView {
                id: calendar.map(|calendar| calendar.id.clone()),
                version: calendar.map(|calendar| calendar.version.get()),
                time_zone: plan.calendar.time_zone().to_owned(),
                source: origin.map_or("inline", |origin| origin.source.as_str()),
            },
            warn_at_percent: plan.warn_at_percent.get(),
            on_reopen: plan.on_reopen.as_str(),
            escalations: settings::escalations(&plan.escalations),
        }
    }
}

impl MetricView {
    fn of(standing: Option<Standing>) -> MetricView {
        let Some(standing) = standing else {
            return MetricView::Idle { status: "idle" };
        };
        MetricView::Standing(StandingView {
            status: standing.status.as_str(),
            cycle: standing.cycle,
            target_minutes: standing.target.get(),
            elapsed_seconds: standing.elapsed.as_secs(),
            remaining_seconds: standing.remaining.as_secs(),
            paused: standing.is_paused.then_some(true),
            due_at: standing.due_at,
            breach_at: standing.breach_at,
            warn_at: standing.warn_at,
            breached_at: standing.breached_at,
            stopped_at: standing.stop.map(|stop| stop.at),
            stopped_by: standing.stop.map(|stop| stop.by.as_str()),
        })
    }
}

impl EventView<'_> {
    fn of(event: &TicketEvent) -> EventView<'_> {
        let kind = &event.event.kind;
        let by = match kind {
            EventKind::Assigned(plan) => plan
                .as_ref()
                .and_then(|plan| plan.origin.as_ref())
                .map(|origin| &origin.by),
            _ => None,
        };
        EventView {
            id: &event.id,
            at: event.event.at,
            r#type: kind.as_str(),
            priority: match kind {
                EventKind::PriorityChanged { priority, .. } => Some(priority.as_str()),
                _ => None,
            },
            rule_id: match (kind, by) {
                (_, Some(PlannedBy::Rule(id))) => Some(Some(id)),
                (EventKind::Assigned(None), _) => Some(None),
                _ => None,
            },
            policy_id: by.and_then(PlannedBy::policy),
        }
    }
}

impl TraceView {
    fn of(clock: &Clock) -> TraceView {
        let periods = |metric| {
            let periods = clock.periods(metric);
            periods.iter().map(PeriodView::of).collect()
        };
        TraceView {
            first_response: periods(Metric::FirstResponse),
            next_response: periods(Metric::NextResponse),
            resolution: periods(Metric::Resolution),
        }
    }
}
