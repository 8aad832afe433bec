//! The clock of a ticket: its events folded into cycles, and the standing of each metric at an instant.
//!
//! A *metric* is what a target is set for: the first response, the next response and the resolution.
//! A *cycle* is one run of a metric, from its start to its stop. It counts the open time while it
//! runs, by the calendar of the plan in force, and compares it with that plan's target.
//!
//! The fold depends only on the events and their instants. Events that do not apply in a state, such
//! as a pause while paused, change nothing, and nothing applies after a cancellation.

pub mod cycle;
pub mod fact;
pub mod mark;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::domain::deadline::{DeadlineError, MAX_TRACE_PERIODS, OpenPeriod, periods};
use crate::domain::minutes::Minutes;
use crate::domain::plan::{OnReopen, Plan};
use crate::domain::priority::Priority;

use cycle::{Cycle, Phase, Reach, Run, Terms, length};

/// What a target is set for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Metric {
    /// The first response to the customer.
    FirstResponse,
    /// The response to the customer's oldest message without one, after the first response.
    NextResponse,
    /// The resolution of the ticket.
    Resolution,
}

/// The state of a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The team is working on it.
    Open,
    /// The resolution waits for someone else.
    Paused,
    /// It is resolved.
    Resolved,
    /// It is cancelled, for good.
    Cancelled,
}

/// Something that happens to a ticket.
#[derive(Clone, Debug)]
pub struct Event {
    /// When it happens.
    pub at: Timestamp,
    /// What happens.
    pub kind: EventKind,
}

/// What happens to a ticket.
#[derive(Clone, Debug)]
pub enum EventKind {
    /// A person of the team responds to the customer.
    AgentReply,
    /// The customer writes.
    CustomerReply,
    /// The resolution begins to wait for someone else.
    Paused,
    /// The resolution no longer waits.
    Resumed,
    /// The ticket is resolved.
    Resolved,
    /// The ticket is open again.
    Reopened,
    /// The ticket is cancelled.
    Cancelled,
    /// The priority changes, and with it the plan, unless one is assigned.
    PriorityChanged {
        /// The new priority.
        priority: Priority,
        /// The plan of that priority, if a rule applies to it.
        plan: Option<Arc<Plan>>,
    },
    /// A plan is assigned, whatever the priority; `None` returns to the plan of the priority.
    Assigned(Option<Arc<Plan>>),
    /// The open cycles are counted as if this plan had been in force since they began.
    Recalculated(Arc<Plan>),
}

/// A ticket's history: how it began, and its events in order.
#[derive(Clone, Debug)]
pub struct History {
    created_at: Timestamp,
    priority: Priority,
    plan: Option<Arc<Plan>>,
    assigned: Option<Arc<Plan>>,
    events: Vec<Event>,
}

/// A ticket after some of its events.
#[derive(Clone, Debug)]
pub struct Clock {
    state: State,
    closed_at: Option<Timestamp>,
    priority: Priority,
    /// The plan of the last priority that has one.
    priority_plan: Option<Arc<Plan>>,
    assigned: Option<Arc<Plan>>,
    /// The plan in force.
    plan: Option<Arc<Plan>>,
    first_response: MetricClock,
    next_response: MetricClock,
    resolution: MetricClock,
}

/// The clock of one metric: its last cycle, if there has been one, and those before it.
#[derive(Clone, Debug, Default)]
struct MetricClock {
    earlier: Vec<Cycle>,
    cycle: Option<Cycle>,
}

/// How a cycle stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    /// When.
    pub at: Timestamp,
    /// By which event.
    pub by: StoppedBy,
}

/// The events that stop a cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoppedBy {
    /// A response of the team.
    AgentReply,
    /// The resolution of the ticket.
    Resolved,
    /// The cancellation of the ticket.
    Cancelled,
}

/// The status of a metric. If several would be right, the first of cancelled, breached, achieved,
/// paused, warning and active is the status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// No cycle with a target.
    Idle,
    /// The cycle runs, and there is time.
    Active,
    /// The cycle runs, and the plan's share of the target is used up.
    Warning,
    /// The cycle waits.
    Paused,
    /// More open time has passed than the target allows.
    Breached,
    /// The cycle stopped in time.
    Achieved,
    /// The ticket was cancelled while the cycle was open.
    Cancelled,
}

