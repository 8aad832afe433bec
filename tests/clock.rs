//! The clocks of tickets, compared with the reference histories, and with a walk through every minute
//! of random ones. It tests `shared` alone and needs no service.
//!
//! `DUELINE_HISTORIES` is the number of random histories (1,000 by default), `DUELINE_SEED` the seed.
//! A failure prints the seed and the shortest history that fails.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

#[path = "clock/facts.rs"]
mod facts;
#[path = "clock/marks.rs"]
mod marks;
#[path = "clock/reports.rs"]
mod reports;
#[path = "clock/scenes.rs"]
mod scenes;
#[path = "clock/walk.rs"]
mod walk;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use scenes::for_random_scenes;
use serde_json::{Map, Value, json};
use shared::domain::calendar::{Calendar, Schedule, WEEKDAYS};
use shared::domain::clock::{Clock, Event, EventKind, History, Metric, Standing};
use shared::domain::deadline::OpenPeriod;
use shared::domain::minutes::Minutes;
use shared::domain::plan::{OnReopen, Plan, PlanTargets, WarnAtPercent};
use shared::domain::priority::Priority;

const HISTORIES: &str = include_str!("tickets.jsonl");
const WORLDS: &str = include_str!("ticket-worlds.json");

/// This history was computed with older time zone data. From 20 September 2026 on, Morocco's offset is
/// zero, so the second of two open days ends at midnight UTC, and the target is used up within it
/// instead of on the next open day.
const STALE_CASE: u64 = 192;

/// The plan of each priority that has a rule.
type World = BTreeMap<Priority, Arc<Plan>>;

static REFERENCE_WORLDS: LazyLock<Vec<World>> = LazyLock::new(|| {
    let worlds: Vec<Value> = serde_json::from_str(WORLDS).unwrap();
    worlds.iter().map(world).collect()
});

#[test]
fn reference_histories() {
    let mut wrong = Vec::new();
    let mut counted = 0;
    for line in HISTORIES.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let world = &REFERENCE_WORLDS[usize::try_from(case["world"].as_u64().unwrap()).unwrap()];
        let as_of = instant(&case["asOf"]);
        let clock = history(world, &case).at(as_of);
        let (found, mut expected) = (view(&clock, as_of), case["expect"].clone());
        if case["id"] == STALE_CASE {
            expected["resolution"]["dueAt"] = "2026-09-22T23:34:00Z".into();
        }
        if found != expected {
            wrong.push(format!("{}\n  {found}\n  {expected}", case["id"]));
        }
        counted += 1;
    }
    assert!(
        wrong.is_empty(),
        "{} of {counted}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert_eq!(counted, 200);
}

#[test]
fn random_histories_agree_with_the_walk() {
    for_random_scenes(|scene| {
        let history = scene.history(scene.events.clone());
        let clock = history.at(scene.as_of);
        let mut events = scene.events.clone();
        events.sort_by_key(|event| event.at);
        let walk = walk::Walk::new(scene.created_at, scene.plan.clone(), &events, scene.as_of);
        prop_assert_eq!(clock.state(), walk.state);
        prop_assert!(are_one(clock.plan(), walk.plan.as_ref()));
        prop_assert!(are_one(clock.assigned(), walk.assigned.as_ref()));
        let closed_at = clock.closed_at(scene.as_of);
        prop_assert_eq!(closed_at, walk.closed_at.unwrap_or(scene.as_of));
        let mut open_due = Vec::new();
        for metric in Metric::ALL {
            let standing = clock.standing(metric, scene.as_of);
            match (standing, walk.found(metric, scene.as_of)) {
                (None, None) => {}
                (Some(standing), Some(found)) => {
                    agree(metric, &standing, &found)?;
                    periods_add_up(&clock, metric, &standing)?;
                    if found.stopped_at.is_none() {
                        open_due.push(found.due_at);
                    }
                }
                (standing, found) => {
                    let message = format!("{metric:?}: {standing:?}\n{found:?}");
                    return Err(TestCaseError::fail(message));
                }
            }
        }
        // None of them must be one before which the walk has given up.
        if let Some(due) = open_due.into_iter().collect::<Option<Vec<_>>>() {
            let first = due.into_iter().flatten().min();
            prop_assert_eq!(clock.next_due(scene.as_of), first);
        }
        facts::agree(&history.facts(scene.as_of), &walk, scene.as_of)?;
        marks::are_told_as_they_were(&scene, &history, &clock)?;
        marks::agree(&clock.marks(scene.as_of), walk.marks())
    });
}

