//! Tickets: what a client reports about them, from which their clocks follow.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::domain::clock::{Clock, Event, EventKind, History};
use crate::domain::digest::Digest;
use crate::domain::id::{EventId, RuleId, TicketId};
use crate::domain::notice::Reported;
use crate::domain::plan::Plan;
use crate::domain::priority::Priority;
use crate::domain::report::summary::CountedDay;
use crate::domain::text::Reference;
use crate::domain::version::Version;

/// The most events of a ticket, far above what help desks see.
pub const MAX_EVENTS: usize = 500;

/// The most events in one request.
pub const MAX_EVENTS_AT_ONCE: usize = 100;

/// How far ahead an event may be: clocks differ, and clients round.
pub const MAX_AHEAD: SignedDuration = SignedDuration::from_mins(5);

/// A ticket.
#[derive(Clone, Debug)]
pub struct Ticket {
    /// Its id.
    pub id: TicketId,
    /// What its client calls it.
    pub reference: Option<Reference>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last written.
    pub updated_at: Timestamp,
    /// Its priority at the creation.
    pub priority: Priority,
    /// The plan of its priority at the creation, if a rule applied.
    pub plan: Option<Arc<Plan>>,
    /// The plan that was assigned at the creation, whatever the priority.
    pub assigned: Option<Arc<Plan>>,
    /// Its events, in the order of their arrival.
    pub events: Vec<TicketEvent>,
    /// What has been reported about it, in that order.
    pub reported: Vec<Reported>,
    /// Its facts that are stored, by their days.
    pub counted: Vec<CountedDay>,
    /// The number of times it has been written.
    pub version: Version,
    /// A digest of the request that created it.
    pub fingerprint: Digest,
}

/// An event of a ticket.
#[derive(Clone, Debug)]
pub struct TicketEvent {
    /// Its id, unique within the ticket.
    pub id: EventId,
    /// What happens, and when.
    pub event: Event,
}

/// An event that a client reports, before plans are looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// Its id, if the client chooses it.
    pub id: Option<EventId>,
    /// When it happened; now, if the client does not say.
    pub at: Timestamp,
    /// What happened.
    pub kind: NewEventKind,
}

/// What happened, before plans are looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NewEventKind {
    /// A person of the team responded.
    AgentReply,
    /// The customer wrote.
    CustomerReply,
    /// The resolution began to wait.
    Paused,
    /// The resolution no longer waits.
    Resumed,
    /// The ticket was resolved.
    Resolved,
    /// The ticket was opened again.
    Reopened,
    /// The ticket was cancelled.
    Cancelled,
    /// The priority changed.
    PriorityChanged(Priority),
    /// A rule was assigned; `None` returns to the rule of the priority.
    RuleAssigned(Option<RuleId>),
}

impl NewEventKind {
    /// The event, if it needs no plan.
    pub fn without_plan(&self) -> Option<EventKind> {
        match self {
            NewEventKind::AgentReply => Some(EventKind::AgentReply),
            NewEventKind::CustomerReply => Some(EventKind::CustomerReply),
            NewEventKind::Paused => Some(EventKind::Paused),
            NewEventKind::Resumed => Some(EventKind::Resumed),
            NewEventKind::Resolved => Some(EventKind::Resolved),
            NewEventKind::Reopened => Some(EventKind::Reopened),
            NewEventKind::Cancelled => Some(EventKind::Cancelled),
            NewEventKind::RuleAssigned(None) => Some(EventKind::Assigned(None)),
            NewEventKind::PriorityChanged(_) | NewEventKind::RuleAssigned(Some(_)) => None,
        }
    }
}

impl Ticket {
    /// The events in the order in which they apply.
    pub fn history(&self) -> History {
        let events = self.events.iter().map(|event| event.event.clone());
        History::new(
            self.created_at,
            self.priority,
            self.plan.clone(),
            self.assigned.clone(),
            events.collect(),
        )
    }

    /// The clock at an instant.
    pub fn at(&self, as_of: Timestamp) -> Clock {
        self.history().at(as_of)
    }

    /// The earliest instant after `now` at which something may become true by time alone: a warning,
    /// a breach, or an event that lies ahead. `clock` is the ticket's at `now`.
    pub fn next_mark(&self, clock: &Clock, now: Timestamp) -> Option<Timestamp> {
        let ahead = self.events.iter().map(|event| event.event.at);
        let ahead = ahead.filter(|at| *at > now).min();
        let mark = clock.next_mark(now);
        [ahead, mark].into_iter().flatten().min()
    }

    /// The next version of the ticket, with these events after those it has; `None` if that would
    /// be more than [`MAX_EVENTS`], recalculations not counted.
    pub fn with_events(&self, events: Vec<TicketEvent>, now: Timestamp) -> Option<Ticket> {
        let counts = |event: &&TicketEvent| !matches!(event.event.kind, EventKind::Recalculated(_));
        let number = self.events.iter().chain(&events).filter(counts).count();
        if number > MAX_EVENTS {
            return None;
        }
        let mut ticket = self.clone();
        ticket.events.extend(events);
        // Never backwards, whatever the clock of this process says.
        ticket.updated_at = self.updated_at.max(now);
        ticket.version = self.version.next();
        Some(ticket)
    }
}