/// How a metric with a target stands at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The status; never [`Status::Idle`].
    pub status: Status,
    /// The number of the cycle, from 1.
    pub cycle: u32,
    /// The target in force, or at the stop.
    pub target: Minutes,
    /// The open time that the cycle has counted.
    pub elapsed: SignedDuration,
    /// The open time that is left; zero if there is none.
    pub remaining: SignedDuration,
    /// Whether the cycle is open and waits.
    pub is_paused: bool,
    /// When the target is used up, if nothing else happens: unless the cycle stopped in time, is
    /// cancelled, or waits with time left.
    pub due_at: Option<Timestamp>,
    /// The latest instant at which it is still in time, if that differs from `due_at` and the cycle
    /// runs and is not in breach.
    pub breach_at: Option<Timestamp>,
    /// When the warning begins, if it is to come.
    pub warn_at: Option<Timestamp>,
    /// The instant after which the cycle was in breach.
    pub breached_at: Option<Timestamp>,
    /// How the cycle stopped.
    pub stop: Option<Stop>,
}

impl History {
    /// A history with events in the order of their arrival. They apply in the order of their
    /// instants, of equal instants the one first that arrived first; those before the creation apply
    /// at the creation.
    pub fn new(
        created_at: Timestamp,
        priority: Priority,
        plan: Option<Arc<Plan>>,
        assigned: Option<Arc<Plan>>,
        mut events: Vec<Event>,
    ) -> History {
        events.sort_by_key(|event| event.at);
        for event in &mut events {
            event.at = event.at.max(created_at);
        }
        History {
            created_at,
            priority,
            plan,
            assigned,
            events,
        }
    }

    /// The clock after all events up to an instant, including those at it.
    pub fn at(&self, as_of: Timestamp) -> Clock {
        let (plan, assigned) = (self.plan.clone(), self.assigned.clone());
        let mut clock = Clock::new(self.created_at, self.priority, plan, assigned);
        let past = self.events.iter().take_while(|event| event.at <= as_of);
        for event in past {
            clock.apply(event);
        }
        clock
    }
}

impl Clock {
    /// The clock of a new ticket, with the plan of its priority and the one that is assigned, if any.
    pub fn new(
        created_at: Timestamp,
        priority: Priority,
        priority_plan: Option<Arc<Plan>>,
        assigned: Option<Arc<Plan>>,
    ) -> Clock {
        let plan = assigned.clone().or_else(|| priority_plan.clone());
        let started = |metric| {
            let mut clock = MetricClock::default();
            clock.start(created_at, Terms::of(plan.as_ref(), metric));
            clock
        };
        Clock {
            state: State::Open,
            closed_at: None,
            priority,
            priority_plan,
            assigned,
            first_response: started(Metric::FirstResponse),
            next_response: MetricClock::default(),
            resolution: started(Metric::Resolution),
            plan,
        }
    }

    /// The state of the ticket.
    pub fn state(&self) -> State {
        self.state
    }

    /// The priority of the ticket.
    pub fn priority(&self) -> Priority {
        self.priority
    }

    /// The plan in force.
    pub fn plan(&self) -> Option<&Arc<Plan>> {
        self.plan.as_ref()
    }

    /// The plan that is assigned, whatever the priority.
    pub fn assigned(&self) -> Option<&Arc<Plan>> {
        self.assigned.as_ref()
    }

    /// Applies the next event.
    pub fn apply(&mut self, event: &Event) {
        if self.state == State::Cancelled {
            return;
        }
        let at = event.at;
        match &event.kind {
            EventKind::AgentReply => {
                self.first_response.stop(at, StoppedBy::AgentReply);
                self.next_response.stop(at, StoppedBy::AgentReply);
            }
            EventKind::CustomerReply => self.customer_reply(at),
            EventKind::Paused => self.pause(at),
            EventKind::Resumed => self.resume(at),
            EventKind::Resolved => self.resolve(at),
            EventKind::Reopened => self.reopen(at),
            EventKind::Cancelled => {
                self.state = State::Cancelled;
                self.closed_at = Some(at);
                for clock in self.metrics() {
                    clock.stop(at, StoppedBy::Cancelled);
                }
            }
            EventKind::PriorityChanged { priority, plan } => {
                self.priority = *priority;
                if plan.is_some() {
                    self.priority_plan.clone_from(plan);
                }
                self.change_plan(at);
            }
            EventKind::Assigned(plan) => {
                self.assigned.clone_from(plan);
                self.change_plan(at);
            }
            EventKind::Recalculated(plan) => self.recalculate(plan),
        }
    }