fn are_one(ours: Option<&Arc<Plan>>, theirs: Option<&Arc<Plan>>) -> bool {
    ours.map(Arc::as_ptr) == theirs.map(Arc::as_ptr)
}

/// The open periods of a cycle are its elapsed time, or its target if it runs and is in time.
fn periods_add_up(clock: &Clock, metric: Metric, standing: &Standing) -> Result<(), TestCaseError> {
    let periods = clock.periods(metric);
    let length = |period: &OpenPeriod| period.from().duration_until(period.to());
    let total: SignedDuration = periods.iter().map(length).sum();
    let target = SignedDuration::from_mins(standing.target.get().into());
    if standing.stop.is_some() || standing.is_paused {
        prop_assert_eq!(total, standing.elapsed, "{:?}", standing);
    } else if standing.due_at.is_some() && standing.elapsed <= target {
        prop_assert_eq!(total, target, "{:?}", standing);
    }
    Ok(())
}

fn agree(metric: Metric, standing: &Standing, found: &walk::Found) -> Result<(), TestCaseError> {
    let same = |name: &str, ours: Option<Timestamp>, theirs: Option<Option<Timestamp>>| {
        // The walk has given up before it found an instant.
        let Some(theirs) = theirs else { return Ok(()) };
        prop_assert_eq!(
            ours,
            theirs,
            "{:?} {}: {:?}\n{:?}",
            metric,
            name,
            standing,
            found
        );
        Ok(())
    };
    prop_assert_eq!(
        standing.status.as_str(),
        found.status,
        "{:?}\n{:?}",
        standing,
        found
    );
    prop_assert_eq!(standing.cycle, found.cycle);
    prop_assert_eq!(i64::from(standing.target.get()), found.target_minutes);
    prop_assert_eq!(standing.stop.map(|stop| stop.by.as_str()), found.stopped_by);
    prop_assert_eq!(
        standing.elapsed,
        SignedDuration::from_mins(found.elapsed_minutes)
    );
    same("breachedAt", standing.breached_at, Some(found.breached_at))?;
    same(
        "stoppedAt",
        standing.stop.map(|stop| stop.at),
        Some(found.stopped_at),
    )?;
    same("dueAt", standing.due_at, found.due_at)?;
    same("breachAt", standing.breach_at, found.breach_at)?;
    same("warnAt", standing.warn_at, found.warn_at)
}

#[test]
fn the_order_of_arrival_and_later_events_do_not_matter() {
    for_random_scenes(|scene| {
        let expected = scene.view(scene.events.clone());
        // The events of one instant apply in the order of their arrival.
        let mut reversed = scene.events.clone();
        reversed.sort_by_key(|event| std::cmp::Reverse(event.at));
        prop_assert_eq!(&scene.view(reversed), &expected);
        let mut known = scene.events.clone();
        known.retain(|event| event.at <= scene.as_of);
        prop_assert_eq!(&scene.view(known), &expected);
        Ok(())
    });
}

#[test]
fn a_breach_stays_and_cycles_are_never_taken_back() {
    for_random_scenes(|scene| {
        let mut events = scene.events.clone();
        events.retain(|event| !matches!(event.kind, EventKind::Recalculated(_)));
        let history = scene.history(events);
        for metric in Metric::ALL {
            let mut before: Option<Standing> = None;
            for hours in 0..72 {
                let as_of = scene.created_at + SignedDuration::from_hours(hours);
                // A new cycle is idle if the plan has no target for it.
                let Some(now) = history.at(as_of).standing(metric, as_of) else {
                    continue;
                };
                if let Some(before) = before {
                    prop_assert!(now.cycle >= before.cycle, "{:?}\n{:?}", before, now);
                    if now.cycle == before.cycle && before.breached_at.is_some() {
                        prop_assert_eq!(now.breached_at, before.breached_at);
                    }
                }
                before = Some(now);
            }
        }
        Ok(())
    });
}

fn history(world: &World, case: &Value) -> History {
    let priority = priority(&case["ticket"]["priority"]);
    let events = case["events"].as_array().unwrap().iter();
    let events = events.map(|event| Event {
        at: instant(&event["at"]),
        kind: kind(world, event),
    });
    History::new(
        instant(&case["ticket"]["createdAt"]),
        priority,
        world.get(&priority).cloned(),
        None,
        events.collect(),
    )
}