impl EventKind {
    /// The type of the event, as clients write it.
    pub fn as_str(&self) -> &'static str {
        use crate::domain::plan::PlannedBy;

        match self {
            EventKind::AgentReply => "agent_reply",
            EventKind::CustomerReply => "customer_reply",
            EventKind::Paused => "paused",
            EventKind::Resumed => "resumed",
            EventKind::Resolved => "resolved",
            EventKind::Reopened => "reopened",
            EventKind::Cancelled => "cancelled",
            EventKind::PriorityChanged { .. } => "priority_changed",
            EventKind::Assigned(plan) => {
                let origin = plan.as_ref().and_then(|plan| plan.origin.as_ref());
                match origin.map(|origin| &origin.by) {
                    Some(PlannedBy::Policy(_)) => "policy_assigned",
                    Some(PlannedBy::Rule(_) | PlannedBy::Request) | None => "rule_assigned",
                }
            }
            EventKind::Recalculated(_) => "recalculated",
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::domain::calendar::Calendar;
    use crate::domain::minutes::Minutes;
    use crate::domain::plan::PlanTargets;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    /// A ticket without events.
    pub fn ticket(created_at: Timestamp, priority: Priority, plan: Plan) -> Ticket {
        Ticket {
            id: TicketId::parse("ticket").expect("an id"),
            reference: None,
            created_at,
            updated_at: created_at,
            priority,
            plan: Some(Arc::new(plan)),
            assigned: None,
            events: Vec::new(),
            reported: Vec::new(),
            counted: Vec::new(),
            version: Version::default(),
            fingerprint: Digest::of("the request"),
        }
    }

    /// An event with this number for an id.
    pub fn event(number: usize, at: Timestamp, kind: EventKind) -> TicketEvent {
        TicketEvent {
            id: EventId::parse(&number.to_string()).expect("an id"),
            event: Event { at, kind },
        }
    }

    fn an_hour() -> Plan {
        let targets = PlanTargets {
            resolution: Minutes::new(60, Minutes::MAX_RULE_TARGET),
            ..PlanTargets::default()
        };
        Plan::new(targets, Arc::new(Calendar::always_open().clone()))
    }

    #[test]
    fn a_ticket_has_room_for_so_many_events_besides_its_recalculations() {
        let events = |numbers: std::ops::Range<usize>| {
            let events = numbers.map(|number| event(number, NOW, EventKind::AgentReply));
            events.collect()
        };
        let recalculation = || {
            let kind = EventKind::Recalculated(Arc::new(an_hour()));
            vec![event(MAX_EVENTS, NOW, kind)]
        };
        let empty = ticket(NOW, Priority::Low, an_hour());
        assert!(empty.with_events(events(0..MAX_EVENTS + 1), NOW).is_none());
        let full = empty.with_events(events(0..MAX_EVENTS), NOW).expect("room");
        assert!(full.with_events(events(0..1), NOW).is_none());
        let recalculated = full.with_events(recalculation(), NOW).expect("room");
        assert_eq!(recalculated.events.len(), MAX_EVENTS + 1);
        assert_eq!(recalculated.version, empty.version.next().next());
    }

    #[test]
    fn the_next_mark_of_a_ticket_is_the_first_event_or_mark_to_come() {
        let minute = |number| NOW + SignedDuration::from_mins(number);
        let ticket = |replies: &[i64]| {
            let mut ticket = ticket(NOW, Priority::Low, an_hour());
            let replies = replies.iter().enumerate();
            let replies =
                replies.map(|(number, at)| event(number, minute(*at), EventKind::AgentReply));
            ticket.events.extend(replies);
            ticket
        };
        let next = |ticket: &Ticket, now| {
            let mark = ticket.next_mark(&ticket.at(now), now);
            mark.map(|at| at.duration_since(NOW).as_mins())
        };
        // There is a warning at 80 % of an hour.
        assert_eq!(next(&ticket(&[]), NOW), Some(48));
        assert_eq!(next(&ticket(&[5, 3]), minute(1)), Some(3));
        assert_eq!(next(&ticket(&[5, 3]), minute(3)), Some(5));
        assert_eq!(next(&ticket(&[5, 3]), minute(5)), Some(48));
        assert_eq!(next(&ticket(&[200]), minute(61)), Some(200));
        assert_eq!(next(&ticket(&[]), minute(61)), None);
    }

    #[test]
    fn only_another_priority_or_rule_needs_a_plan() {
        for (kind, word) in [
            (NewEventKind::AgentReply, "agent_reply"),
            (NewEventKind::CustomerReply, "customer_reply"),
            (NewEventKind::Paused, "paused"),
            (NewEventKind::Resumed, "resumed"),
            (NewEventKind::Resolved, "resolved"),
            (NewEventKind::Reopened, "reopened"),
            (NewEventKind::Cancelled, "cancelled"),
            (NewEventKind::RuleAssigned(None), "rule_assigned"),
        ] {
            let event = kind.without_plan().expect("it needs none");
            assert_eq!(event.as_str(), word);
        }
        let rule = RuleId::new(NOW, &[0; 10]);
        let assigned = NewEventKind::RuleAssigned(Some(rule));
        for kind in [NewEventKind::PriorityChanged(Priority::Low), assigned] {
            assert!(kind.without_plan().is_none(), "{kind:?}");
        }
    }
}
