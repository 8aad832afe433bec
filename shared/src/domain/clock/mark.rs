//! Marks: the instants at which something about a cycle becomes true, by time alone or by an event.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::domain::clock::cycle::Cycle;
use crate::domain::clock::{Clock, EventKind, History, Metric, Status};
use crate::domain::minutes::Minutes;
use crate::domain::plan::{Escalation, Plan};
use crate::domain::priority::Priority;

/// Something that has become true about a cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The metric.
    pub metric: Metric,
    /// The number of the cycle, from 1.
    pub cycle: u32,
    /// What has become true.
    pub kind: MarkKind,
    /// When.
    pub at: Timestamp,
}

/// What becomes true about a cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MarkKind {
    /// The plan's share of the target is used up.
    Warning,
    /// More open time has passed than the target allows.
    Breach,
    /// So much open time has passed since the breach.
    Escalation(Minutes),
}

/// A cycle as it was at an instant.
#[derive(Clone, Debug)]
pub struct CycleThen {
    /// The plan in force.
    pub plan: Arc<Plan>,
    /// Its target.
    pub target: Minutes,
    /// When that is used up, by what had happened up to then, and as if the cycle had not been
    /// stopped; `None` if it waits with time left.
    pub due_at: Option<Timestamp>,
    /// The open time that was counted.
    pub elapsed: SignedDuration,
}

impl Clock {
    /// Everything that has become true up to `now`, which is not before the last event, of every
    /// cycle; each of a cycle once. There are no warnings of a cycle that is stopped or in breach.
    pub fn marks(&self, now: Timestamp) -> Vec<Mark> {
        let mut marks = Vec::new();
        for metric in Metric::ALL {
            for cycle in self.cycles(metric) {
                cycle.marks(metric, now, &mut marks);
            }
        }
        marks
    }

    /// An instant not after the earliest one from `now` on, which is not before the last event, at
    /// which something becomes true, if nothing else happens; `None` if nothing does.
    pub fn next_mark(&self, now: Timestamp) -> Option<Timestamp> {
        let mark = |metric| {
            let standing = self.standing(metric, now)?;
            match standing.status {
                Status::Active => standing.warn_at,
                Status::Warning => standing.breach_at.or(standing.due_at),
                Status::Breached => {
                    self.cycle(metric)?
                        .next_escalation(metric, standing.breached_at?, now)
                }
                _ => None,
            }
        };
        Metric::ALL.into_iter().filter_map(mark).min()
    }

    /// The cycle with this number as it was at an instant; `None` if there is none, or no target.
    pub fn cycle_at(&self, metric: Metric, number: u32, at: Timestamp) -> Option<CycleThen> {
        let mut cycles = self.cycles(metric);
        cycles.find(|cycle| cycle.number == number)?.then(at)
    }

    pub(super) fn cycles(&self, metric: Metric) -> impl Iterator<Item = &Cycle> {
        let clock = self.metric(metric);
        clock.earlier.iter().chain(&clock.cycle)
    }
}

impl History {
    /// The priority after all events up to an instant, including those at it.
    pub fn priority_at(&self, as_of: Timestamp) -> Priority {
        let past = self.events.iter().take_while(|event| event.at <= as_of);
        let counts = past.take_while(|event| !matches!(event.kind, EventKind::Cancelled));
        let changes = counts.filter_map(|event| match event.kind {
            EventKind::PriorityChanged { priority, .. } => Some(priority),
            _ => None,
        });
        changes.last().unwrap_or(self.priority)
    }
}

impl Cycle {
    fn marks(&self, metric: Metric, now: Timestamp, marks: &mut Vec<Mark>) {
        let mut add = |kind, at| {
            marks.push(Mark {
                metric,
                cycle: self.number,
                kind,
                at,
            });
        };
        let end = self.stop.map_or(now, |stop| stop.at);
        let Some(breached_at) = self.breached_at(end) else {
            if self.stop.is_none()
                && let Some(at) = self.warned_at(now)
            {
                add(MarkKind::Warning, at);
            }
            return;
        };
        add(MarkKind::Breach, breached_at);
        for escalation in self.escalations(metric) {
            if let Some(at) = self
                .escalated_at(breached_at, escalation)
                .filter(|at| *at <= now)
            {
                add(MarkKind::Escalation(escalation.after_breach), at);
            }
        }
    }

