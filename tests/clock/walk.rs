//! The oracle: a ticket's clock, counted minute by minute. It knows how to ask whether a calendar is
//! open at an instant, and nothing else of what it checks.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use shared::domain::clock::mark::MarkKind;
use shared::domain::clock::{Event, EventKind, Metric, State};
use shared::domain::deadline::is_open;
use shared::domain::minutes::Minutes;
use shared::domain::plan::{OnReopen, Plan};

/// The most minutes that are walked beyond `as_of` to find a due date.
const MAX_AHEAD: i64 = 40 * 24 * 60;

/// A metric, the number of a cycle, what has become true about it, and when.
pub type FoundMark = (Metric, u32, MarkKind, Timestamp);

/// What the walk found out about a metric.
#[derive(Debug, PartialEq, Eq)]
pub struct Found {
    pub status: &'static str,
    pub cycle: u32,
    pub target_minutes: i64,
    pub elapsed_minutes: i64,
    pub breached_at: Option<Timestamp>,
    pub stopped_at: Option<Timestamp>,
    pub stopped_by: Option<&'static str>,
    /// Unless the walk has given up.
    pub due_at: Option<Option<Timestamp>>,
    pub breach_at: Option<Option<Timestamp>>,
    pub warn_at: Option<Option<Timestamp>>,
}

/// A ticket during the walk.
pub struct Walk {
    pub state: State,
    pub plan: Option<Arc<Plan>>,
    of_priority: Option<Arc<Plan>>,
    pub assigned: Option<Arc<Plan>>,
    /// When it was resolved or cancelled.
    pub closed_at: Option<Timestamp>,
    pub cycles: [Option<Cycle>; 3],
    pub earlier: Vec<(usize, Cycle)>,
}

#[derive(Clone)]
pub struct Cycle {
    pub number: u32,
    running: bool,
    /// The minutes in which it ran, open or not.
    ran: Vec<Timestamp>,
    /// How many of them count.
    pub counted: i64,
    /// Since when which plan is in force.
    pub plans: Vec<(Timestamp, Arc<Plan>)>,
    pub began_at: Timestamp,
    pub breached_at: Option<Timestamp>,
    pub stopped: Option<(Timestamp, &'static str)>,
    warned_at: Option<Timestamp>,
    /// How many minutes have counted since the breach.
    since_breach: i64,
    /// The escalations that have become true, by their minutes.
    escalated: Vec<(i64, Timestamp)>,
}

impl Walk {
    /// Walks from the creation up to `as_of`. All instants are whole minutes; events are in order.
    pub fn new(
        created_at: Timestamp,
        plan: Option<Arc<Plan>>,
        events: &[Event],
        as_of: Timestamp,
    ) -> Walk {
        let mut walk = Walk {
            state: State::Open,
            of_priority: plan.clone(),
            assigned: None,
            plan,
            closed_at: None,
            cycles: [None, None, None],
            earlier: Vec::new(),
        };
        walk.start(0, created_at);
        walk.start(2, created_at);
        let mut events = events.iter().peekable();
        let mut now = created_at;
        loop {
            while let Some(event) = events.next_if(|event| event.at <= now) {
                walk.apply(event, now);
            }
            if now >= as_of {
                return walk;
            }
            for (metric, cycle) in walk.cycles.iter_mut().enumerate() {
                if let Some(cycle) = cycle {
                    cycle.walk(metric, now);
                }
            }
            now += minutes(1);
        }
    }

    fn start(&mut self, metric: usize, now: Timestamp) {
        let last = self.cycles[metric].take();
        let number = last.as_ref().map_or(1, |last| last.number + 1);
        self.earlier.extend(last.map(|last| (metric, last)));
        let plan = self
            .plan
            .iter()
            .filter(|plan| target(plan, metric).is_some());
        self.cycles[metric] = Some(Cycle {
            number,
            running: true,
            ran: Vec::new(),
            counted: 0,
            plans: plan.map(|plan| (now, Arc::clone(plan))).collect(),
            began_at: now,
            breached_at: None,
            stopped: None,
            warned_at: None,
            since_breach: 0,
            escalated: Vec::new(),
        });
    }