fn kind(world: &World, event: &Value) -> EventKind {
    match event["type"].as_str().unwrap() {
        "agent_reply" => EventKind::AgentReply,
        "customer_reply" => EventKind::CustomerReply,
        "paused" => EventKind::Paused,
        "resumed" => EventKind::Resumed,
        "resolved" => EventKind::Resolved,
        "reopened" => EventKind::Reopened,
        "cancelled" => EventKind::Cancelled,
        "priority_changed" => {
            let priority = priority(&event["priority"]);
            EventKind::PriorityChanged {
                priority,
                plan: world.get(&priority).cloned(),
            }
        }
        other => unreachable!("{other}"),
    }
}

/// A ticket as the reference histories show it.
fn view(clock: &Clock, as_of: Timestamp) -> Value {
    let metric = |metric| {
        let Some(standing) = clock.standing(metric, as_of) else {
            return json!({"status": "idle"});
        };
        let mut view = Map::new();
        let mut add = |name: &str, value: Value| view.insert(name.to_owned(), value);
        add("status", standing.status.as_str().into());
        add("cycle", standing.cycle.into());
        add("targetMinutes", standing.target.get().into());
        add("elapsedSeconds", standing.elapsed.as_secs().into());
        add("remainingSeconds", standing.remaining.as_secs().into());
        if standing.is_paused {
            add("paused", true.into());
        }
        let stopped_at = standing.stop.map(|stop| stop.at);
        for (name, instant) in [
            ("dueAt", standing.due_at),
            ("breachAt", standing.breach_at),
            ("warnAt", standing.warn_at),
            ("breachedAt", standing.breached_at),
            ("stoppedAt", stopped_at),
        ] {
            if let Some(instant) = instant {
                add(name, instant.to_string().into());
            }
        }
        if let Some(stop) = standing.stop {
            add("stoppedBy", stop.by.as_str().into());
        }
        Value::Object(view)
    };
    json!({
        "state": clock.state().as_str(),
        "priority": clock.priority().as_str(),
        "firstResponse": metric(Metric::FirstResponse),
        "nextResponse": metric(Metric::NextResponse),
        "resolution": metric(Metric::Resolution),
    })
}

fn world(value: &Value) -> World {
    let settings = &value["settings"];
    let calendars: BTreeMap<&str, Arc<Calendar>> = value["calendars"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, calendar)| {
            let calendar = Calendar::parse(&schedule(calendar)).unwrap();
            (name.as_str(), Arc::new(calendar))
        })
        .collect();
    let rules = value["rules"].as_object().unwrap().iter();
    rules
        .map(|(name, rule)| {
            let minutes = |member: &str| {
                let minutes = rule[member].as_i64()?;
                Minutes::new(minutes, Minutes::MAX_RULE_TARGET)
            };
            let calendar = match rule["businessHoursOnly"].as_bool().unwrap() {
                true => Arc::clone(&calendars[rule["calendar"].as_str().unwrap()]),
                false => Arc::new(Calendar::always_open().clone()),
            };
            let plan = Plan {
                targets: PlanTargets {
                    first_response: minutes("responseTarget"),
                    next_response: minutes("nextResponseTarget"),
                    resolution: minutes("resolutionTarget"),
                },
                calendar,
                warn_at_percent: WarnAtPercent::new(settings["warnAtPercent"].as_i64().unwrap())
                    .unwrap(),
                on_reopen: OnReopen::parse(settings["onReopen"].as_str().unwrap()).unwrap(),
                escalations: Vec::new(),
                origin: None,
            };
            (Priority::parse(name).unwrap(), Arc::new(plan))
        })
        .collect()
}

fn schedule(value: &Value) -> Schedule {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let day = |value: &Value| -> Vec<(String, String)> {
        let intervals = value.as_array().map(Vec::as_slice).unwrap_or_default();
        intervals
            .iter()
            .map(|pair| (text(&pair[0]), text(&pair[1])))
            .collect()
    };
    let holidays = value["holidays"].as_array().into_iter().flatten();
    let exceptions = value["exceptions"].as_object().into_iter().flatten();
    Schedule {
        time_zone: text(&value["timeZone"]),
        hours: WEEKDAYS.map(|weekday| day(&value["hours"][weekday])),
        holidays: holidays.map(text).collect(),
        exceptions: exceptions
            .map(|(date, hours)| (date.clone(), day(hours)))
            .collect(),
    }
}

fn priority(value: &Value) -> Priority {
    Priority::parse(value.as_str().unwrap()).unwrap()
}

fn instant(value: &Value) -> Timestamp {
    value.as_str().unwrap().parse().unwrap()
}