    /// How a metric stands at an instant that is not before the last event; `None` if it is idle.
    pub fn standing(&self, metric: Metric, as_of: Timestamp) -> Option<Standing> {
        let cycle = self.cycle(metric)?;
        let terms = &cycle.phases.last()?.terms;
        let target = length(terms.target);
        let end = cycle.stop.map_or(as_of, |stop| stop.at);
        let elapsed = cycle.elapsed(end);
        let breached_at = cycle.breached_at(end);
        let is_paused =
            metric == Metric::Resolution && cycle.stop.is_none() && self.state == State::Paused;
        let status = match cycle.stop {
            Some(stop) if stop.by == StoppedBy::Cancelled => Status::Cancelled,
            _ if breached_at.is_some() => Status::Breached,
            Some(_) => Status::Achieved,
            None if is_paused => Status::Paused,
            None if elapsed >= terms.warning() => Status::Warning,
            None => Status::Active,
        };
        let is_due = !matches!(status, Status::Achieved | Status::Cancelled);
        let is_in_time = matches!(status, Status::Active | Status::Warning);
        // What is beyond the search has no date.
        let due = cycle.reach(target).ok().flatten().filter(|_| is_due);
        let due_at = due.map(|due| due.first);
        let warning = cycle.reach(terms.warning()).ok().flatten();
        Some(Standing {
            due_at,
            breach_at: due
                .filter(|_| is_in_time)
                .and_then(|due| due.last)
                .filter(|last| Some(*last) != due_at),
            warn_at: warning
                .filter(|_| status == Status::Active)
                .map(|warning| warning.first),
            status,
            cycle: cycle.number,
            target: terms.target,
            elapsed,
            remaining: (target - elapsed).max(SignedDuration::ZERO),
            is_paused,
            breached_at,
            stop: cycle.stop,
        })
    }

    /// When a metric's target is used up; `None` if it is idle, or waits or has stopped before it.
    ///
    /// # Errors
    ///
    /// If that is later than is searched for.
    pub fn due(&self, metric: Metric) -> Result<Option<Reach>, DeadlineError> {
        self.reach(metric, |terms| length(terms.target))
    }

    /// When the plan's share of a metric's target is used up, from which on there is a warning.
    ///
    /// # Errors
    ///
    /// If that is later than is searched for.
    pub fn warning(&self, metric: Metric) -> Result<Option<Reach>, DeadlineError> {
        self.reach(metric, Terms::warning)
    }

    /// When the ticket was resolved or cancelled; `now` if it is open.
    pub fn closed_at(&self, now: Timestamp) -> Timestamp {
        self.closed_at.unwrap_or(now)
    }

    /// When the first of the targets of open cycles is used up, be it past or to come.
    pub fn next_due(&self, now: Timestamp) -> Option<Timestamp> {
        let due = |metric| {
            let standing = self.standing(metric, now)?;
            standing.due_at.filter(|_| standing.stop.is_none())
        };
        METRICS.into_iter().filter_map(due).min()
    }

    /// The open periods that the cycle of a metric has counted. Those of a run that has no end yet are
    /// counted until the target is used up.
    pub fn periods(&self, metric: Metric) -> Vec<OpenPeriod> {
        let Some(cycle) = self.cycle(metric) else {
            return Vec::new();
        };
        let due = self.due(metric).ok().flatten().map(|due| due.first);
        let counted = cycle.pieces().filter_map(|piece| {
            let to = piece.to.or(due.map(|due| due.max(piece.from)))?;
            Some(periods(piece.calendar, piece.from, to))
        });
        counted.flatten().take(MAX_TRACE_PERIODS).collect()
    }

    fn reach(
        &self,
        metric: Metric,
        amount: impl FnOnce(&Terms) -> SignedDuration,
    ) -> Result<Option<Reach>, DeadlineError> {
        let Some(cycle) = self.cycle(metric) else {
            return Ok(None);
        };
        match cycle.phases.last() {
            None => Ok(None),
            Some(phase) => cycle.reach(amount(&phase.terms)),
        }
    }

