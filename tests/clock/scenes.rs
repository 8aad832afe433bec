//! Random tickets, and how a test is run on many of them.

use std::env;
use std::fmt;
use std::sync::{Arc, LazyLock};

use jiff::{SignedDuration, Timestamp};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngSeed, TestError, TestRunner};
use serde_json::{Value, json};
use shared::domain::calendar::Calendar;
use shared::domain::clock::{Event, EventKind, History, Metric};
use shared::domain::coverage::CoverageSource;
use shared::domain::id::RuleId;
use shared::domain::minutes::Minutes;
use shared::domain::plan::{
    Escalation, OnReopen, Plan, PlanOrigin, PlanTargets, PlannedBy, WarnAtPercent,
};
use shared::domain::priority::Priority;
use shared::domain::version::Version;

use crate::{schedule, view};

/// A random history and the instant at which it is looked at.
#[derive(Clone)]
pub struct Scene {
    pub created_at: Timestamp,
    pub plan: Option<Arc<Plan>>,
    pub events: Vec<Event>,
    pub as_of: Timestamp,
}

impl Scene {
    pub fn history(&self, events: Vec<Event>) -> History {
        History::new(
            self.created_at,
            Priority::Normal,
            self.plan.clone(),
            None,
            events,
        )
    }

    pub fn view(&self, events: Vec<Event>) -> Value {
        view(&self.history(events).at(self.as_of), self.as_of)
    }
}

impl fmt::Debug for Scene {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} {:?}",
            self.created_at,
            self.plan.as_deref().map(told)
        )?;
        for event in &self.events {
            writeln!(f, "{} {}", event.at, name(&event.kind))?;
        }
        write!(f, "{}", self.as_of)
    }
}

pub fn for_random_scenes(test: impl Fn(Scene) -> Result<(), TestCaseError>) {
    for_random(scene(), test);
}

pub fn for_random<S: Strategy>(values: S, test: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let number = |name: &str| env::var(name).ok().and_then(|text| text.parse().ok());
    let seed: u64 = number("DUELINE_SEED").unwrap_or(20_261_125);
    let config = Config {
        cases: number("DUELINE_HISTORIES").map_or(1_000, |n: u64| u32::try_from(n).unwrap()),
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        ..Config::default()
    };
    match TestRunner::new(config).run(&values, test) {
        Ok(()) => {}
        Err(TestError::Fail(reason, value)) => {
            panic!("DUELINE_SEED={seed} replays this: {reason}\n{value:?}")
        }
        Err(TestError::Abort(reason)) => panic!("{reason}"),
    }
}

pub fn scene() -> impl Strategy<Value = Scene> {
    // Friday, 20 March 2026, and the minutes of the ten days around the clock change in Europe.
    let created_at: Timestamp = "2026-03-20T15:00:00Z".parse().unwrap();
    let at = move |minutes: i64| created_at + SignedDuration::from_mins(minutes);
    let event = (prop_oneof![minutes(5_000), minutes(600)], event_kind());
    let events = vec(
        event.prop_map(move |(minutes, kind)| Event {
            at: at(minutes),
            kind,
        }),
        0..14,
    );
    let as_of = prop_oneof![minutes(700), minutes(5_000), minutes(14_000)].prop_map(at);
    (option::weighted(0.8, plan()), events, as_of).prop_map(move |(plan, events, as_of)| Scene {
        created_at,
        plan,
        events,
        as_of,
    })
}

/// Some of them whole hours, so that what differs often falls on one instant.
fn minutes(end: i64) -> impl Strategy<Value = i64> {
    prop_oneof![2 => 1..end, 1 => (1..=end / 60).prop_map(|hours| hours * 60)]
}

pub fn event_kind() -> impl Strategy<Value = EventKind> {
    let priority = select(Priority::ALL.to_vec());
    prop_oneof![
        3 => Just(EventKind::AgentReply),
        4 => Just(EventKind::CustomerReply),
        3 => Just(EventKind::Paused),
        3 => Just(EventKind::Resumed),
        2 => Just(EventKind::Resolved),
        2 => Just(EventKind::Reopened),
        1 => Just(EventKind::Cancelled),
        3 => (priority, option::weighted(0.8, plan()))
            .prop_map(|(priority, plan)| EventKind::PriorityChanged { priority, plan }),
        1 => option::weighted(0.7, plan()).prop_map(EventKind::Assigned),
        1 => plan().prop_map(EventKind::Recalculated),
    ]
}