    fn is_open(&self, metric: usize) -> bool {
        let cycle = self.cycles[metric].as_ref();
        cycle.is_some_and(|cycle| cycle.stopped.is_none())
    }

    fn stop(&mut self, metric: usize, now: Timestamp, by: &'static str) {
        if self.is_open(metric) {
            let cycle = self.cycles[metric].as_mut().unwrap();
            cycle.running = false;
            cycle.stopped = Some((now, by));
        }
    }

    fn set_running(&mut self, running: bool) {
        if self.is_open(2) {
            self.cycles[2].as_mut().unwrap().running = running;
        }
    }

    fn reopen(&mut self, now: Timestamp) {
        self.state = State::Open;
        self.closed_at = None;
        match self
            .plan
            .as_ref()
            .map_or(OnReopen::Continue, |plan| plan.on_reopen)
        {
            OnReopen::Ignore => {}
            OnReopen::Restart => self.start(2, now),
            OnReopen::Continue => {
                let cycle = self.cycles[2].as_mut().unwrap();
                cycle.stopped = None;
                cycle.running = true;
            }
        }
    }

    fn apply(&mut self, event: &Event, now: Timestamp) {
        if self.state == State::Cancelled {
            return;
        }
        match (&event.kind, self.state) {
            (EventKind::AgentReply, _) => {
                self.stop(0, now, "agent_reply");
                self.stop(1, now, "agent_reply");
            }
            (EventKind::CustomerReply, state) => {
                if state == State::Paused {
                    self.state = State::Open;
                    self.set_running(true);
                }
                if state == State::Resolved {
                    self.reopen(now);
                }
                if !self.is_open(0) && !self.is_open(1) {
                    self.start(1, now);
                }
            }
            (EventKind::Paused, State::Open) => {
                self.state = State::Paused;
                self.set_running(false);
            }
            (EventKind::Resumed, State::Paused) => {
                self.state = State::Open;
                self.set_running(true);
            }
            (EventKind::Resolved, State::Open | State::Paused) => {
                self.state = State::Resolved;
                self.closed_at = Some(now);
                (0..3).for_each(|metric| self.stop(metric, now, "resolved"));
            }
            (EventKind::Reopened, State::Resolved) => self.reopen(now),
            (EventKind::Cancelled, _) => {
                self.state = State::Cancelled;
                self.closed_at = Some(now);
                (0..3).for_each(|metric| self.stop(metric, now, "cancelled"));
            }
            (EventKind::PriorityChanged { plan, .. }, _) => {
                self.of_priority = plan.clone().or(self.of_priority.take());
                self.change_plan(now);
            }
            (EventKind::Assigned(plan), _) => {
                self.assigned.clone_from(plan);
                self.change_plan(now);
            }
            (EventKind::Recalculated(plan), _) => {
                if self.assigned.is_some() {
                    self.assigned = Some(Arc::clone(plan));
                } else {
                    self.of_priority = Some(Arc::clone(plan));
                }
                self.plan = Some(Arc::clone(plan));
                for metric in 0..3 {
                    if self.is_open(metric) && target(plan, metric).is_some() {
                        self.cycles[metric]
                            .as_mut()
                            .unwrap()
                            .recalculate(metric, plan);
                    }
                }
            }
            _ => {}
        }
    }

    fn change_plan(&mut self, now: Timestamp) {
        self.plan = self.assigned.clone().or_else(|| self.of_priority.clone());
        let Some(plan) = self.plan.clone() else {
            return;
        };
        for metric in 0..3 {
            if let Some(target) = target(&plan, metric)
                && self.is_open(metric)
            {
                let cycle = self.cycles[metric].as_mut().unwrap();
                cycle.plans.push((now, Arc::clone(&plan)));
                cycle.count_again();
                if cycle.breached_at.is_none() && cycle.counted > target {
                    cycle.breached_at = Some(now);
                }
                cycle.look_at_plan(metric, now);
            }
        }
    }