    fn cycle(&self, metric: Metric) -> Option<&Cycle> {
        self.metric(metric).cycle.as_ref()
    }

    fn metric(&self, metric: Metric) -> &MetricClock {
        match metric {
            Metric::FirstResponse => &self.first_response,
            Metric::NextResponse => &self.next_response,
            Metric::Resolution => &self.resolution,
        }
    }

    fn metrics(&mut self) -> [&mut MetricClock; 3] {
        [
            &mut self.first_response,
            &mut self.next_response,
            &mut self.resolution,
        ]
    }

    fn customer_reply(&mut self, at: Timestamp) {
        match self.state {
            State::Paused => self.resume(at),
            State::Resolved => self.reopen(at),
            State::Open | State::Cancelled => {}
        }
        let responded = !self.first_response.is_open();
        if responded && !self.next_response.is_open() {
            let terms = Terms::of(self.plan.as_ref(), Metric::NextResponse);
            self.next_response.start(at, terms);
        }
    }

    fn pause(&mut self, at: Timestamp) {
        if self.state == State::Open {
            self.state = State::Paused;
            self.resolution.pause(at);
        }
    }

    fn resume(&mut self, at: Timestamp) {
        if self.state == State::Paused {
            self.state = State::Open;
            self.resolution.resume(at);
        }
    }

    fn resolve(&mut self, at: Timestamp) {
        if matches!(self.state, State::Open | State::Paused) {
            self.state = State::Resolved;
            self.closed_at = Some(at);
            for clock in self.metrics() {
                clock.stop(at, StoppedBy::Resolved);
            }
        }
    }

    fn reopen(&mut self, at: Timestamp) {
        if self.state != State::Resolved {
            return;
        }
        let on_reopen = self.plan.as_ref().map(|plan| plan.on_reopen);
        self.state = State::Open;
        self.closed_at = None;
        match on_reopen.unwrap_or_default() {
            OnReopen::Continue => self.resolution.reopen(at),
            OnReopen::Restart => {
                let terms = Terms::of(self.plan.as_ref(), Metric::Resolution);
                self.resolution.start(at, terms);
            }
            OnReopen::Ignore => {}
        }
    }

    /// Puts the assigned plan in force, or else that of the priority.
    fn change_plan(&mut self, at: Timestamp) {
        let plan = self.assigned.clone().or_else(|| self.priority_plan.clone());
        for (metric, clock) in METRICS.into_iter().zip(self.metrics()) {
            if let Some(terms) = Terms::of(plan.as_ref(), metric) {
                clock.change_terms(at, terms);
            }
        }
        self.plan = plan;
    }

    fn recalculate(&mut self, plan: &Arc<Plan>) {
        for (metric, clock) in METRICS.into_iter().zip(self.metrics()) {
            if let Some(terms) = Terms::of(Some(plan), metric) {
                clock.recalculate(terms);
            }
        }
        match &mut self.assigned {
            Some(assigned) => assigned.clone_from(plan),
            None => self.priority_plan = Some(Arc::clone(plan)),
        }
        self.plan = Some(Arc::clone(plan));
    }
}

/// In the order of [`Clock::metrics`].
const METRICS: [Metric; 3] = [
    Metric::FirstResponse,
    Metric::NextResponse,
    Metric::Resolution,
];

impl MetricClock {
    fn is_open(&self) -> bool {
        self.open_cycle().is_some()
    }

    fn open_cycle(&self) -> Option<&Cycle> {
        self.cycle.as_ref().filter(|cycle| cycle.stop.is_none())
    }

    fn open_cycle_mut(&mut self) -> Option<&mut Cycle> {
        self.cycle.as_mut().filter(|cycle| cycle.stop.is_none())
    }

    /// Starts the next cycle.
    fn start(&mut self, at: Timestamp, terms: Option<Terms>) {
        let earlier = self.cycle.take();
        let number = earlier.as_ref().map_or(0, |cycle| cycle.number);
        self.earlier.extend(earlier);
        let phase = terms.map(|terms| Phase { since: at, terms });
        self.cycle = Some(Cycle {
            number: number.saturating_add(1),
            began_at: at,
            runs: vec![Run { from: at, to: None }],
            phases: phase.into_iter().collect(),
            stop: None,
        });
    }

    fn stop(&mut self, at: Timestamp, by: StoppedBy) {
        if let Some(cycle) = self.open_cycle_mut() {
            cycle.end_run(at);
            cycle.stop = Some(Stop { at, by });
        }
    }

