//! Recalculations: open tickets planned anew, by the rules and calendars of today.

use std::sync::Arc;

use jiff::Timestamp;

use crate::domain::clock::{Clock, Event, EventKind, Metric, State, Status};
use crate::domain::id::{CalendarId, EventId, RuleId, TicketId};
use crate::domain::plan::{Plan, PlannedBy};
use crate::domain::priority::Priority;
use crate::domain::ticket::{Ticket, TicketEvent};

/// The most recalculations of a ticket. One that has had so many stays as it is.
pub const MAX_RECALCULATIONS: usize = 100;

/// Which tickets are recalculated, of those that are open or paused.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Those that this rule applies to.
    pub rule: Option<RuleId>,
    /// Those whose time this calendar counts.
    pub calendar: Option<CalendarId>,
    /// Those of this priority.
    pub priority: Option<Priority>,
}

/// Whether a recalculation is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Nothing is written.
    DryRun,
    /// Everything is.
    Written,
}

/// What a recalculation has done, or would do.
#[derive(Debug, Default)]
pub struct Recalculation {
    /// The number of tickets that were selected and looked at.
    pub examined: usize,
    /// The tickets that changed, in the order in which they were due before, and what changed.
    pub changed: Vec<(TicketId, Vec<Move>)>,
}

/// What a recalculation changes about a metric of a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    /// The metric.
    pub metric: Metric,
    /// How it stood before.
    pub from: Place,
    /// How it stands after it.
    pub to: Place,
}

/// How a metric stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// When it is due, if it is.
    pub due_at: Option<Timestamp>,
    /// Its status.
    pub status: Status,
}

impl Selection {
    /// Whether a ticket with this clock is recalculated.
    pub fn has(&self, clock: &Clock) -> bool {
        let origin = clock.plan().and_then(|plan| plan.origin.as_ref());
        let is_by =
            |rule: &RuleId| origin.is_some_and(|origin| origin.by == PlannedBy::Rule(rule.clone()));
        let calendar = origin.and_then(|origin| origin.calendar.as_ref());
        let is_counted_by =
            |wanted: &CalendarId| calendar.is_some_and(|calendar| calendar.id == *wanted);
        matches!(clock.state(), State::Open | State::Paused)
            && self.rule.as_ref().is_none_or(is_by)
            && self.calendar.as_ref().is_none_or(is_counted_by)
            && self
                .priority
                .is_none_or(|wanted| wanted == clock.priority())
    }
}

impl Place {
    fn of(clock: &Clock, metric: Metric, now: Timestamp) -> Place {
        let standing = clock.standing(metric, now);
        Place {
            due_at: standing.and_then(|standing| standing.due_at),
            status: standing.map_or(Status::Idle, |standing| standing.status),
        }
    }
}

/// What differs between two clocks of a ticket, metric by metric.
pub fn moves(before: &Clock, after: &Clock, now: Timestamp) -> Vec<Move> {
    let moves = Metric::ALL.into_iter().map(|metric| Move {
        metric,
        from: Place::of(before, metric, now),
        to: Place::of(after, metric, now),
    });
    moves.filter(|moved| moved.from != moved.to).collect()
}

