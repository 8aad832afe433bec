//! One run of a metric: the open time that it counts, and what that time has used up.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::domain::calendar::Calendar;
use crate::domain::clock::{Metric, Stop};
use crate::domain::deadline::{DeadlineError, due, elapsed};
use crate::domain::minutes::Minutes;
use crate::domain::plan::{Escalation, Plan};

/// What a plan says about one metric.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    pub(super) target: Minutes,
    pub(super) plan: Arc<Plan>,
}

/// One run of a metric.
#[derive(Clone, Debug)]
pub(super) struct Cycle {
    pub(super) number: u32,
    pub(super) began_at: Timestamp,
    /// In order, without overlaps. Only the last one can be without an end.
    pub(super) runs: Vec<Run>,
    /// In order. Empty while no plan has a target for the metric.
    pub(super) phases: Vec<Phase>,
    pub(super) stop: Option<Stop>,
}

/// A period in which a cycle counts open time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) from: Timestamp,
    pub(super) to: Option<Timestamp>,
}

/// A period in which a plan is in force for a cycle. The first one also counts the time before it.
#[derive(Clone, Debug)]
pub(super) struct Phase {
    pub(super) since: Timestamp,
    pub(super) terms: Terms,
}

/// When a cycle uses up an amount of open time, if nothing else happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// The earliest instant at which the amount is used up.
    pub first: Timestamp,
    /// The latest such instant; `None` if the cycle waits or has stopped before it.
    pub last: Option<Timestamp>,
}

/// A part of a run that one calendar counts.
pub(super) struct Piece<'a> {
    pub(super) from: Timestamp,
    pub(super) to: Option<Timestamp>,
    /// The number of the phase, from 0.
    pub(super) phase: usize,
    pub(super) calendar: &'a Calendar,
}

impl Terms {
    pub(super) fn of(plan: Option<&Arc<Plan>>, metric: Metric) -> Option<Terms> {
        let plan = plan?;
        let target = match metric {
            Metric::FirstResponse => plan.targets.first_response,
            Metric::NextResponse => plan.targets.next_response,
            Metric::Resolution => plan.targets.resolution,
        };
        target.map(|target| Terms {
            target,
            plan: Arc::clone(plan),
        })
    }

    /// The open time from which on there is a warning.
    pub(super) fn warning(&self) -> SignedDuration {
        length(self.target) * i32::from(self.plan.warn_at_percent.get()) / 100
    }
}

impl Cycle {
    pub(super) fn end_run(&mut self, at: Timestamp) {
        if let Some(run) = self.runs.last_mut().filter(|run| run.to.is_none()) {
            run.to = Some(at);
        }
    }

    pub(super) fn change_terms(&mut self, at: Timestamp, terms: Terms) {
        let unchanged = self
            .phases
            .last()
            .is_some_and(|phase| Arc::ptr_eq(&phase.terms.plan, &terms.plan));
        if !unchanged {
            self.phases.push(Phase { since: at, terms });
        }
    }

