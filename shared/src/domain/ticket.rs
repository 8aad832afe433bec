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
