//! Tickets and their events, as clients write them.

use jiff::Timestamp;
use serde_json::Value;

use crate::domain::digest::Digest;
use crate::domain::id::{EventId, RuleId, TicketId};
use crate::domain::priority::Priority;
use crate::domain::text::Reference;
use crate::domain::ticket::{MAX_AHEAD, MAX_EVENTS_AT_ONCE, NewEvent, NewEventKind};
use crate::fields::{Fields, instant};
use crate::problem::{Problem, Reason, TeamProblem, TeamReason};

const EVENT_TYPES: &[&str] = &[
    "agent_reply",
    "customer_reply",
    "paused",
    "resumed",
    "resolved",
    "reopened",
    "priority_changed",
    "rule_assigned",
    "cancelled",
];

/// A request to create a ticket.
#[derive(Debug)]
pub struct NewTicket {
    /// Its id, if the client chooses it.
    pub id: Option<TicketId>,
    /// When it was created; now, if the client does not say.
    pub created_at: Timestamp,
    /// Its priority.
    pub priority: Priority,
    /// The rule that applies, whatever the priority.
    pub rule_id: Option<RuleId>,
    /// What the client calls it.
    pub reference: Option<Reference>,
    /// What has happened to it already.
    pub events: Vec<NewEvent>,
    /// A digest of the body.
    pub fingerprint: Digest,
}

/// A request to add events.
#[derive(Debug)]
pub enum NewEvents {
    /// The body is an event.
    One(NewEvent),
    /// The body has a list of events.
    Several(Vec<NewEvent>),
}

/// Reads a request to create a ticket.
pub fn new_ticket(mut fields: Fields, now: Timestamp) -> Result<NewTicket, Problem> {
    let fingerprint = fields.fingerprint();
    let id = fields.optional("id", TeamReason::NotAClientId, TicketId::parse);
    let created_at = match fields.take("createdAt") {
        None => Some(now),
        Some(value) => instant::member(&mut fields, "createdAt", &value),
    };
    let priority = fields.word("priority", Priority::WORDS, Priority::parse);
    let rule_id = fields.optional("ruleId", TeamReason::UnknownRule, RuleId::parse);
    let reference = reference(&mut fields);
    let events = match fields.take("events") {
        None => Some(Vec::new()),
        Some(value) => events(&mut fields, value, now),
    };
    let ticket = (|| {
        Some(NewTicket {
            id: id?,
            created_at: created_at?,
            priority: priority?,
            rule_id: rule_id?,
            reference: reference?,
            events: events?,
            fingerprint,
        })
    })();
    let ticket = fields.finish(ticket)?;
    not_ahead("createdAt", ticket.created_at, now)?;
    all_not_ahead(&ticket.events, now)?;
    Ok(ticket)
}

/// Reads a request to add events: one, or a list of at least one.
pub fn new_events(mut fields: Fields, now: Timestamp) -> Result<NewEvents, Problem> {
    let Some(value) = fields.take("events") else {
        let event = event(fields, now)?;
        not_ahead("at", event.at, now)?;
        return Ok(NewEvents::One(event));
    };
    let events = events(&mut fields, value, now);
    let events = match events {
        Some(events) if events.is_empty() => {
            fields.refuse("events", Reason::Team(TeamReason::NotEvents))
        }
        events => events,
    };
    let events = fields.finish(events)?;
    all_not_ahead(&events, now)?;
    Ok(NewEvents::Several(events))
}

/// Reads the events of a preview, which may lie ahead.
pub fn preview_events(fields: &mut Fields, now: Timestamp) -> Option<Option<Vec<NewEvent>>> {
    match fields.take("events") {
        None => Some(None),
        Some(value) => events(fields, value, now).map(Some),
    }
}

fn reference(fields: &mut Fields) -> Option<Option<Reference>> {
    if !fields.has("reference") {
        return Some(None);
    }
    let bounds = (Reference::MIN_CHARS, Reference::MAX_CHARS);
    fields.text("reference", bounds, Reference::new).map(Some)
}

fn events(fields: &mut Fields, value: Value, now: Timestamp) -> Option<Vec<NewEvent>> {
    let given = match value {
        Value::Array(given) if given.len() <= MAX_EVENTS_AT_ONCE => given,
        _ => return fields.refuse("events", Reason::Team(TeamReason::NotEvents)),
    };
    let mut events = Vec::with_capacity(given.len());
    let mut valid = true;
    for (index, value) in given.into_iter().enumerate() {
        let field = format!("events[{index}]");
        let Value::Object(members) = value else {
            return fields.refuse(field, Reason::Team(TeamReason::NotAnEvent));
        };
        match event(Fields::new(members), now) {
            Ok(event) => events.push(event),
            Err(Problem::Invalid(violations)) => {
                fields.refuse_within(&field, violations);
                valid = false;
            }
            Err(_) => return fields.refuse(field, Reason::Team(TeamReason::NotAnEvent)),
        }
    }
    valid.then_some(events)
}

fn event(mut fields: Fields, now: Timestamp) -> Result<NewEvent, Problem> {
    let id = fields.optional("id", TeamReason::NotAClientId, EventId::parse);
    let at = match fields.take("at") {
        None => Some(now),
        Some(value) => instant::member(&mut fields, "at", &value),
    };
    let kind = kind(&mut fields);
    let event = (|| {
        Some(NewEvent {
            id: id?,
            at: at?,
            kind: kind?,
        })
    })();
    fields.finish(event)
}

fn kind(fields: &mut Fields) -> Option<NewEventKind> {
    let word = fields.word("type", EVENT_TYPES, |word| Some(word.to_owned()))?;
    let kind = match word.as_str() {
        "agent_reply" => NewEventKind::AgentReply,
        "customer_reply" => NewEventKind::CustomerReply,
        "paused" => NewEventKind::Paused,
        "resumed" => NewEventKind::Resumed,
        "resolved" => NewEventKind::Resolved,
        "reopened" => NewEventKind::Reopened,
        "cancelled" => NewEventKind::Cancelled,
        "priority_changed" => {
            let priority = fields.word("priority", Priority::WORDS, Priority::parse)?;
            NewEventKind::PriorityChanged(priority)
        }
        "rule_assigned" => match fields.required("ruleId")? {
            Value::Null => NewEventKind::RuleAssigned(None),
            value => match value.as_str().and_then(RuleId::parse) {
                Some(id) => NewEventKind::RuleAssigned(Some(id)),
                None => return fields.refuse("ruleId", Reason::Team(TeamReason::UnknownRule)),
            },
        },
        _ => return fields.refuse("type", Reason::Team(TeamReason::NotOneOf(EVENT_TYPES))),
    };
    for (member, belongs_to) in [
        ("priority", "priority_changed"),
        ("ruleId", "rule_assigned"),
    ] {
        if fields.take(member).is_some() {
            let reason = TeamReason::BelongsTo { event: belongs_to };
            return fields.refuse(member, Reason::Team(reason));
        }
    }
    Some(kind)
}

fn all_not_ahead(events: &[NewEvent], now: Timestamp) -> Result<(), Problem> {
    for (index, event) in events.iter().enumerate() {
        not_ahead(&format!("events[{index}].at"), event.at, now)?;
    }
    Ok(())
}

fn not_ahead(field: &str, at: Timestamp, now: Timestamp) -> Result<(), Problem> {
    if at <= now.saturating_add(MAX_AHEAD).unwrap_or(Timestamp::MAX) {
        return Ok(());
    }
    Err(Problem::Team(TeamProblem::EventInFuture {
        field: field.to_owned(),
    }))
}