    fn pause(&mut self, at: Timestamp) {
        if let Some(cycle) = self.open_cycle_mut() {
            cycle.end_run(at);
        }
    }

    fn resume(&mut self, at: Timestamp) {
        if let Some(cycle) = self.open_cycle_mut() {
            cycle.runs.push(Run { from: at, to: None });
        }
    }

    /// Continues a stopped cycle, by the terms that it had.
    fn reopen(&mut self, at: Timestamp) {
        if let Some(cycle) = &mut self.cycle {
            cycle.stop = None;
            cycle.runs.push(Run { from: at, to: None });
        }
    }

    fn change_terms(&mut self, at: Timestamp, terms: Terms) {
        if let Some(cycle) = self.open_cycle_mut() {
            cycle.change_terms(at, terms);
        }
    }

    fn recalculate(&mut self, terms: Terms) {
        if let Some(cycle) = self.open_cycle_mut() {
            cycle.phases = vec![Phase {
                since: cycle.began_at,
                terms,
            }];
        }
    }
}

impl Metric {
    /// All metrics.
    pub const ALL: [Metric; 3] = METRICS;
    /// The metrics as clients see them.
    pub const WORDS: &[&str] = &["firstResponse", "nextResponse", "resolution"];

    /// The metric as clients see it.
    pub fn as_str(self) -> &'static str {
        match self {
            Metric::FirstResponse => "firstResponse",
            Metric::NextResponse => "nextResponse",
            Metric::Resolution => "resolution",
        }
    }

    /// Reads a metric; `None` for any other word.
    pub fn parse(text: &str) -> Option<Metric> {
        Metric::ALL
            .into_iter()
            .find(|metric| metric.as_str() == text)
    }
}

impl State {
    /// The state as clients see it.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Open => "open",
            State::Paused => "paused",
            State::Resolved => "resolved",
            State::Cancelled => "cancelled",
        }
    }
}

impl StoppedBy {
    /// The event as clients see it.
    pub fn as_str(self) -> &'static str {
        match self {
            StoppedBy::AgentReply => "agent_reply",
            StoppedBy::Resolved => "resolved",
            StoppedBy::Cancelled => "cancelled",
        }
    }
}

impl Status {
    /// The status as clients see it.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Idle => "idle",
            Status::Active => "active",
            Status::Warning => "warning",
            Status::Paused => "paused",
            Status::Breached => "breached",
            Status::Achieved => "achieved",
            Status::Cancelled => "cancelled",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::Calendar;
    use crate::domain::plan::PlanTargets;

