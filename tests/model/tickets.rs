//! The model's tickets. It keeps what clients have reported as plain data, works out the state, the
//! priority and the plan by itself, and lets the walk of `clock/walk.rs` count the minutes.

#[path = "../clock/walk.rs"]
mod walk;

use std::cmp::Reverse;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};
use shared::domain::calendar::{Calendar, Schedule};
use shared::domain::clock::{Event, EventKind, Metric};
use shared::domain::minutes::Minutes;
use shared::domain::plan::{OnReopen, Plan, PlanTargets, WarnAtPercent};
use shared::domain::priority::Priority;

use super::{
    CLIENTS, Members, Model, Precondition, Rule, calendars, expect, expect_response, precondition,
    rule_step,
};
use crate::actors::Response;
use walk::{Found, Walk};

const MAX_STEPS: usize = 24;

/// A Monday, an hour or two before the model's calendars open. It is long ago, so what a running
/// cycle comes to has happened by now.
const MORNING: &str = "2026-03-02T08:00:00Z";

/// An instant that is far enough ahead for every cycle to be over.
const FAR_AHEAD: &str = "2100-01-01T00:00:00Z";

/// The longest target of the model's rules.
const MAX_TARGET: i64 = 60;

/// The days in which every calendar is open for longer than that.
const DAYS_UNTIL_OVER: i64 = 8;

const METRICS: [(&str, Metric); 3] = [
    ("firstResponse", Metric::FirstResponse),
    ("nextResponse", Metric::NextResponse),
    ("resolution", Metric::Resolution),
];

#[derive(Clone, Debug)]
pub enum Step {
    Create {
        client: usize,
        /// One of a few ids of the client's own.
        id: Option<usize>,
        /// Whether the body is that of the ticket which has this id, if there is one.
        again: bool,
        new: NewTicket,
    },
    AddEvents {
        client: usize,
        ticket: Which,
        events: Vec<NewEvent>,
        /// Whether the events are in a list, even if there is only one.
        listed: bool,
        precondition: Precondition,
    },
    Get {
        client: usize,
        ticket: Which,
        as_of: AsOf,
    },
    List {
        client: usize,
        states: &'static [&'static str],
        breached: bool,
        limit: Option<usize>,
    },
    Delete {
        client: usize,
        ticket: Which,
        precondition: Precondition,
    },
    ChangeSettings {
        client: usize,
        warn: Option<i64>,
        on_reopen: Option<&'static str>,
        precondition: Precondition,
    },
}

/// The nth resource of a client, or of the next one. It may not exist.
#[derive(Clone, Copy, Debug)]
pub struct Which {
    nth: usize,
    of_another: bool,
}

#[derive(Clone, Debug)]
pub struct NewTicket {
    /// Minutes after the morning.
    created: i64,
    priority: &'static str,
    rule: Option<Which>,
    reference: bool,
    events: Vec<NewEvent>,
}

#[derive(Clone, Debug)]
pub struct NewEvent {
    /// One of a few ids of the client's own.
    id: Option<usize>,
    /// Minutes after the creation, or far ahead.
    at: Option<i64>,
    kind: NewKind,
}