pub fn plan() -> impl Strategy<Value = Arc<Plan>> {
    let target = || {
        let target = prop_oneof![minutes(60), minutes(3_000), minutes(600)];
        target.prop_map(|minutes| Minutes::new(minutes, Minutes::MAX_RULE_TARGET).unwrap())
    };
    (
        option::weighted(0.9, target()),
        option::weighted(0.7, target()),
        option::weighted(0.9, target()),
        select(CALENDARS.clone()),
        1..=99_i64,
        select(OnReopen::ALL.to_vec()),
        escalations(),
        select(RULES.clone()),
    )
        .prop_map(
            |(
                first_response,
                next_response,
                resolution,
                calendar,
                percent,
                on_reopen,
                escalations,
                rule,
            )| {
                Arc::new(Plan {
                    targets: PlanTargets {
                        first_response,
                        next_response,
                        resolution,
                    },
                    calendar,
                    warn_at_percent: WarnAtPercent::new(percent).unwrap(),
                    on_reopen,
                    escalations,
                    origin: Some(PlanOrigin {
                        by: PlannedBy::Rule(rule),
                        version: Version::default(),
                        source: CoverageSource::Rule,
                        calendar: None,
                    }),
                })
            },
        )
}

/// A few, mostly soon after the breach; some are the same in several plans.
fn escalations() -> impl Strategy<Value = Vec<Escalation>> {
    let minutes = prop_oneof![Just(30), minutes(60), minutes(1_500)];
    let escalation = (select(Metric::ALL.to_vec()), minutes);
    let escalation = escalation.prop_map(|(metric, minutes)| Escalation {
        metric,
        after_breach: Minutes::new(minutes, Minutes::MAX_RULE_TARGET).unwrap(),
    });
    vec(escalation, 0..=3).prop_map(|mut escalations| {
        escalations.sort_by_key(|escalation| (escalation.metric, escalation.after_breach));
        escalations.dedup();
        escalations
    })
}

/// What plans are made from.
static RULES: LazyLock<Vec<RuleId>> = LazyLock::new(|| {
    let id = |number| RuleId::new(Timestamp::UNIX_EPOCH, &[number; 10]);
    (1..=3).map(id).collect()
});

/// Office hours in two zones, a night shift with a holiday, and every hour.
static CALENDARS: LazyLock<Vec<Arc<Calendar>>> = LazyLock::new(|| {
    let day = json!([["09:00", "12:00"], ["13:00", "17:00"]]);
    let night = json!([["00:00", "06:00"], ["22:00", "24:00"]]);
    let calendars = [
        json!({"timeZone": "Europe/Berlin", "hours": {"monday": day, "tuesday": day, "friday": day,
            "sunday": [["01:00", "05:00"]]}}),
        json!({"timeZone": "America/New_York", "hours": {"monday": day, "thursday": day, "saturday": day},
            "exceptions": {"2026-03-24": [["08:00", "08:01"]]}}),
        json!({"timeZone": "Australia/Lord_Howe", "hours": {"friday": night, "saturday": night,
            "monday": night, "wednesday": night}, "holidays": ["2026-03-23"]}),
    ];
    let parsed = calendars
        .iter()
        .map(|calendar| Calendar::parse(&schedule(calendar)).unwrap());
    let all = parsed.chain([Calendar::always_open().clone()]);
    all.map(Arc::new).collect()
});

/// What a plan says, on one line.
fn told(plan: &Plan) -> String {
    let target = |target: Option<Minutes>| target.map(Minutes::get);
    let escalations = plan.escalations.iter();
    let escalations = escalations.map(|one| (one.metric.as_str(), one.after_breach.get()));
    format!(
        "{:?} {:?} {:?} {} {}% {} {:?}",
        target(plan.targets.first_response),
        target(plan.targets.next_response),
        target(plan.targets.resolution),
        plan.calendar.time_zone(),
        plan.warn_at_percent.get(),
        plan.on_reopen.as_str(),
        escalations.collect::<Vec<_>>(),
    )
}

/// The event's type, as clients write it.
pub fn name(kind: &EventKind) -> String {
    match kind {
        EventKind::AgentReply => "agent_reply".to_owned(),
        EventKind::CustomerReply => "customer_reply".to_owned(),
        EventKind::Paused => "paused".to_owned(),
        EventKind::Resumed => "resumed".to_owned(),
        EventKind::Resolved => "resolved".to_owned(),
        EventKind::Reopened => "reopened".to_owned(),
        EventKind::Cancelled => "cancelled".to_owned(),
        EventKind::PriorityChanged { plan: new, .. } => {
            format!("priority_changed {:?}", new.as_deref().map(told))
        }
        EventKind::Assigned(new) => format!("assigned {:?}", new.as_deref().map(told)),
        EventKind::Recalculated(new) => format!("recalculated {}", told(new)),
    }
}
