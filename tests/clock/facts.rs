//! Facts and reports: each cycle counted once, as the walk finds it, and every sum equal to a plain
//! count, whatever arrived late.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use shared::domain::clock::fact::{CycleFact, Outcome};
use shared::domain::clock::{Event, Metric};
use shared::domain::plan::PlannedBy;
use shared::domain::report::summary::{Cell, Day, DayChange, DaySummary, Tally};
use shared::domain::report::{GroupBy, Report, ReportZone, Span};

use crate::scenes::{Scene, for_random, scene};
use crate::walk::{METRICS, Walk, target};

/// Zones with clock changes within the scenes, and with offsets of half and quarter hours.
const ZONES: [&str; 6] = [
    "UTC",
    "Europe/Berlin",
    "America/St_Johns",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Apia",
];

/// A cycle as reports count it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct FoundFact {
    metric: Metric,
    cycle: u32,
    outcome: &'static str,
    counted_at: Timestamp,
    started_at: Timestamp,
    target_minutes: i64,
    breached_at: Option<Timestamp>,
    stopped: Option<(Timestamp, &'static str)>,
    elapsed_minutes: Option<i64>,
}

/// The facts are those of the walk.
pub fn agree(facts: &[CycleFact], walk: &Walk, as_of: Timestamp) -> Result<(), TestCaseError> {
    let mut walked = walked(walk, as_of);
    let facts = facts.iter().map(|fact| FoundFact {
        metric: fact.metric,
        cycle: fact.cycle,
        outcome: fact.outcome.as_str(),
        counted_at: fact.counted_at,
        started_at: fact.started_at,
        target_minutes: i64::from(fact.target.get()),
        breached_at: fact.breached_at,
        stopped: fact.stop.map(|stop| (stop.at, stop.by.as_str())),
        elapsed_minutes: fact
            .elapsed_seconds
            .map(|seconds| seconds.cast_signed() / 60),
    });
    let mut facts: Vec<FoundFact> = facts.collect();
    facts.sort();
    walked.sort();
    prop_assert_eq!(facts, walked);
    Ok(())
}

/// The cycles that have a target.
fn walked(walk: &Walk, as_of: Timestamp) -> Vec<FoundFact> {
    let last = walk.cycles.iter().enumerate();
    let last = last.filter_map(|(metric, cycle)| Some((metric, cycle.as_ref()?)));
    let earlier = walk.earlier.iter().map(|(metric, cycle)| (*metric, cycle));
    let facts = earlier.chain(last).filter_map(|(metric, cycle)| {
        let outcome = match (cycle.stopped, cycle.breached_at) {
            (Some((_, "cancelled")), _) => "cancelled",
            (_, Some(_)) => "breached",
            (Some(_), None) => "achieved",
            (None, None) => "open",
        };
        let stopped_at = cycle.stopped.map(|(at, _)| at);
        let then = stopped_at.or(cycle.breached_at).unwrap_or(as_of);
        let in_force = cycle.plans.iter().rev().find(|(since, _)| *since <= then);
        let (_, plan) = in_force.or(cycle.plans.first())?;
        Some(FoundFact {
            metric: METRICS[metric],
            cycle: cycle.number,
            outcome,
            counted_at: stopped_at.or(cycle.breached_at).unwrap_or(cycle.began_at),
            started_at: cycle.began_at,
            target_minutes: target(plan, metric).unwrap(),
            breached_at: cycle.breached_at,
            stopped: cycle.stopped,
            elapsed_minutes: cycle.stopped.map(|_| cycle.counted),
        })
    });
    facts.collect()
}

#[test]
fn reports_are_plain_counts_of_the_facts() {
    let tickets = vec((scene(), any::<prop::sample::Index>()), 1..12);
    let report = (
        select(ZONES.to_vec()),
        select(GroupBy::ALL.to_vec()),
        0..14_i64,
        0..14_i64,
    );
    for_random((tickets, report), |(tickets, report)| {
        let (zone, group_by, before, days) = report;
        let mut summaries = BTreeMap::new();
        let mut facts = Vec::new();
        for (scene, late) in &tickets {
            facts.extend(write(scene, late, &mut summaries));
        }
        let from = jiff::civil::date(2026, 3, 30) - before.days();
        let zone = ReportZone::named(zone).unwrap();
        let span = Span::new(from, from + days.days(), zone).unwrap();
        let report = Report::new(span, group_by, &summaries);
        counts(&report, &facts)
    });
}