#[derive(Clone, Debug)]
pub enum NewKind {
    Plain(&'static str),
    PriorityChanged(&'static str),
    RuleAssigned(Option<Which>),
}

#[derive(Clone, Copy, Debug)]
pub enum AsOf {
    Now,
    /// Minutes after the creation.
    After(i64),
    FarAhead,
}

#[derive(Clone)]
pub struct Settings {
    warn_at_percent: i64,
    on_reopen: &'static str,
    version: u64,
}

#[derive(Clone)]
pub struct Ticket {
    id: String,
    /// What it was created with.
    body: Value,
    created_at: Timestamp,
    updated_at: Value,
    priority: &'static str,
    of_priority: Option<Planned>,
    assigned: Option<Planned>,
    /// In the order of their arrival.
    events: Vec<Reported>,
    version: u64,
}

#[derive(Clone)]
struct Reported {
    /// Unknown until the service shows the id that it chose.
    id: Option<String>,
    at: Timestamp,
    kind: Kind,
}

#[derive(Clone)]
enum Kind {
    Plain(&'static str),
    PriorityChanged(&'static str, Option<Planned>),
    RuleAssigned(Option<Planned>),
}

/// A plan, as clients see it and as the walk needs it.
#[derive(Clone)]
struct Planned {
    shown: Value,
    plan: Arc<Plan>,
}

/// What follows from the events without counting.
struct Facts {
    state: &'static str,
    closed_at: Option<Timestamp>,
    priority: &'static str,
    plan: Option<Planned>,
}

/// The metrics at an instant.
struct Walked {
    until: Timestamp,
    metrics: [Option<Found>; 3],
}

/// Some rules, and then requests about tickets, with some about rules and calendars.
pub fn sequence() -> impl Strategy<Value = Vec<super::Step>> {
    let steps = prop_oneof![
        16 => step().prop_map(super::Step::Tickets),
        2 => valid_rule(),
        2 => rule_step(),
        2 => calendars::step().prop_map(super::Step::Calendars),
    ];
    (vec(valid_rule(), 1..=3), vec(steps, 1..=MAX_STEPS)).prop_map(|(rules, steps)| {
        let both = rules.into_iter().chain(steps);
        both.collect()
    })
}

/// Mostly the first client, so that its tickets get some history.
fn client() -> impl Strategy<Value = usize> {
    prop_oneof![4 => Just(0), 2 => 1..CLIENTS]
}

fn valid_rule() -> impl Strategy<Value = super::Step> {
    (
        client(),
        select(vec!["low", "urgent"]),
        select(vec![5_u32, 10, 20]),
        select(vec![20_u32, 30, 60]),
        option::weighted(0.7, select(vec![5_u32, 15])),
        any::<bool>(),
        option::weighted(0.2, 0..2_usize),
    )
        .prop_map(
            |(client, priority, response, resolution, next_response, hours_only, calendar)| {
                super::Step::CreateRule {
                    client,
                    members: Members {
                        name: Some("a"),
                        priority: Some(priority),
                        response: Some(response),
                        resolution: Some(resolution),
                        hours_only: Some(hours_only),
                        enabled: None,
                        calendar: calendar.map(Some),
                        next_response: next_response.map(Some),
                    },
                    key: None,
                }
            },
        )
}

fn step() -> impl Strategy<Value = Step> {
    let states = select(vec![
        &[][..],
        &["resolved", "cancelled"],
        &["paused"],
        &["open", "paused", "resolved", "cancelled"],
    ]);
    let warn = select(vec![0_i64, 1, 33, 50, 99]);
    let on_reopen = select(vec!["continue", "restart", "ignore", "never"]);
    prop_oneof![
        4 => (client(), option::weighted(0.8, 0..3_usize), any::<bool>(), new_ticket())
            .prop_map(|(client, id, again, new)| Step::Create { client, id, again, new }),
        6 => (client(), which(), vec(new_event(), 1..=5), any::<bool>(), precondition())
            .prop_map(|(client, ticket, events, listed, precondition)| Step::AddEvents { client, ticket, events, listed, precondition }),
        6 => (client(), which(), as_of()).prop_map(|(client, ticket, as_of)| Step::Get { client, ticket, as_of }),
        2 => (client(), states, any::<bool>(), option::of(1..=2_usize))
            .prop_map(|(client, states, breached, limit)| Step::List { client, states, breached, limit }),
        1 => (client(), which(), precondition()).prop_map(|(client, ticket, precondition)| Step::Delete { client, ticket, precondition }),
        2 => (client(), option::of(warn), option::of(on_reopen), precondition())
            .prop_map(|(client, warn, on_reopen, precondition)| Step::ChangeSettings { client, warn, on_reopen, precondition }),
    ]
}

fn which() -> impl Strategy<Value = Which> {
    (0..3_usize, prop::bool::weighted(0.1)).prop_map(|(nth, of_another)| Which { nth, of_another })
}

fn new_ticket() -> impl Strategy<Value = NewTicket> {
    // Some are created shortly before the calendars open or close.
    let created = select(vec![0_i64, 50, 55, 60, 90, 465, 470, 525, 530]);
    (
        created,
        select(vec!["low", "urgent", "normal"]),
        option::weighted(0.2, which()),
        any::<bool>(),
        vec(new_event(), 0..5),
    )
        .prop_map(|(created, priority, rule, reference, events)| NewTicket {
            created,
            priority,
            rule,
            reference,
            events,
        })
}

fn new_event() -> impl Strategy<Value = NewEvent> {
    let at = prop_oneof![
        20 => (-2..=16_i64).prop_map(|fives| Some(fives * 5)),
        6 => (0..=80_i64).prop_map(Some),
        2 => select(vec![Some(24 * 60), Some(7 * 24 * 60 + 45)]),
        1 => Just(None),
    ];
    (option::weighted(0.6, 0..9_usize), at, new_kind()).prop_map(|(id, at, kind)| NewEvent {
        id,
        at,
        kind,
    })
}

fn new_kind() -> impl Strategy<Value = NewKind> {
    let plain = |word| Just(NewKind::Plain(word));
    prop_oneof![
        8 => plain("agent_reply"),
        10 => plain("customer_reply"),
        8 => plain("paused"),
        7 => plain("resumed"),
        5 => plain("resolved"),
        5 => plain("reopened"),
        1 => plain("cancelled"),
        7 => select(vec!["low", "urgent", "normal"]).prop_map(NewKind::PriorityChanged),
        4 => which().prop_map(|rule| NewKind::RuleAssigned(Some(rule))),
        3 => Just(NewKind::RuleAssigned(None)),
    ]
}

fn as_of() -> impl Strategy<Value = AsOf> {
    prop_oneof![
        9 => (0..=24_i64).prop_map(|fives| AsOf::After(fives * 5)),
        5 => (0..=90_i64).prop_map(AsOf::After),
        2 => select(vec![24 * 60 + 7, 7 * 24 * 60, 7 * 24 * 60 + 75, -1]).prop_map(AsOf::After),
        1 => Just(AsOf::Now),
        1 => Just(AsOf::FarAhead),
    ]
}

impl Model {
    pub async fn ticket_step(&mut self, step: Step) -> Result<(), String> {
        match step {
            Step::Create {
                client,
                id,
                again,
                new,
            } => self.create_ticket(client, id, again, &new).await,
            Step::AddEvents {
                client,
                ticket,
                events,
                listed,
                precondition,
            } => {
                self.add_events(client, ticket, &events, listed, precondition)
                    .await
            }
            Step::Get {
                client,
                ticket,
                as_of,
            } => self.get_ticket(client, ticket, as_of).await,
            Step::List {
                client,
                states,
                breached,
                limit,
            } => self.list_tickets(client, states, breached, limit).await,
            Step::Delete {
                client,
                ticket,
                precondition,
            } => self.delete_ticket(client, ticket, precondition).await,
            Step::ChangeSettings {
                client,
                warn,
                on_reopen,
                precondition,
            } => {
                self.change_settings(client, warn, on_reopen, precondition)
                    .await
            }
        }
    }

    async fn create_ticket(
        &mut self,
        client: usize,
        id: Option<usize>,
        again: bool,
        new: &NewTicket,
    ) -> Result<(), String> {
        let id = id.map(|number| format!("T-{number}"));
        let existing = self.tickets[client]
            .iter()
            .find(|ticket| Some(&ticket.id) == id.as_ref());
        let created_at = instant(MORNING) + SignedDuration::from_mins(new.created);
        let body = match existing.filter(|_| again) {
            // The order of the members does not matter.
            Some(existing) => reversed(&existing.body),
            None => self.ticket_body(client, id.as_deref(), created_at, new),
        };
        let path = self.tickets_path(client);
        let response = self.keys[client].0.post(&path, &body).await;
        if let Some(existing) = existing
            && existing.body == body
        {
            expect(response.header("location").is_none(), "no location")?;
            return existing.is_shown(&response, 200);
        }
        if new.events.iter().any(|event| event.at.is_none()) {
            return status_is(&response, 422);
        }
        let events = self.reported(client, created_at, &new.events, &[]);
        let rule = new.rule.map(|which| self.rule_planned(client, which));
        let (Some(events), None | Some(Some(_))) = (events, &rule) else {
            return status_is(&response, 400);
        };
        if existing.is_some() {
            return status_is(&response, 409);
        }
        let data = &response.json()["data"];
        let shown_id = data["id"].as_str().unwrap_or_default().to_owned();
        let ticket = Ticket {
            id: id.unwrap_or_else(|| shown_id.clone()),
            body,
            created_at,
            updated_at: data["updatedAt"].clone(),
            priority: new.priority,
            of_priority: self.priority_planned(client, new.priority),
            assigned: rule.flatten(),
            events,
            version: 1,
        };
        let location = format!("{path}/{}", ticket.id);
        self.tickets[client].push(ticket.clone());
        ticket.is_shown(&response, 201)?;
        expect(
            response.header("location") == Some(&location),
            "the location is the ticket's path",
        )
    }

    async fn add_events(
        &mut self,
        client: usize,
        ticket: Which,
        events: &[NewEvent],
        listed: bool,
        precondition: Precondition,
    ) -> Result<(), String> {
        let (path, index) = self.ticket(client, ticket);
        let current = index.map(|index| &self.tickets[client][index]);
        let version = current.map_or(1, |ticket| ticket.version);
        let created_at = current.map_or_else(|| instant(MORNING), |ticket| ticket.created_at);
        let mut bodies = events
            .iter()
            .map(|event| self.event_body(client, created_at, event));
        let body = if listed || events.len() > 1 {
            json!({"events": bodies.collect::<Vec<_>>()})
        } else {
            bodies.next().unwrap()
        };
        let response = precondition
            .add_to(&self.keys[client].0, "if-match", version)
            .post(&format!("{path}/events"), &body)
            .await;
        let (Some(index), Some(current)) = (index, current) else {
            return status_is(&response, 404);
        };
        if events.iter().any(|event| event.at.is_none()) {
            return status_is(&response, 422);
        }
        if matches!(precondition, Precondition::Stale) {
            return status_is(&response, 412);
        }
        let Some(new) = self.reported(client, created_at, events, &current.events) else {
            return status_is(&response, 400);
        };
        if new.is_empty() {
            return current.is_shown(&response, 200);
        }
        status_is(&response, 201)?;
        let updated_at = response.json()["data"]["updatedAt"].clone();
        let later = updated_at.as_str().and_then(|at| at.parse().ok());
        expect(
            later >= Some(instant(current.updated_at.as_str().unwrap_or_default())),
            "a write does not come before an earlier one",
        )?;
        let current = &mut self.tickets[client][index];
        current.events.extend(new);
        current.updated_at = updated_at;
        current.version += 1;
        current.is_shown(&response, 201)
    }

    async fn get_ticket(
        &mut self,
        client: usize,
        ticket: Which,
        as_of: AsOf,
    ) -> Result<(), String> {
        let (path, index) = self.ticket(client, ticket);
        let created_at = index.map(|index| self.tickets[client][index].created_at);
        let created_at = created_at.unwrap_or_else(|| instant(MORNING));
        let at = match as_of {
            AsOf::Now => None,
            AsOf::After(minutes) => Some(created_at + SignedDuration::from_mins(minutes)),
            AsOf::FarAhead => Some(instant(FAR_AHEAD)),
        };
        let query = at.map_or_else(String::new, |at| format!("&asOf={at}"));
        let response = self.keys[client]
            .0
            .get(&format!("{path}?events=true{query}"))
            .await;
        let Some(index) = index else {
            return status_is(&response, 404);
        };
        if at.is_some_and(|at| at < created_at) {
            return status_is(&response, 400);
        }
        let ticket = &mut self.tickets[client][index];
        let shown = response.json()["data"].clone();
        ticket.learn_ids(&shown["events"])?;
        let over = ticket.over_at();
        let walked = ticket.walked(at.unwrap_or(over).min(over));
        let mut view = ticket.view(&walked, at, &shown)?;
        view["events"] = ticket.events.iter().map(Reported::json).collect();
        expect_response(&response, 200, &json!({"success": true, "data": view}))?;
        ticket.is_tagged(&response)
    }

    async fn list_tickets(
        &self,
        client: usize,
        states: &[&str],
        breached: bool,
        limit: Option<usize>,
    ) -> Result<(), String> {
        let mut query = Vec::new();
        if !states.is_empty() {
            query.push(format!("state={}", states.join(",")));
        }
        if breached {
            query.push("status=breached".to_owned());
        }
        query.extend(limit.map(|limit| format!("limit={limit}")));
        let states = if states.is_empty() {
            &["open", "paused"][..]
        } else {
            states
        };
        let mut shown = Vec::new();
        let mut cursor = None;
        loop {
            let mut query = query.clone();
            query.extend(cursor.map(|cursor| format!("cursor={cursor}")));
            let path = format!("{}?{}", self.tickets_path(client), query.join("&"));
            let response = self.keys[client].0.get(&path).await;
            status_is(&response, 200)?;
            let page = response.json();
            let rows = page["data"].as_array().ok_or("a list")?;
            cursor = page["nextCursor"].as_str().map(str::to_owned);
            let is_page = limit.is_none_or(|limit| {
                rows.len() == limit || (rows.len() < limit && cursor.is_none())
            });
            expect(is_page, "a page is full, unless it is the last one")?;
            shown.extend(rows.iter().cloned());
            if cursor.is_none() {
                break;
            }
            expect(limit.is_some(), "everything is on one page")?;
        }
        let mut open = Vec::new();
        let mut closed = Vec::new();
        for ticket in &self.tickets[client] {
            let walked = ticket.walked(ticket.over_at());
            let facts = ticket.facts(walked.until);
            let is_breached = walked
                .metrics
                .iter()
                .flatten()
                .any(|found| found.status == "breached");
            if !states.contains(&facts.state) || (breached && !is_breached) {
                continue;
            }
            match facts.closed_at {
                None => {
                    let due = walked.next_due().unwrap_or(Timestamp::MAX);
                    open.push(((due, &ticket.id), (ticket, walked)));
                }
                Some(at) => closed.push((Reverse((at, &ticket.id)), (ticket, walked))),
            }
        }
        open.sort_by_key(|(key, _)| *key);
        closed.sort_by_key(|(key, _)| *key);
        let open = open.into_iter().map(|(_, row)| row);
        let rows = open.chain(closed.into_iter().map(|(_, row)| row));
        let mut expected = Vec::new();
        for (index, (ticket, walked)) in rows.enumerate() {
            let shown = shown.get(index).unwrap_or(&Value::Null);
            expected.push(ticket.view(&walked, None, shown)?);
        }
        // As texts, for the order of their members.
        let shown = Value::from(shown).to_string();
        let expected = Value::from(expected).to_string();
        expect(shown == expected, &format!("{shown} instead of {expected}"))
    }

    async fn delete_ticket(
        &mut self,
        client: usize,
        ticket: Which,
        precondition: Precondition,
    ) -> Result<(), String> {
        let (path, index) = self.ticket(client, ticket);
        let version = index.map_or(1, |index| self.tickets[client][index].version);
        let response = precondition
            .add_to(&self.keys[client].0, "if-match", version)
            .delete(&path)
            .await;
        let Some(index) = index else {
            return status_is(&response, 404);
        };
        if matches!(precondition, Precondition::Stale) {
            return status_is(&response, 412);
        }
        let ticket = self.tickets[client].remove(index);
        expect_response(
            &response,
            200,
            &json!({"success": true, "data": {"id": ticket.id, "deleted": true}}),
        )
    }

    async fn change_settings(
        &mut self,
        client: usize,
        warn: Option<i64>,
        on_reopen: Option<&'static str>,
        precondition: Precondition,
    ) -> Result<(), String> {
        let mut body = Map::new();
        body.extend(warn.map(|percent| ("warnAtPercent".to_owned(), percent.into())));
        body.extend(on_reopen.map(|choice| ("onReopen".to_owned(), choice.into())));
        let path = self.keys[client].1.replace("/rules", "/settings");
        let settings = &mut self.settings[client];
        let response = precondition
            .add_to(&self.keys[client].0, "if-match", settings.version)
            .patch(&path, &body.into())
            .await;
        if warn == Some(0) || on_reopen == Some("never") {
            return status_is(&response, 400);
        }
        if matches!(precondition, Precondition::Stale) {
            return status_is(&response, 412);
        }
        settings.warn_at_percent = warn.unwrap_or(settings.warn_at_percent);
        settings.on_reopen = on_reopen.unwrap_or(settings.on_reopen);
        settings.version += 1;
        let data = json!({"warnAtPercent": settings.warn_at_percent,
            "onReopen": settings.on_reopen, "escalations": []});
        expect_response(&response, 200, &json!({"success": true, "data": data}))?;
        expect(
            response.header("etag") == Some(&format!("\"{}\"", settings.version)),
            "the tag is the version",
        )
    }

    fn tickets_path(&self, client: usize) -> String {
        self.keys[client].1.replace("/rules", "/tickets")
    }

    /// The path of a ticket under the client's own team, and its index if it is the client's.
    fn ticket(&self, client: usize, which: Which) -> (String, Option<usize>) {
        let named = self.tickets[which.owner(client)].get(which.nth);
        let id = named.map_or("T-none", |ticket| &ticket.id);
        let mut own = self.tickets[client].iter();
        let index = own.position(|ticket| ticket.id == id);
        (format!("{}/{id}", self.tickets_path(client)), index)
    }

    fn rule_id(&self, client: usize, which: Which) -> String {
        let rule = self.rules[which.owner(client)].get(which.nth);
        rule.map_or_else(|| format!("sla_{}", "0".repeat(32)), |rule| rule.id.clone())
    }

    fn ticket_body(
        &self,
        client: usize,
        id: Option<&str>,
        created_at: Timestamp,
        new: &NewTicket,
    ) -> Value {
        let mut body = Map::new();
        let mut add = |name: &str, value: Value| body.insert(name.to_owned(), value);
        if let Some(id) = id {
            add("id", id.into());
        }
        add("createdAt", created_at.to_string().into());
        add("priority", new.priority.into());
        if let Some(rule) = new.rule {
            add("ruleId", self.rule_id(client, rule).into());
        }
        if new.reference {
            add("reference", "r".into());
        }
        if !new.events.is_empty() {
            let events = new.events.iter();
            let events = events.map(|event| self.event_body(client, created_at, event));
            add("events", events.collect());
        }
        body.into()
    }

    fn event_body(&self, client: usize, created_at: Timestamp, event: &NewEvent) -> Value {
        let mut body = Map::new();
        let mut add = |name: &str, value: Value| body.insert(name.to_owned(), value);
        if let Some(id) = event.id() {
            add("id", id.into());
        }
        add("at", event.at(created_at).to_string().into());
        match &event.kind {
            NewKind::Plain(word) => add("type", (*word).into()),
            NewKind::PriorityChanged(priority) => {
                add("type", "priority_changed".into());
                add("priority", (*priority).into())
            }
            NewKind::RuleAssigned(rule) => {
                add("type", "rule_assigned".into());
                let rule = rule.map(|rule| self.rule_id(client, rule));
                add("ruleId", rule.into())
            }
        };
        body.into()
    }

    /// Those of these events that are new, each id once, with the plans that they decide now; `None`
    /// if one of them names a rule that does not exist.
    fn reported(
        &self,
        client: usize,
        created_at: Timestamp,
        events: &[NewEvent],
        known: &[Reported],
    ) -> Option<Vec<Reported>> {
        let mut new: Vec<Reported> = Vec::new();
        for event in events {
            let id = event.id();
            let mut all = known.iter().chain(&new);
            if id.is_some() && all.any(|other| other.id == id) {
                continue;
            }
            let kind = match &event.kind {
                NewKind::Plain(word) => Kind::Plain(word),
                NewKind::PriorityChanged(priority) => {
                    Kind::PriorityChanged(priority, self.priority_planned(client, priority))
                }
                NewKind::RuleAssigned(None) => Kind::RuleAssigned(None),
                NewKind::RuleAssigned(Some(rule)) => {
                    Kind::RuleAssigned(Some(self.rule_planned(client, *rule)?))
                }
            };
            new.push(Reported {
                id,
                at: event.at(created_at),
                kind,
            });
        }
        Some(new)
    }

    /// The plan of the rule that applies to a priority now.
    fn priority_planned(&self, client: usize, priority: &str) -> Option<Planned> {
        let mut rules = self.rules[client].iter();
        let applies =
            |rule: &&Rule| rule.members["priority"] == priority && rule.members["enabled"] == true;
        rules.find(applies).map(|rule| self.planned(client, rule))
    }

    fn rule_planned(&self, client: usize, which: Which) -> Option<Planned> {
        let id = self.rule_id(client, which);
        let mut rules = self.rules[client].iter();
        let rule = rules.find(|rule| rule.id == id)?;
        Some(self.planned(client, rule))
    }

    fn planned(&self, client: usize, rule: &Rule) -> Planned {
        let settings = &self.settings[client];
        let mut targets = Map::new();
        for (metric, member) in [
            ("firstResponse", "responseTarget"),
            ("nextResponse", "nextResponseTarget"),
            ("resolution", "resolutionTarget"),
        ] {
            let target = rule.members.get(member);
            targets.extend(target.map(|target| (metric.to_owned(), target.clone())));
        }
        let minutes = |metric: &str| Minutes::new(targets.get(metric)?.as_i64()?, 1_000);
        let counted = self.counted_calendar(client, Some(rule)).unwrap();
        let (shown, calendar) = match counted {
            (Some(of_team), source) => (
                json!({"id": of_team.id, "version": of_team.schedule_version,
                    "timeZone": of_team.zone, "source": source}),
                calendar(of_team.zone, 1, ("09:00", "17:00")),
            ),
            (None, "none") => (
                json!({"timeZone": "UTC", "source": "none"}),
                calendar("UTC", 7, ("00:00", "24:00")),
            ),
            (None, source) => (
                json!({"timeZone": "UTC", "source": source}),
                calendar("UTC", 5, ("09:00", "17:00")),
            ),
        };
        let plan = Plan {
            targets: PlanTargets {
                first_response: minutes("firstResponse"),
                next_response: minutes("nextResponse"),
                resolution: minutes("resolution"),
            },
            calendar: Arc::new(calendar),
            warn_at_percent: WarnAtPercent::new(settings.warn_at_percent).unwrap(),
            on_reopen: OnReopen::parse(settings.on_reopen).unwrap(),
            escalations: Vec::new(),
            origin: None,
        };
        Planned {
            shown: json!({"ruleId": rule.id, "version": rule.version, "targets": targets,
                "calendar": shown, "warnAtPercent": settings.warn_at_percent,
                "onReopen": settings.on_reopen}),
            plan: Arc::new(plan),
        }
    }
}

impl Which {
    fn owner(self, client: usize) -> usize {
        (client + usize::from(self.of_another)) % CLIENTS
    }
}

impl NewEvent {
    fn id(&self) -> Option<String> {
        self.id.map(|number| format!("e{number}"))
    }

    fn at(&self, created_at: Timestamp) -> Timestamp {
        self.at.map_or_else(
            || instant(FAR_AHEAD),
            |minutes| created_at + SignedDuration::from_mins(minutes),
        )
    }
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            warn_at_percent: 80,
            on_reopen: "continue",
            version: 0,
        }
    }
}

impl Reported {
    fn json(&self) -> Value {
        let mut json = json!({"id": self.id, "at": self.at.to_string()});
        match &self.kind {
            Kind::Plain(word) => json["type"] = json!(word),
            Kind::PriorityChanged(priority, _) => {
                json["type"] = json!("priority_changed");
                json["priority"] = json!(priority);
            }
            Kind::RuleAssigned(planned) => {
                json["type"] = json!("rule_assigned");
                let rule = planned.as_ref().map(|planned| &planned.shown["ruleId"]);
                json["ruleId"] = json!(rule);
            }
        }
        json
    }

    /// The event as the walk needs it.
    fn event(&self, created_at: Timestamp) -> Event {
        let plan = |planned: &Option<Planned>| planned.as_ref().map(|it| Arc::clone(&it.plan));
        let kind = match &self.kind {
            Kind::Plain("agent_reply") => EventKind::AgentReply,
            Kind::Plain("customer_reply") => EventKind::CustomerReply,
            Kind::Plain("paused") => EventKind::Paused,
            Kind::Plain("resumed") => EventKind::Resumed,
            Kind::Plain("resolved") => EventKind::Resolved,
            Kind::Plain("reopened") => EventKind::Reopened,
            Kind::Plain(_) => EventKind::Cancelled,
            Kind::PriorityChanged(priority, planned) => EventKind::PriorityChanged {
                priority: Priority::parse(priority).unwrap(),
                plan: plan(planned),
            },
            Kind::RuleAssigned(planned) => EventKind::Assigned(plan(planned)),
        };
        let at = self.at.max(created_at);
        Event { at, kind }
    }
}

impl Ticket {
    /// The events in the order in which they count, each with the instant at which it does.
    fn ordered(&self) -> Vec<(Timestamp, &Reported)> {
        let events = self.events.iter();
        let mut ordered: Vec<_> = events
            .map(|event| (event.at.max(self.created_at), event))
            .collect();
        ordered.sort_by_key(|(_, event)| event.at);
        ordered
    }

    fn facts(&self, as_of: Timestamp) -> Facts {
        let mut facts = Facts {
            state: "open",
            closed_at: None,
            priority: self.priority,
            plan: None,
        };
        let (mut of_priority, mut assigned) = (&self.of_priority, &self.assigned);
        for (at, event) in self.ordered() {
            if at > as_of || facts.state == "cancelled" {
                break;
            }
            match (&event.kind, facts.state) {
                (Kind::Plain("paused"), "open") => facts.state = "paused",
                (Kind::Plain("resumed" | "customer_reply"), "paused") => facts.state = "open",
                (Kind::Plain("reopened" | "customer_reply"), "resolved") => {
                    facts.state = "open";
                    facts.closed_at = None;
                }
                (Kind::Plain("resolved"), "open" | "paused") => {
                    facts.state = "resolved";
                    facts.closed_at = Some(at);
                }
                (Kind::Plain("cancelled"), _) => {
                    facts.state = "cancelled";
                    facts.closed_at = Some(at);
                }
                (Kind::PriorityChanged(priority, planned), _) => {
                    facts.priority = *priority;
                    if planned.is_some() {
                        of_priority = planned;
                    }
                }
                (Kind::RuleAssigned(planned), _) => assigned = planned,
                _ => {}
            }
        }
        facts.plan = assigned.clone().or_else(|| of_priority.clone());
        facts
    }

    /// An instant at which every running cycle has used up its target, and all events have happened.
    fn over_at(&self) -> Timestamp {
        let last = self.ordered().last().map(|(at, _)| *at);
        let length = if self.counts_every_hour() {
            SignedDuration::from_mins(MAX_TARGET + 1)
        } else {
            SignedDuration::from_hours(24 * DAYS_UNTIL_OVER)
        };
        last.unwrap_or(self.created_at) + length
    }

    fn counts_every_hour(&self) -> bool {
        let decided = self.events.iter().map(|event| match &event.kind {
            Kind::PriorityChanged(_, planned) | Kind::RuleAssigned(planned) => planned.as_ref(),
            Kind::Plain(_) => None,
        });
        let first = [self.of_priority.as_ref(), self.assigned.as_ref()];
        let mut plans = decided.chain(first).flatten();
        plans.all(|planned| planned.shown["calendar"]["source"] == "none")
    }

    /// Walks up to an instant. A plan that is assigned at the creation is an event of its own.
    fn walked(&self, until: Timestamp) -> Walked {
        let plan = |planned: &Planned| Arc::clone(&planned.plan);
        let assigned = self.assigned.iter().map(|planned| Event {
            at: self.created_at,
            kind: EventKind::Assigned(Some(plan(planned))),
        });
        let reported = self.ordered().into_iter();
        let reported = reported.map(|(_, event)| event.event(self.created_at));
        let events: Vec<Event> = assigned.chain(reported).collect();
        let first = self.of_priority.as_ref().map(plan);
        let walk = Walk::new(self.created_at, first, &events, until);
        Walked {
            until,
            metrics: METRICS.map(|(_, metric)| walk.found(metric, until)),
        }
    }

    /// The ticket as it must be shown now, as the answer to a write.
    fn is_shown(&self, response: &Response, status: u16) -> Result<(), String> {
        let walked = self.walked(self.over_at());
        let view = self.view(&walked, None, &response.json()["data"])?;
        expect_response(response, status, &json!({"success": true, "data": view}))?;
        self.is_tagged(response)
    }

    fn is_tagged(&self, response: &Response) -> Result<(), String> {
        expect(
            response.header("etag") == Some(&format!("\"{}\"", self.version)),
            "the tag is the version",
        )
    }

    /// The ticket as it must be shown at an instant that is not before the end of the walk; `None` is
    /// now. What the walk does not know is taken from `shown`.
    fn view(
        &self,
        walked: &Walked,
        as_of: Option<Timestamp>,
        shown: &Value,
    ) -> Result<Value, String> {
        let facts = self.facts(walked.until);
        let mut view = json!({
            "id": self.id, "priority": facts.priority, "state": facts.state,
            "createdAt": self.created_at.to_string(), "updatedAt": self.updated_at,
            "plan": facts.plan.map(|planned| planned.shown),
        });
        for ((name, _), found) in METRICS.iter().zip(&walked.metrics) {
            let Some(found) = found else {
                view[name] = json!({"status": "idle"});
                continue;
            };
            let is_paused =
                *name == "resolution" && found.stopped_at.is_none() && facts.state == "paused";
            let is_running = found.stopped_at.is_none() && !is_paused;
            let is_over = found.status == "breached" || !is_running;
            expect(
                as_of == Some(walked.until) || is_over,
                "a walk that is long enough",
            )?;
            let walked_seconds = found.elapsed_minutes * 60;
            let elapsed = match as_of {
                _ if !is_running => walked_seconds,
                Some(as_of) if as_of == walked.until || self.counts_every_hour() => {
                    walked_seconds + as_of.duration_since(walked.until).as_secs()
                }
                _ => {
                    let elapsed = shown[name]["elapsedSeconds"].as_i64().unwrap_or_default();
                    elapsed.max(walked_seconds)
                }
            };
            view[name] = metric(found, elapsed, is_paused, &shown[name]);
        }
        if let Some(reference) = self.body.get("reference") {
            view["reference"] = reference.clone();
        }
        let ahead = self.events.iter().map(|event| event.at);
        let ahead = ahead.filter(|at| *at > walked.until).min();
        match walked.next_mark() {
            Some(mark) => {
                let next = [mark, ahead].into_iter().flatten().min();
                if let Some(next) = next {
                    view["nextMarkAt"] = next.to_string().into();
                }
            }
            None => {
                if let Some(shown) = shown.get("nextMarkAt") {
                    view["nextMarkAt"] = shown.clone();
                }
            }
        }
        Ok(view)
    }

    /// Takes the ids that the service chose, the first time that it shows them.
    fn learn_ids(&mut self, shown: &Value) -> Result<(), String> {
        let shown = shown.as_array().ok_or("a list of events")?;
        let before = self.events.clone();
        for (event, shown) in self.events.iter_mut().zip(shown) {
            if event.id.is_none() {
                let id = shown["id"].as_str().unwrap_or_default().to_owned();
                let is_new = before.iter().all(|other| other.id.as_ref() != Some(&id));
                expect(id.starts_with("evt_") && is_new, "an id of the service's")?;
                event.id = Some(id);
            }
        }
        Ok(())
    }
}

impl Walked {
    /// When the first target of an open cycle is used up.
    fn next_due(&self) -> Option<Timestamp> {
        let open = self.metrics.iter().flatten();
        let open = open.filter(|found| found.stopped_at.is_none());
        open.filter_map(|found| found.due_at.flatten()).min()
    }

    /// When the next warning or breach begins; `None` if the walk does not know.
    fn next_mark(&self) -> Option<Option<Timestamp>> {
        let mut marks = Vec::new();
        for found in self.metrics.iter().flatten() {
            marks.push(match found.status {
                "active" => found.warn_at?,
                "warning" => found.breach_at?.or(found.due_at?),
                _ => None,
            });
        }
        Some(marks.into_iter().flatten().min())
    }
}

fn metric(found: &Found, elapsed: i64, is_paused: bool, shown: &Value) -> Value {
    let target = found.target_minutes;
    let mut json = json!({
        "status": found.status, "cycle": found.cycle, "targetMinutes": target,
        "elapsedSeconds": elapsed, "remainingSeconds": (target * 60 - elapsed).max(0),
    });
    if is_paused {
        json["paused"] = true.into();
    }
    for (name, at) in [
        ("dueAt", found.due_at),
        ("breachAt", found.breach_at),
        ("warnAt", found.warn_at),
        ("breachedAt", Some(found.breached_at)),
        ("stoppedAt", Some(found.stopped_at)),
    ] {
        let value = match at {
            Some(at) => at.map(|at| at.to_string().into()),
            None => shown.get(name).cloned(),
        };
        if let Some(value) = value {
            json[name] = value;
        }
    }
    if let Some(by) = found.stopped_by {
        json["stoppedBy"] = by.into();
    }
    json
}

/// The first days of the week, Monday first, with the same hours.
fn calendar(zone: &str, days: usize, (from, to): (&str, &str)) -> Calendar {
    let mut schedule = Schedule {
        time_zone: zone.to_owned(),
        ..Schedule::default()
    };
    for day in schedule.hours.iter_mut().take(days) {
        day.push((from.to_owned(), to.to_owned()));
    }
    Calendar::parse(&schedule).unwrap()
}

fn reversed(body: &Value) -> Value {
    let members = body.as_object().into_iter().flatten().rev();
    let members = members.map(|(name, value)| (name.clone(), value.clone()));
    members.collect::<Map<_, _>>().into()
}

fn status_is(response: &Response, status: u16) -> Result<(), String> {
    expect(
        response.status == status,
        &format!("{} instead of {status}: {}", response.status, response.body),
    )
}

fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}