    /// The runs, divided where another plan comes into force, in order. Takes a step for each run
    /// and each phase, however they lie.
    pub(super) fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        self.runs.iter().flat_map(move |run| {
            let begun = self.phases.partition_point(|phase| phase.since <= run.from);
            let first = begun.saturating_sub(1);
            let phases = self.phases.iter().enumerate().skip(first);
            let phases = phases.take_while(move |(index, phase)| {
                *index == first || run.to.is_none_or(|to| phase.since < to)
            });
            phases.filter_map(move |(index, phase)| {
                let from = if index == 0 {
                    run.from
                } else {
                    run.from.max(phase.since)
                };
                let next = self.phases.get(index + 1).map(|next| next.since);
                let to = match (run.to, next) {
                    (Some(to), Some(next)) => Some(to.min(next)),
                    (to, next) => to.or(next),
                };
                let is_empty = to.is_some_and(|to| to <= from);
                (!is_empty).then_some(Piece {
                    from,
                    to,
                    phase: index,
                    calendar: &phase.terms.plan.calendar,
                })
            })
        })
    }

    /// The open time that is counted up to an instant.
    pub(super) fn elapsed(&self, until: Timestamp) -> SignedDuration {
        let mut total = SignedDuration::ZERO;
        for piece in self.pieces() {
            let to = piece.to.map_or(until, |to| to.min(until));
            if to > piece.from {
                total += elapsed(piece.calendar, piece.from, to);
            }
        }
        total
    }

    /// When an amount of open time is used up, if nothing else happens.
    pub(super) fn reach(&self, amount: SignedDuration) -> Result<Option<Reach>, DeadlineError> {
        self.reach_after(self.began_at, amount)
    }

    /// When an amount of the open time after an instant is used up, if nothing else happens.
    pub(super) fn reach_after(
        &self,
        start: Timestamp,
        amount: SignedDuration,
    ) -> Result<Option<Reach>, DeadlineError> {
        let mut left = amount;
        let mut first = None;
        for mut piece in self.pieces() {
            piece.from = piece.from.max(start);
            if piece.to.is_some_and(|to| to <= piece.from) {
                continue;
            }
            if let Some(to) = piece.to {
                let counted = elapsed(piece.calendar, piece.from, to);
                let is_beyond = match first {
                    None => counted < left,
                    Some(_) => counted.is_zero(),
                };
                if is_beyond {
                    left -= counted;
                    continue;
                }
            }
            let found = due(piece.calendar, piece.from, left)?;
            let first = *first.get_or_insert(found.due_at());
            if piece.to.is_none_or(|to| found.breach_at() < to) {
                let last = Some(found.breach_at());
                return Ok(Some(Reach { first, last }));
            }
            // Used up exactly at the end of this piece: a later one exceeds it.
            left = SignedDuration::ZERO;
        }
        Ok(first.map(|first| Reach { first, last: None }))
    }

    /// The instant after which the cycle is in breach, if it is at `end`. A breach stays, whatever
    /// the plan says later.
    pub(super) fn breached_at(&self, end: Timestamp) -> Option<Timestamp> {
        let mut pieces = self.pieces().peekable();
        let mut counted = SignedDuration::ZERO;
        for (index, phase) in self.phases.iter().enumerate() {
            if phase.since > end {
                return None;
            }
            let target = length(phase.terms.target);
            // The first phase also counts the time before it.
            let before = match index {
                0 => self.elapsed(phase.since),
                _ => counted,
            };
            if before > target {
                return Some(phase.since);
            }
            while let Some(piece) = pieces.next_if(|piece| piece.phase == index) {
                let to = piece.to.map_or(end, |to| to.min(end));
                let left = target - counted;
                if to > piece.from {
                    counted += elapsed(piece.calendar, piece.from, to);
                }
                // What is beyond the search has no date.
                if counted > target
                    && let Ok(due) = due(piece.calendar, piece.from, left)
                {
                    return Some(due.breach_at());
                }
            }
        }
        None
    }

    /// The terms in force at an instant. The first ones count before they came into force, too.
    pub(super) fn terms_at(&self, at: Timestamp) -> Option<&Terms> {
        let begun = self.phases.partition_point(|phase| phase.since <= at);
        let phase = self.phases.get(begun.saturating_sub(1))?;
        Some(&phase.terms)
    }

    /// Since when the cycle has used up the plan's share of the target, if it has at `end`. Unlike a
    /// breach, that ends with a plan that leaves more time.
    pub(super) fn warned_at(&self, end: Timestamp) -> Option<Timestamp> {
        let mut pieces = self.pieces().peekable();
        let mut counted = SignedDuration::ZERO;
        let mut warned_at: Option<Timestamp> = None;
        for (index, phase) in self.phases.iter().enumerate() {
            if phase.since > end {
                break;
            }
            let share = phase.terms.warning();
            // The first phase also counts the time before it.
            let before = match index {
                0 => self.elapsed(phase.since),
                _ => counted,
            };
            warned_at = (before >= share).then(|| warned_at.unwrap_or(phase.since));
            while let Some(piece) = pieces.next_if(|piece| piece.phase == index) {
                let to = piece.to.map_or(end, |to| to.min(end));
                let left = share - counted;
                if to > piece.from {
                    counted += elapsed(piece.calendar, piece.from, to);
                }
                // What is beyond the search has no date.
                if warned_at.is_none()
                    && counted >= share
                    && let Ok(due) = due(piece.calendar, piece.from, left)
                {
                    warned_at = Some(due.due_at());
                }
            }
        }
        warned_at
    }

    /// When so much open time had passed since a breach, or when a later plan brought an escalation
    /// after so much; if the cycle has stopped by then, never.
    pub(super) fn escalated_at(
        &self,
        breached_at: Timestamp,
        escalation: Escalation,
    ) -> Option<Timestamp> {
        let amount = length(escalation.after_breach);
        let reach = self.reach_after(breached_at, amount).ok().flatten()?;
        let has_it = |phase: &&Phase| phase.terms.plan.escalations.contains(&escalation);
        let since = self.phases.iter().rev().take_while(has_it).last()?.since;
        let at = reach.first.max(since);
        let is_open = self.stop.is_none_or(|stop| at < stop.at);
        is_open.then_some(at)
    }

    /// When the target in force at an instant is used up, by what had happened up to then, and as if
    /// the cycle had not been stopped.
    pub(super) fn due_at(&self, at: Timestamp) -> Option<Timestamp> {
        let target = length(self.terms_at(at)?.target);
        let reach = self.unstopped_at(at).reach(target).ok().flatten()?;
        Some(reach.first)
    }

    /// The cycle without what happened after an instant, and without its stop.
    fn unstopped_at(&self, at: Timestamp) -> Cycle {
        let mut cycle = self.clone();
        let stop = cycle.stop.take();
        let begun = cycle.phases.partition_point(|phase| phase.since <= at);
        cycle.phases.truncate(begun.max(1));
        cycle.runs.retain(|run| run.from <= at);
        if let Some(run) = cycle.runs.last_mut() {
            let is_stopped = stop.is_some_and(|stop| run.to == Some(stop.at));
            run.to = run.to.filter(|to| *to <= at && !is_stopped);
        }
        cycle
    }
}

pub(super) fn length(minutes: Minutes) -> SignedDuration {
    SignedDuration::from_mins(i64::from(minutes.get()))
}