    const NOON_OF_A_FRIDAY: &str = "2026-01-09T12:00:00Z";

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a timestamp")
    }

    #[test]
    fn the_words_of_metrics_are_those_of_all_metrics() {
        assert_eq!(Metric::ALL.map(Metric::as_str), Metric::WORDS);
        for metric in Metric::ALL {
            assert_eq!(Metric::parse(metric.as_str()), Some(metric));
        }
        assert_eq!(Metric::parse("response"), None);
    }

    /// A plan with only a target for the resolution, in an office that opens for eight hours a day.
    fn plan(minutes: i64) -> Arc<Plan> {
        let targets = PlanTargets {
            resolution: Minutes::new(minutes, Minutes::MAX_RULE_TARGET),
            ..PlanTargets::default()
        };
        Arc::new(Plan::new(targets, Arc::new(Calendar::built_in().clone())))
    }

    /// The clock of a ticket with that plan.
    fn clock(minutes: i64) -> Clock {
        Clock::new(
            at(NOON_OF_A_FRIDAY),
            Priority::Low,
            Some(plan(minutes)),
            None,
        )
    }

    fn paused(mut clock: Clock, from: &str, to: &str) -> Clock {
        for (event, kind) in [(from, EventKind::Paused), (to, EventKind::Resumed)] {
            let at = at(event);
            clock.apply(&Event { at, kind });
        }
        clock
    }

    #[test]
    fn the_status_changes_exactly_at_the_warning_and_the_breach() {
        let clock = clock(600);
        let first = |reach: Result<Option<Reach>, DeadlineError>| reach.ok().flatten();
        let due = first(clock.due(Metric::Resolution)).expect("a due date");
        assert_eq!(due.first, at("2026-01-12T14:00:00Z"));
        assert_eq!(due.last, Some(due.first));
        let warning = first(clock.warning(Metric::Resolution)).expect("a warning");
        assert_eq!(warning.first, at("2026-01-12T12:00:00Z"));
        for (as_of, elapsed, remaining, status) in [
            (NOON_OF_A_FRIDAY, 0, 36_000, "active"),
            ("2026-01-12T11:59:59.5Z", 28_799, 7_200, "active"),
            ("2026-01-12T12:00:00Z", 28_800, 7_200, "warning"),
            ("2026-01-12T14:00:00Z", 36_000, 0, "warning"),
            ("2026-01-12T14:00:00.001Z", 36_000, 0, "breached"),
            ("2026-01-13T10:00:00Z", 50_400, 0, "breached"),
        ] {
            let standing = clock.standing(Metric::Resolution, at(as_of));
            let standing = standing.expect("a target");
            let seconds = (standing.elapsed.as_secs(), standing.remaining.as_secs());
            assert_eq!(seconds, (elapsed, remaining), "{as_of}");
            assert_eq!(standing.status.as_str(), status, "{as_of}");
        }
        assert_eq!(clock.standing(Metric::FirstResponse, due.first), None);
    }

    #[test]
    fn a_target_that_ends_at_closing_time_is_breached_after_the_next_opening_time() {
        let clock = clock(300);
        let standing = |as_of| clock.standing(Metric::Resolution, at(as_of));
        let warning = standing("2026-01-10T00:00:00Z").expect("a target");
        assert_eq!(warning.status, Status::Warning);
        assert_eq!(warning.due_at, Some(at("2026-01-09T17:00:00Z")));
        assert_eq!(warning.breach_at, Some(at("2026-01-12T09:00:00Z")));
        let breached = standing("2026-01-12T09:00:00.001Z").expect("a target");
        assert_eq!(breached.status, Status::Breached);
        assert_eq!(breached.breached_at, warning.breach_at);
    }

    #[test]
    fn a_breach_after_a_pause_at_closing_time_lies_in_the_later_run() {
        let clock = paused(clock(300), "2026-01-09T17:00:00Z", "2026-01-13T10:00:00Z");
        let standing = |as_of| clock.standing(Metric::Resolution, at(as_of));
        let in_time = standing("2026-01-13T10:00:00Z").expect("a target");
        assert_eq!(in_time.status, Status::Warning);
        assert_eq!(in_time.breach_at, Some(at("2026-01-13T10:00:00Z")));
        let breached = standing("2026-01-13T10:00:00.5Z").expect("a target");
        assert_eq!(breached.breached_at, Some(at("2026-01-13T10:00:00Z")));
        assert_eq!(breached.due_at, Some(at("2026-01-09T17:00:00Z")));
    }

    #[test]
    fn only_a_pause_after_the_breach_leaves_it_where_it_is() {
        for (paused_at, breach_at) in [
            ("2026-01-12T09:00:00Z", "2026-01-13T10:00:00Z"),
            ("2026-01-12T09:00:01Z", "2026-01-12T09:00:00Z"),
        ] {
            let clock = paused(clock(300), paused_at, "2026-01-13T10:00:00Z");
            let due = clock.due(Metric::Resolution).ok().flatten();
            let last = due.expect("a due date").last;
            assert_eq!(last, Some(at(breach_at)), "{paused_at}");
            let as_of = at("2026-01-13T10:00:00.5Z");
            let standing = clock.standing(Metric::Resolution, as_of);
            assert_eq!(standing.expect("a target").breached_at, last, "{paused_at}");
        }
    }

    #[test]
    fn a_plan_whose_target_is_just_used_up_is_breached_at_the_next_opening_time() {
        let mut clock = clock(600);
        clock.apply(&Event {
            at: at("2026-01-10T12:00:00Z"),
            kind: EventKind::Assigned(Some(plan(300))),
        });
        let standing = |as_of| clock.standing(Metric::Resolution, at(as_of));
        let in_time = standing("2026-01-12T09:00:00Z").expect("a target");
        assert_eq!(in_time.status, Status::Warning);
        let breached = standing("2026-01-12T09:00:00.5Z").expect("a target");
        assert_eq!(breached.breached_at, Some(at("2026-01-12T09:00:00Z")));
    }
}
