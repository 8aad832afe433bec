//! The cost of a ticket's clock by the number of its events: to sort them into a history, to fold it,
//! to find how the three metrics stand, and to find what is to be reported. Run it with `cargo bench -p shared --bench clock`.
//!
//! The calendar is that of an office in Berlin, Monday to Friday, 09:00–17:00, with ten holidays a
//! year. No target is used up, since the search for a breach then looks at every period; except where
//! marks are reported: there every cycle is in breach for long.
#![expect(
    clippy::unwrap_used,
    reason = "a benchmark may stop at the first surprise"
)]

use std::sync::Arc;

use divan::{AllocProfiler, Bencher, black_box};
use jiff::{SignedDuration, Timestamp};
use shared::domain::calendar::{Calendar, Schedule};
use shared::domain::clock::{Clock, Event, EventKind, History, Metric, Standing};
use shared::domain::digest::Digest;
use shared::domain::id::{EventId, NoticeId, TicketId};
use shared::domain::minutes::Minutes;
use shared::domain::notice::Notice;
use shared::domain::plan::{Escalation, MAX_ESCALATIONS, Plan, PlanTargets};
use shared::domain::priority::Priority;
use shared::domain::ticket::{Ticket, TicketEvent};
use shared::domain::version::Version;

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

const HOLIDAYS: [&str; 10] = [
    "2026-01-01",
    "2026-03-08",
    "2026-04-03",
    "2026-04-06",
    "2026-05-01",
    "2026-05-14",
    "2026-05-25",
    "2026-10-03",
    "2026-12-25",
    "2026-12-26",
];

const CREATED_AT: &str = "2026-01-05T09:00:00Z";

/// Between one event and the next.
const GAP: SignedDuration = SignedDuration::from_mins(95);

const KINDS: [Kind; 4] = [
    Kind::Usual,
    Kind::Pauses,
    Kind::Priorities,
    Kind::PausesAndPriorities,
];

const COUNTS: [usize; 3] = [10, 100, 500];

/// What happens to a ticket again and again.
#[derive(Clone, Copy)]
enum Kind {
    /// Replies, and some of everything else.
    Usual,
    /// It is paused and resumed.
    Pauses,
    /// Its priority changes, and with it the plan.
    Priorities,
    /// Both in turn.
    PausesAndPriorities,
}

struct Case {
    kind: Kind,
    events: usize,
}

impl std::fmt::Display for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = match self.kind {
            Kind::Usual => "usual events",
            Kind::Pauses => "pauses",
            Kind::Priorities => "priority changes",
            Kind::PausesAndPriorities => "pauses and priority changes",
        };
        write!(f, "{} {kind}", self.events)
    }
}

impl Case {
    fn events(&self) -> Vec<Event> {
        self.events_with(plans())
    }

    fn events_with(&self, [low, high]: [Arc<Plan>; 2]) -> Vec<Event> {
        let priority = |priority, plan: &Arc<Plan>| EventKind::PriorityChanged {
            priority,
            plan: Some(Arc::clone(plan)),
        };
        let to_low = || priority(Priority::Low, &low);
        let to_high = || priority(Priority::High, &high);
        let pattern = match self.kind {
            Kind::Usual => vec![
                EventKind::AgentReply,
                EventKind::CustomerReply,
                EventKind::AgentReply,
                EventKind::Paused,
                EventKind::CustomerReply,
                EventKind::AgentReply,
                to_high(),
                EventKind::Resolved,
                EventKind::CustomerReply,
                to_low(),
            ],
            Kind::Pauses => vec![EventKind::Paused, EventKind::Resumed],
            Kind::Priorities => vec![to_high(), to_low()],
            Kind::PausesAndPriorities => {
                vec![EventKind::Paused, to_high(), EventKind::Resumed, to_low()]
            }
        };
        let kinds = pattern.into_iter().cycle().take(self.events);
        let mut at = created_at();
        let events = kinds.map(|kind| {
            at += GAP;
            Event { at, kind }
        });
        events.collect()
    }

    fn history(&self) -> History {
        history(self.events())
    }

