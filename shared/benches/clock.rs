//! The cost of a ticket's clock by the number of its events: to sort them into a history, to fold it,
//! and to find how the three metrics stand. Run it with `cargo bench -p shared --bench clock`.
//!
//! The calendar is that of an office in Berlin, Monday to Friday, 09:00–17:00, with ten holidays a
//! year. No target is used up, since the search for a breach then looks at every period.
#![expect(
    clippy::unwrap_used,
    reason = "a benchmark may stop at the first surprise"
)]

use std::sync::Arc;

use divan::{AllocProfiler, Bencher, black_box};
use jiff::{SignedDuration, Timestamp};
use shared::domain::calendar::{Calendar, Schedule};
use shared::domain::clock::{Clock, Event, EventKind, History, Metric, Standing};
use shared::domain::minutes::Minutes;
use shared::domain::plan::{Plan, PlanTargets};
use shared::domain::priority::Priority;

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
        let [low, high] = plans();
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

    fn as_of(&self) -> Timestamp {
        created_at() + GAP * i32::try_from(self.events).unwrap() + GAP
    }
}

fn cases() -> impl Iterator<Item = Case> {
    let of_kind = |kind| COUNTS.map(|events| Case { kind, events });
    KINDS.into_iter().flat_map(of_kind)
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