    fn next_escalation(
        &self,
        metric: Metric,
        breached_at: Timestamp,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let escalations = self.escalations(metric);
        let instants =
            escalations.filter_map(|escalation| self.escalated_at(breached_at, escalation));
        instants.filter(|at| *at > now).min()
    }

    /// The escalations of the plan in force.
    fn escalations(&self, metric: Metric) -> impl Iterator<Item = Escalation> {
        let plan = self.phases.last().map(|phase| &phase.terms.plan);
        let escalations = plan.into_iter().flat_map(|plan| &plan.escalations);
        escalations
            .filter(move |escalation| escalation.metric == metric)
            .copied()
    }

    fn then(&self, at: Timestamp) -> Option<CycleThen> {
        let terms = self.terms_at(at)?;
        let end = self.stop.map_or(at, |stop| stop.at.min(at));
        Some(CycleThen {
            plan: Arc::clone(&terms.plan),
            target: terms.target,
            due_at: self.due_at(at),
            elapsed: self.elapsed(end),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::Calendar;
    use crate::domain::clock::Event;
    use crate::domain::plan::PlanTargets;

    const FRIDAY_NOON: &str = "2026-01-09T12:00:00Z";

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a timestamp")
    }

    fn minutes(number: i64) -> Minutes {
        Minutes::new(number, Minutes::MAX_RULE_TARGET).expect("a target")
    }

    /// A target for the resolution, in an office that opens from nine to five, and the escalations of
    /// its breach.
    fn plan(target: i64, escalations: &[i64]) -> Arc<Plan> {
        let targets = PlanTargets {
            resolution: Some(minutes(target)),
            ..PlanTargets::default()
        };
        let escalations = escalations.iter().map(|after| Escalation {
            metric: Metric::Resolution,
            after_breach: minutes(*after),
        });
        Arc::new(Plan {
            escalations: escalations.collect(),
            ..Plan::new(targets, Arc::new(Calendar::built_in().clone()))
        })
    }

    fn clock(plan: &Arc<Plan>, events: &[(&str, EventKind)]) -> Clock {
        let plan = Some(Arc::clone(plan));
        let mut clock = Clock::new(at(FRIDAY_NOON), Priority::Low, plan, None);
        for (instant, kind) in events {
            let (at, kind) = (at(instant), kind.clone());
            clock.apply(&Event { at, kind });
        }
        clock
    }

    fn raised(plan: &Arc<Plan>) -> EventKind {
        EventKind::PriorityChanged {
            priority: Priority::High,
            plan: Some(Arc::clone(plan)),
        }
    }

    /// The warning or the breach, then the escalations.
    fn marks(clock: &Clock, now: &str) -> Vec<(MarkKind, String)> {
        let marks = clock.marks(at(now)).into_iter();
        marks.map(|mark| (mark.kind, mark.at.to_string())).collect()
    }

    fn mark(kind: MarkKind, at: &str) -> (MarkKind, String) {
        (kind, at.to_owned())
    }

    fn escalation(after: i64, at: &str) -> (MarkKind, String) {
        mark(MarkKind::Escalation(minutes(after)), at)
    }

    #[test]
    fn escalations_count_the_open_time_after_the_breach() {
        let clock = clock(&plan(240, &[60, 90]), &[]);
        let next = |now| clock.next_mark(at(now));
        assert_eq!(
            next("2026-01-09T16:00:00Z"),
            Some(at("2026-01-09T16:00:00Z"))
        );
        assert_eq!(
            next("2026-01-09T16:01:00Z"),
            Some(at("2026-01-09T17:00:00Z"))
        );
        assert_eq!(
            next("2026-01-10T12:00:00Z"),
            Some(at("2026-01-12T09:30:00Z"))
        );
        assert_eq!(next("2026-01-12T09:30:00Z"), None);
        let breach = mark(MarkKind::Breach, "2026-01-09T16:00:00Z");
        let first = escalation(60, "2026-01-09T17:00:00Z");
        let second = escalation(90, "2026-01-12T09:30:00Z");
        let sunday = marks(&clock, "2026-01-11T12:00:00Z");
        assert_eq!(sunday, [breach.clone(), first.clone()]);
        let monday = marks(&clock, "2026-01-12T09:30:00Z");
        assert_eq!(monday, [breach, first, second]);
    }

    #[test]
    fn escalations_wait_while_the_ticket_is_paused() {
        let pause = ("2026-01-09T14:00:00Z", EventKind::Paused);
        let resume = ("2026-01-12T10:00:00Z", EventKind::Resumed);
        let plan = plan(60, &[90]);
        let paused = clock(&plan, std::slice::from_ref(&pause));
        assert_eq!(paused.next_mark(at("2026-01-12T09:00:00Z")), None);
        let resumed = clock(&plan, &[pause, resume]);
        let found = marks(&resumed, "2026-01-13T09:00:00Z");
        let breach = mark(MarkKind::Breach, "2026-01-09T13:00:00Z");
        assert_eq!(found, [breach, escalation(90, "2026-01-12T10:30:00Z")]);
    }

    #[test]
    fn no_escalation_comes_at_the_stop_or_after_it() {
        let plan = plan(60, &[30, 60, 61]);
        let clock = clock(&plan, &[("2026-01-09T14:00:00Z", EventKind::Resolved)]);
        let found = marks(&clock, "2026-01-13T09:00:00Z");
        let breach = mark(MarkKind::Breach, "2026-01-09T13:00:00Z");
        assert_eq!(found, [breach, escalation(30, "2026-01-09T13:30:00Z")]);
        assert_eq!(clock.next_mark(at("2026-01-09T14:00:00Z")), None);
    }

    #[test]
    fn raising_the_priority_brings_a_breach_at_the_change() {
        let change = "2026-01-09T14:00:00Z";
        let clock = clock(&plan(240, &[]), &[(change, raised(&plan(60, &[60])))]);
        let breach = mark(MarkKind::Breach, change);
        assert_eq!(marks(&clock, change), std::slice::from_ref(&breach));
        let found = marks(&clock, "2026-01-09T15:00:00Z");
        assert_eq!(found, [breach, escalation(60, "2026-01-09T15:00:00Z")]);
    }

    #[test]
    fn what_is_true_by_the_old_plan_and_the_new_one_keeps_its_instant() {
        let change = "2026-01-09T15:30:00Z";
        let with = |after: &Arc<Plan>| clock(&plan(240, &[30]), &[(change, raised(after))]);
        let warning = |instant| [mark(MarkKind::Warning, instant)];
        assert_eq!(
            marks(&with(&plan(250, &[])), change),
            warning("2026-01-09T15:12:00Z")
        );
        assert_eq!(
            marks(&with(&plan(215, &[])), change),
            warning("2026-01-09T15:12:00Z")
        );
        assert_eq!(marks(&with(&plan(400, &[])), change), []);
        let late = "2026-01-12T10:00:00Z";
        let before = clock(&plan(400, &[]), &[(change, raised(&plan(250, &[])))]);
        assert_eq!(marks(&before, change), warning(change));
        let after = clock(
            &plan(60, &[30, 60]),
            &[(late, raised(&plan(60, &[60, 90])))],
        );
        let expected = [
            mark(MarkKind::Breach, "2026-01-09T13:00:00Z"),
            escalation(60, "2026-01-09T14:00:00Z"),
            escalation(90, late),
        ];
        assert_eq!(marks(&after, late), expected);
    }

    #[test]
    fn a_warning_at_closing_time_does_not_wait_for_the_next_opening_time() {
        let clock = clock(&plan(375, &[]), &[]);
        let found = marks(&clock, "2026-01-10T12:00:00Z");
        assert_eq!(found, [mark(MarkKind::Warning, "2026-01-09T17:00:00Z")]);
    }

    #[test]
    fn a_cycle_is_told_as_it_was_at_the_instant() {
        let clock = clock(
            &plan(240, &[]),
            &[
                ("2026-01-09T15:30:00Z", EventKind::Paused),
                ("2026-01-12T10:00:00Z", raised(&plan(600, &[]))),
                ("2026-01-12T11:00:00Z", EventKind::Resolved),
            ],
        );
        let then = |instant| {
            let then = clock.cycle_at(Metric::Resolution, 1, at(instant));
            let then = then.expect("a target");
            let due_at = then.due_at.map(|at| at.to_string());
            (then.target.get(), due_at, then.elapsed.as_secs() / 60)
        };
        let due_at = Some("2026-01-09T16:00:00Z".to_owned());
        assert_eq!(then("2026-01-09T15:00:00Z"), (240, due_at, 180));
        assert_eq!(then("2026-01-09T15:30:00Z"), (240, None, 210));
        assert_eq!(then("2026-01-12T12:00:00Z"), (600, None, 210));
        assert!(
            clock
                .cycle_at(Metric::Resolution, 2, at(FRIDAY_NOON))
                .is_none()
        );
    }
}