    /// The ticket, of whose marks none is reported. There are a breach and all escalations of every
    /// cycle that lasts for more than ten minutes.
    fn ticket(&self) -> Ticket {
        let plans = plans().map(|plan| {
            let minutes = |number| Minutes::new(number, Minutes::MAX_RULE_TARGET);
            let targets = PlanTargets {
                first_response: minutes(5),
                next_response: minutes(5),
                resolution: minutes(5),
            };
            let escalations = (1..).take(MAX_ESCALATIONS).map(|after| Escalation {
                metric: Metric::NextResponse,
                after_breach: minutes(after).unwrap(),
            });
            Arc::new(Plan {
                escalations: escalations.collect(),
                ..Plan::new(targets, Arc::clone(&plan.calendar))
            })
        });
        let [low, _] = plans.clone();
        let events = self.events_with(plans).into_iter().enumerate();
        let events = events.map(|(number, event)| TicketEvent {
            id: EventId::parse(&number.to_string()).unwrap(),
            event,
        });
        Ticket {
            id: TicketId::parse("ticket").unwrap(),
            reference: None,
            created_at: created_at(),
            updated_at: created_at(),
            priority: Priority::Low,
            plan: Some(low),
            assigned: None,
            events: events.collect(),
            reported: Vec::new(),
            counted: Vec::new(),
            version: Version::default(),
            fingerprint: Digest::of(""),
        }
    }

    fn as_of(&self) -> Timestamp {
        created_at() + GAP * i32::try_from(self.events).unwrap() + GAP
    }
}

fn cases() -> impl Iterator<Item = Case> {
    let of_kind = |kind| COUNTS.map(|events| Case { kind, events });
    KINDS.into_iter().flat_map(of_kind)
}

fn usual_cases() -> impl Iterator<Item = Case> {
    cases().filter(|case| matches!(case.kind, Kind::Usual))
}

fn created_at() -> Timestamp {
    CREATED_AT.parse().unwrap()
}

fn history(events: Vec<Event>) -> History {
    let [low, _] = plans();
    History::new(created_at(), Priority::Low, Some(low), None, events)
}

/// The plans of a low and a high priority.
fn plans() -> [Arc<Plan>; 2] {
    static PLANS: std::sync::OnceLock<[Arc<Plan>; 2]> = std::sync::OnceLock::new();
    let plans = PLANS.get_or_init(|| {
        let day = || vec![("09:00".to_owned(), "17:00".to_owned())];
        let schedule = Schedule {
            time_zone: "Europe/Berlin".to_owned(),
            hours: [day(), day(), day(), day(), day(), Vec::new(), Vec::new()],
            holidays: HOLIDAYS.map(str::to_owned).to_vec(),
            exceptions: Vec::new(),
        };
        let calendar = Arc::new(Calendar::parse(&schedule).unwrap());
        [400_000, 200_000].map(|minutes| {
            let target = Minutes::new(minutes, Minutes::MAX_RULE_TARGET);
            let targets = PlanTargets {
                first_response: target,
                next_response: target,
                resolution: target,
            };
            Arc::new(Plan::new(targets, Arc::clone(&calendar)))
        })
    });
    plans.clone()
}

fn main() {
    divan::main();
}

/// Sorts the events, which arrive in order, as they nearly always do.
#[divan::bench(args = cases())]
fn history_new(bencher: Bencher, case: &Case) {
    let events = case.events();
    bencher
        .with_inputs(|| events.clone())
        .bench_local_values(|events| history(black_box(events)));
}

/// Applies all events.
#[divan::bench(args = cases())]
fn history_at(bencher: Bencher, case: &Case) {
    let (history, as_of) = (case.history(), case.as_of());
    bencher.bench_local(|| black_box(&history).at(black_box(as_of)));
}

/// How the three metrics stand after all events.
#[divan::bench(args = cases())]
fn clock_standing(bencher: Bencher, case: &Case) {
    let as_of = case.as_of();
    let clock = case.history().at(as_of);
    bencher.bench_local(|| standings(black_box(&clock), black_box(as_of)));
}

fn standings(clock: &Clock, as_of: Timestamp) -> [Option<Standing>; 3] {
    Metric::ALL.map(|metric| clock.standing(metric, as_of))
}

/// What is to be reported about a ticket whose marks have all been reported: nothing.
#[divan::bench(args = usual_cases())]
fn ticket_unreported(bencher: Bencher, case: &Case) {
    let (ticket, as_of) = (case.ticket(), case.as_of());
    let unreported = ticket.unreported(as_of).into_iter();
    let notices = unreported.zip(0..).map(|(content, number)| Notice {
        id: NoticeId::of_number(number),
        made_at: as_of,
        ticket: ticket.id.clone(),
        reference: None,
        content,
    });
    let ticket = ticket.with_reported(&notices.collect::<Vec<_>>());
    assert!(ticket.unreported(as_of).is_empty());
    bencher.bench_local(|| black_box(&ticket).unreported(black_box(as_of)));
}

/// What is to be reported about a ticket of whose marks none has been reported: all of them.
#[divan::bench(args = usual_cases())]
fn ticket_unreported_all(bencher: Bencher, case: &Case) {
    let (ticket, as_of) = (case.ticket(), case.as_of());
    bencher
        .counter(divan::counter::ItemsCount::new(
            ticket.unreported(as_of).len(),
        ))
        .bench_local(|| black_box(&ticket).unreported(black_box(as_of)));
}