    /// What the walk says about a metric; `None` if it is idle.
    pub fn found(&self, metric: Metric, as_of: Timestamp) -> Option<Found> {
        let index = METRICS.iter().position(|one| *one == metric).unwrap();
        let cycle = self.cycles[index].as_ref()?;
        let (_, plan) = cycle.plans.last()?;
        let (warning, counted) = (warning(plan, index), cycle.counted);
        let target = target(plan, index).unwrap();
        let waits = index == 2 && self.state == State::Paused;
        let status = match cycle.stopped {
            Some((_, "cancelled")) => "cancelled",
            _ if cycle.breached_at.is_some() => "breached",
            Some(_) => "achieved",
            None if waits => "paused",
            None if counted * 60_000 >= warning => "warning",
            None => "active",
        };
        let is_marked = |kind| {
            let mut marks = self.marks().into_iter();
            marks.any(|mark| (mark.0, mark.1, mark.2) == (metric, cycle.number, kind))
        };
        if status != "cancelled" {
            assert_eq!(is_marked(MarkKind::Breach), status == "breached");
        }
        if matches!(status, "active" | "warning") {
            assert_eq!(is_marked(MarkKind::Warning), status == "warning");
        }
        let ahead = cycle.minutes_ahead(as_of, target + 1);
        // The end of the minute that uses the target up, and the start of the one that exceeds it.
        let nth = |number: i64| {
            let number = usize::try_from(number).unwrap();
            match ahead.get(number) {
                Some(minute) => Some(Some(*minute)),
                None if cycle.running => None,
                None => Some(None),
            }
        };
        let after = |minute: Option<Option<Timestamp>>, length: SignedDuration| {
            minute.map(|minute| minute.map(|minute| minute + length))
        };
        let due_at = after(nth(target - 1), minutes(1));
        let breach_at = nth(target);
        let whole = warning / 60_000;
        let warn_at = match warning % 60_000 {
            0 => after(nth(whole - 1), minutes(1)),
            rest => after(nth(whole), SignedDuration::from_millis(rest)),
        };
        let due_at = match status {
            "achieved" | "cancelled" => Some(None),
            _ => due_at,
        };
        Some(Found {
            status,
            cycle: cycle.number,
            target_minutes: target,
            elapsed_minutes: counted,
            breached_at: cycle.breached_at,
            stopped_at: cycle.stopped.map(|(at, _)| at),
            stopped_by: cycle.stopped.map(|(_, by)| by),
            breach_at: match status {
                "active" | "warning" => {
                    breach_at.map(|at| at.filter(|at| due_at.flatten() != Some(*at)))
                }
                _ => Some(None),
            },
            warn_at: match status {
                "active" => warn_at,
                _ => Some(None),
            },
            due_at,
        })
    }
}

impl Walk {
    /// Everything that has become true: warnings only of cycles that are open and not in breach,
    /// escalations only before the stop.
    pub fn marks(&self) -> Vec<FoundMark> {
        let last = self.cycles.iter().enumerate();
        let last = last.filter_map(|(metric, cycle)| Some((metric, cycle.as_ref()?)));
        let earlier = self.earlier.iter().map(|(metric, cycle)| (*metric, cycle));
        let mut marks = Vec::new();
        for (metric, cycle) in earlier.chain(last) {
            let mut add = |kind, at| marks.push((METRICS[metric], cycle.number, kind, at));
            let Some(breached_at) = cycle.breached_at else {
                if let (None, Some(at)) = (cycle.stopped, cycle.warned_at) {
                    add(MarkKind::Warning, at);
                }
                continue;
            };
            add(MarkKind::Breach, breached_at);
            for (after, at) in &cycle.escalated {
                if cycle.stopped.is_none_or(|(stopped_at, _)| *at < stopped_at) {
                    let after = Minutes::new(*after, Minutes::MAX_RULE_TARGET).unwrap();
                    add(MarkKind::Escalation(after), *at);
                }
            }
        }
        marks
    }
}

impl Cycle {
    /// Walks through one minute.
    fn walk(&mut self, metric: usize, now: Timestamp) {
        if !self.running {
            return;
        }
        if let Some((_, plan)) = self.plans.last().cloned()
            && is_open(&plan.calendar, now)
        {
            self.count(&plan, metric, now);
        }
        self.ran.push(now);
    }