/// Writes a ticket event by event, with one that arrives last, and sums up what each write changes.
/// Returns the facts in the end.
fn write(
    scene: &Scene,
    late: &prop::sample::Index,
    summaries: &mut BTreeMap<Day, DaySummary>,
) -> Vec<CycleFact> {
    let mut events: Vec<Event> = scene.events.clone();
    if !events.is_empty() {
        let late = events.remove(late.index(events.len()));
        events.push(late);
    }
    let mut stored: BTreeMap<Day, Vec<Tally>> = BTreeMap::new();
    let mut facts = Vec::new();
    for number in 0..=events.len() {
        let history = scene.history(events[..number].to_vec());
        // Each write sees more of the future than the one before it.
        let now = match number {
            all if all == events.len() => scene.as_of,
            some => scene.created_at.max(events[some].at).min(scene.as_of),
        };
        facts = history.facts(now);
        let mut current: BTreeMap<Day, Vec<Tally>> = BTreeMap::new();
        for fact in &facts {
            let tallies = current.entry(Day::of(fact.counted_at)).or_default();
            tallies.push(Tally::of(fact));
        }
        let days: BTreeSet<Day> = stored.keys().chain(current.keys()).copied().collect();
        let none = Vec::new();
        for day in days {
            let before = stored.get(&day).unwrap_or(&none);
            let after = current.get(&day).unwrap_or(&none);
            if let Some(change) = DayChange::between(day, before, after) {
                summaries.entry(day).or_default().apply(&change);
            }
        }
        stored = current;
    }
    facts
}

/// The report counts the facts of its days, each in the group that it belongs to.
fn counts(report: &Report, facts: &[CycleFact]) -> Result<(), TestCaseError> {
    let zone = TimeZone::get(report.span.zone().name()).unwrap();
    let mut groups: BTreeMap<(String, Metric), Vec<&CycleFact>> = BTreeMap::new();
    for fact in facts {
        let day = fact.counted_at.to_zoned(zone.clone()).date();
        if (report.span.from()..=report.span.to()).contains(&day) {
            let group = group(report.group_by, fact, day);
            groups.entry((group, fact.metric)).or_default().push(fact);
        }
    }
    let rows = report.rows.iter();
    let rows = rows.map(|((group, metric), cell)| ((group.name(), *metric), cell));
    let rows: BTreeMap<(String, Metric), &Cell> = rows.collect();
    prop_assert!(rows.keys().eq(groups.keys()), "{rows:?}\n{groups:?}");
    for (key, cell) in rows {
        equal(cell, &groups[&key])?;
    }
    for (metric, cell) in &report.totals {
        let of_metric = groups.iter().filter(|((_, of), _)| of == metric);
        let all: Vec<&CycleFact> = of_metric.flat_map(|(_, facts)| facts.clone()).collect();
        equal(cell, &all)?;
    }
    Ok(())
}

fn group(group_by: GroupBy, fact: &CycleFact, day: Date) -> String {
    match group_by {
        GroupBy::Day => day.to_string(),
        GroupBy::Week => {
            // A week belongs to the year of its Thursday, and is the one with so many before it.
            let monday = (0..7).map(|back| day - back.days());
            let monday = monday
                .into_iter()
                .find(|day| day.weekday() == Weekday::Monday);
            let thursday = monday.unwrap() + 3.days();
            let week = (thursday.day_of_year() - 1) / 7 + 1;
            format!("{}-W{week:02}", thursday.year())
        }
        GroupBy::Month => day.strftime("%Y-%m").to_string(),
        GroupBy::Priority => fact.priority.as_str().to_owned(),
        GroupBy::Rule => match &fact.planned_by {
            PlannedBy::Rule(rule) => rule.to_string(),
            other => format!("{other:?}"),
        },
        GroupBy::Metric => fact.metric.as_str().to_owned(),
    }
}

fn equal(cell: &Cell, facts: &[&CycleFact]) -> Result<(), TestCaseError> {
    let number = |outcome| {
        let found = facts.iter().filter(|fact| fact.outcome == outcome).count();
        i64::try_from(found).unwrap()
    };
    prop_assert_eq!(cell.achieved, number(Outcome::Achieved));
    prop_assert_eq!(cell.breached, number(Outcome::Breached));
    prop_assert_eq!(cell.cancelled, number(Outcome::Cancelled));
    prop_assert_eq!(cell.open, number(Outcome::Open));
    let counts = facts
        .iter()
        .filter(|fact| fact.outcome != Outcome::Cancelled);
    let mut seconds: Vec<u64> = counts.filter_map(|fact| fact.elapsed_seconds).collect();
    seconds.sort_unstable();
    prop_assert_eq!(
        cell.elapsed_seconds,
        seconds.iter().sum::<u64>().cast_signed()
    );
    let mean = seconds.iter().sum::<u64>() as f64 / seconds.len() as f64;
    let rounded = (!seconds.is_empty()).then(|| mean.round() as i64);
    prop_assert_eq!(cell.average_seconds(), rounded);
    for percent in [50, 90, 95] {
        let rank = (seconds.len() * usize::from(percent)).div_ceil(100);
        let exact = rank.checked_sub(1).map(|place| seconds[place]);
        match (cell.durations.percentile(percent), exact) {
            (Some(found), Some(exact)) => {
                prop_assert!(found.abs_diff(exact) * 100 <= exact, "{} {}", found, exact);
            }
            (found, exact) => prop_assert_eq!(found, exact),
        }
    }
    Ok(())
}
