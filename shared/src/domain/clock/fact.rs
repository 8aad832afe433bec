//! Facts: what reports count. Each cycle with a target is one fact, counted once, at one instant.

use jiff::Timestamp;

use crate::domain::clock::cycle::Cycle;
use crate::domain::clock::{History, Metric, Stop, StoppedBy};
use crate::domain::minutes::Minutes;
use crate::domain::plan::{Plan, PlannedBy};
use crate::domain::priority::Priority;

/// What has become of a cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// It stopped in time.
    Achieved,
    /// More open time has passed than the target allows, whether it has stopped or not.
    Breached,
    /// The ticket was cancelled while it was open.
    Cancelled,
    /// It is open, and not in breach.
    Open,
}

/// A cycle as reports see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CycleFact {
    /// The metric.
    pub metric: Metric,
    /// The number of the cycle, from 1.
    pub cycle: u32,
    /// What has become of it.
    pub outcome: Outcome,
    /// When it is counted: at its stop; if it is open, at its breach, or else at its start.
    pub counted_at: Timestamp,
    /// The priority of the ticket then; of an open cycle that is not in breach, now.
    pub priority: Priority,
    /// What its target came from then, or now in the same way.
    pub planned_by: PlannedBy,
    /// Its target then, or now in the same way.
    pub target: Minutes,
    /// When it began.
    pub started_at: Timestamp,
    /// When the target is used up, by what had happened up to then or now, and as if the cycle had
    /// not been stopped; `None` if it waits with time left.
    pub due_at: Option<Timestamp>,
    /// The instant after which it was in breach.
    pub breached_at: Option<Timestamp>,
    /// How it stopped.
    pub stop: Option<Stop>,
    /// The open time that it had counted when it stopped, in whole seconds.
    pub elapsed_seconds: Option<u64>,
}

impl History {
    /// The facts of all cycles up to an instant, by metric and number.
    pub fn facts(&self, now: Timestamp) -> Vec<CycleFact> {
        let clock = self.at(now);
        let facts = Metric::ALL.into_iter().flat_map(|metric| {
            let cycles = clock.cycles(metric);
            cycles.filter_map(move |cycle| self.fact(metric, cycle, now))
        });
        facts.collect()
    }

    fn fact(&self, metric: Metric, cycle: &Cycle, now: Timestamp) -> Option<CycleFact> {
        let end = cycle.stop.map_or(now, |stop| stop.at);
        let breached_at = cycle.breached_at(end);
        let outcome = match cycle.stop {
            Some(stop) if stop.by == StoppedBy::Cancelled => Outcome::Cancelled,
            _ if breached_at.is_some() => Outcome::Breached,
            Some(_) => Outcome::Achieved,
            None => Outcome::Open,
        };
        let (counted_at, then) = match (cycle.stop, breached_at) {
            (Some(stop), _) => (stop.at, stop.at),
            (None, Some(breach)) => (breach, breach),
            (None, None) => (cycle.began_at, now),
        };
        let terms = cycle.terms_at(then)?;
        let elapsed = cycle.stop.map(|stop| cycle.elapsed(stop.at).as_secs());
        Some(CycleFact {
            metric,
            cycle: cycle.number,
            outcome,
            counted_at,
            priority: self.priority_at(then),
            planned_by: planned_by(&terms.plan),
            target: terms.target,
            started_at: cycle.began_at,
            due_at: cycle.due_at(then),
            breached_at,
            stop: cycle.stop,
            elapsed_seconds: elapsed.and_then(|seconds| seconds.try_into().ok()),
        })
    }
}

/// What a plan was made from.
fn planned_by(plan: &Plan) -> PlannedBy {
    let origin = plan.origin.as_ref();
    origin.map_or(PlannedBy::Request, |origin| origin.by.clone())
}

impl Outcome {
    /// The outcomes as clients see them.
    pub const WORDS: &[&str] = &["achieved", "breached", "cancelled", "open"];

    /// The outcome as clients see it.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Achieved => "achieved",
            Outcome::Breached => "breached",
            Outcome::Cancelled => "cancelled",
            Outcome::Open => "open",
        }
    }
}