impl Ticket {
    /// The next version of the ticket, recalculated by a plan; `None` if it stays as it is: because
    /// that plan is in force, or after [`MAX_RECALCULATIONS`].
    pub fn recalculated(&self, plan: &Arc<Plan>, id: EventId, now: Timestamp) -> Option<Ticket> {
        let clock = self.at(now);
        let is_in_force = clock.plan().is_some_and(|current| current.equals(plan));
        let is_recalculation =
            |event: &&TicketEvent| matches!(event.event.kind, EventKind::Recalculated(_));
        let earlier = self.events.iter().filter(is_recalculation).count();
        if is_in_force || earlier >= MAX_RECALCULATIONS {
            return None;
        }
        let kind = EventKind::Recalculated(Arc::clone(plan));
        let event = Event { at: now, kind };
        self.with_events(vec![TicketEvent { id, event }], now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::Calendar;
    use crate::domain::coverage::CoverageSource;
    use crate::domain::id::NewId as _;
    use crate::domain::minutes::Minutes;
    use crate::domain::plan::{CalendarVersion, PlanOrigin, PlanTargets};
    use crate::domain::ticket::tests;
    use crate::domain::version::Version;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn event(kind: EventKind) -> TicketEvent {
        tests::event(0, NOW, kind)
    }

    fn calendar(number: u8) -> CalendarId {
        CalendarId::new_id(NOW, &[number; 10])
    }

    fn rule(number: u8) -> RuleId {
        RuleId::new_id(NOW, &[number; 10])
    }

    fn plan(resolution: i64) -> Plan {
        let targets = PlanTargets {
            resolution: Minutes::new(resolution, Minutes::MAX_RULE_TARGET),
            ..PlanTargets::default()
        };
        let mut plan = Plan::new(targets, Arc::new(Calendar::always_open().clone()));
        plan.origin = Some(PlanOrigin {
            by: PlannedBy::Rule(rule(1)),
            version: Version::default(),
            source: CoverageSource::Rule,
            calendar: Some(CalendarVersion {
                id: calendar(1),
                version: Version::default(),
            }),
        });
        plan
    }

    /// A ticket with high priority that is planned by the first rule and the first calendar.
    fn ticket(events: Vec<TicketEvent>) -> Ticket {
        let mut ticket = tests::ticket(NOW, Priority::High, plan(60));
        ticket.events = events;
        ticket
    }

    #[test]
    fn a_selection_has_open_tickets_that_meet_all_of_it() {
        let selection = |rule, calendar, priority| Selection {
            rule,
            calendar,
            priority,
        };
        let open = ticket(Vec::new()).at(NOW);
        let (one, two) = (Some(rule(1)), Some(rule(2)));
        let high = Some(Priority::High);
        for (selection, expected) in [
            (selection(None, None, None), true),
            (selection(one.clone(), Some(calendar(1)), high), true),
            (selection(two, Some(calendar(1)), high), false),
            (selection(one.clone(), Some(calendar(2)), high), false),
            (
                selection(one, Some(calendar(1)), Some(Priority::Low)),
                false,
            ),
        ] {
            assert_eq!(selection.has(&open), expected, "{selection:?}");
        }
        let everything = Selection::default();
        assert!(everything.has(&ticket(vec![event(EventKind::Paused)]).at(NOW)));
        assert!(!everything.has(&ticket(vec![event(EventKind::Resolved)]).at(NOW)));
        assert!(!everything.has(&ticket(vec![event(EventKind::Cancelled)]).at(NOW)));
    }

    #[test]
    fn a_ticket_is_recalculated_by_another_plan_a_hundred_times() {
        let id = || EventId::new_id(NOW, &[1; 10]);
        let recalculation = |number| event(EventKind::Recalculated(Arc::new(plan(number))));
        let before = ticket(Vec::new());
        assert!(
            before
                .recalculated(&Arc::new(plan(60)), id(), NOW)
                .is_none(),
            "the same plan"
        );
        let after = before
            .recalculated(&Arc::new(plan(90)), id(), NOW)
            .expect("another plan");
        assert_eq!(after.version, before.version.next());
        let (from, to) = (before.at(NOW), after.at(NOW));
        let minute = |due_at: Option<Timestamp>| due_at.map(|at| at.as_second() / 60);
        let moves = moves(&from, &to, NOW);
        let due = moves.iter().map(|moved| {
            (
                moved.metric,
                minute(moved.from.due_at),
                minute(moved.to.due_at),
            )
        });
        assert_eq!(
            Vec::from_iter(due),
            [(Metric::Resolution, Some(60), Some(90))]
        );
        let most = MAX_RECALCULATIONS as i64;
        let last = ticket((1..most).map(recalculation).collect());
        assert!(last.recalculated(&Arc::new(plan(500)), id(), NOW).is_some());
        let full = ticket((1..=most).map(recalculation).collect());
        assert!(full.recalculated(&Arc::new(plan(500)), id(), NOW).is_none());
    }
}