    /// Counts one minute.
    fn count(&mut self, plan: &Plan, metric: usize, now: Timestamp) {
        if Some(self.counted) == target(plan, metric) && self.breached_at.is_none() {
            self.breached_at = Some(now);
        }
        let left = warning(plan, metric) - self.counted * 60_000;
        if left <= 60_000 && self.warned_at.is_none() {
            self.warned_at = Some(now + SignedDuration::from_millis(left));
        }
        self.counted += 1;
        if self.breached_at.is_some() {
            self.since_breach += 1;
            if escalations(plan, metric).any(|after| after == self.since_breach) {
                let at = now + minutes(1);
                self.escalated.push((self.since_breach, at));
            }
        }
    }

    /// What a change of the plan brings becomes true now; what is true by both plans stays.
    fn look_at_plan(&mut self, metric: usize, now: Timestamp) {
        let (_, plan) = self.plans.last().cloned().unwrap();
        let is_warned = self.counted * 60_000 >= warning(&plan, metric);
        self.warned_at = is_warned.then(|| self.warned_at.unwrap_or(now));
        let before = std::mem::take(&mut self.escalated);
        if self.breached_at.is_none() {
            return;
        }
        for after in escalations(&plan, metric).filter(|after| *after <= self.since_breach) {
            let since = before.iter().find(|(known, _)| *known == after);
            let since = since.map_or(now, |(_, since)| *since);
            self.escalated.push((after, since));
        }
    }

    /// Counts the minutes so far, of which a first plan also counts those before it.
    fn count_again(&mut self) {
        self.counted = i64::try_from(self.open_minutes().count()).unwrap();
    }

    fn open_minutes(&self) -> impl Iterator<Item = Timestamp> {
        self.ran
            .iter()
            .copied()
            .filter(|minute| self.counts(*minute))
    }

    /// Whether a minute is open by the plan that was in force then, or the first one.
    fn counts(&self, minute: Timestamp) -> bool {
        let in_force = self.plans.iter().rev().find(|(since, _)| *since <= minute);
        let plan = in_force.or(self.plans.first());
        plan.is_some_and(|(_, plan)| is_open(&plan.calendar, minute))
    }

    /// The minutes that count, with those to come if nothing happens, as many as asked for.
    fn minutes_ahead(&self, as_of: Timestamp, number: i64) -> Vec<Timestamp> {
        let wanted = usize::try_from(number).unwrap();
        let mut all: Vec<Timestamp> = self.open_minutes().take(wanted).collect();
        let mut minute = as_of;
        while self.running && all.len() < wanted && minute < as_of + minutes(MAX_AHEAD) {
            if self.counts(minute) {
                all.push(minute);
            }
            minute += minutes(1);
        }
        all
    }

    fn recalculate(&mut self, metric: usize, plan: &Arc<Plan>) {
        self.plans = vec![(self.began_at, Arc::clone(plan))];
        let open: Vec<Timestamp> = self.open_minutes().collect();
        (self.counted, self.breached_at, self.warned_at) = (0, None, None);
        (self.since_breach, self.escalated) = (0, Vec::new());
        for minute in open {
            self.count(plan, metric, minute);
        }
    }
}

pub const METRICS: [Metric; 3] = [
    Metric::FirstResponse,
    Metric::NextResponse,
    Metric::Resolution,
];

pub fn target(plan: &Plan, metric: usize) -> Option<i64> {
    let targets = plan.targets;
    let target = [
        targets.first_response,
        targets.next_response,
        targets.resolution,
    ][metric];
    target.map(|target| i64::from(target.get()))
}

/// The open time from which on there is a warning, in milliseconds.
fn warning(plan: &Plan, metric: usize) -> i64 {
    target(plan, metric).unwrap() * 600 * i64::from(plan.warn_at_percent.get())
}

/// The minutes after a breach at which it is reported once more.
fn escalations(plan: &Plan, metric: usize) -> impl Iterator<Item = i64> {
    let all = plan.escalations.iter();
    let of_metric = all.filter(move |escalation| escalation.metric == METRICS[metric]);
    of_metric.map(|escalation| i64::from(escalation.after_breach.get()))
}

fn minutes(number: i64) -> SignedDuration {
    SignedDuration::from_mins(number)
}
