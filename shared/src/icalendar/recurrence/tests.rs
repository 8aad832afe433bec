//! Compares the expansion with that of `ical-rs`, which shares no code with it, and the work it
//! does with the steps that it counts.

use std::cell::Cell;

use ical::recur::expand::IcalRecurExpand;
use ical::recur::{IcalRecurDateTime, IcalRecurRule};
use jiff::civil::date;
use proptest::prelude::*;

use super::*;
use crate::icalendar::time::Side;
use crate::icalendar::{MAX_RULE_STEPS, window};

const TODAY: Date = date(2026, 11, 22);

/// The most lookups that one step may cost: six lists for a day, each counted from both ends.
const MAX_LOOKUPS_PER_STEP: usize = 12;

thread_local! {
    static LOOKUPS: Cell<usize> = const { Cell::new(0) };
}

pub(super) fn count_lookup() {
    LOOKUPS.set(LOOKUPS.get() + 1);
}

fn occurrences(text: &str, start: Date, work: &mut Work) -> Result<Vec<Date>, &'static str> {
    let rule = Rule::parse(text, Side::Unknown)?;
    rule.occurrences(start, window(TODAY, start), work)
}

/// The same occurrences, found by `ical-rs`, which looks at every day.
fn expected(text: &str, start: Date) -> Vec<Date> {
    let moment = |date: Date, hour| IcalRecurDateTime {
        year: date.year().into(),
        month: date.month().unsigned_abs(),
        day: date.day().unsigned_abs(),
        hour,
        minute: 0,
        second: 0,
    };
    let window = window(TODAY, start);
    let mut rule = IcalRecurRule::parse(text).expect("a rule");
    let last = moment(window.last, 23);
    rule.until = Some(rule.until.map_or(last, |until| until.min(last)));
    let dates = IcalRecurExpand::new(rule, moment(start, 0)).map(|moment| {
        let year = i16::try_from(moment.year).expect("a year");
        date(year, moment.month.cast_signed(), moment.day.cast_signed())
    });
    dates.filter(|date| *date >= window.first).collect()
}

fn list(max: i32) -> impl Strategy<Value = Vec<i32>> {
    let number = prop_oneof![3 => 1..=max, 1 => -max..=-1];
    prop::collection::vec(number, 1..6)
}

fn weekday_list(max: i32) -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec!["MO", "TU", "WE", "TH", "FR", "SA", "SU"]);
    let number = prop_oneof![
        Just(String::new()),
        list(max).prop_map(|list| list[0].to_string())
    ];
    prop::collection::vec((number, name), 1..4).prop_map(|days| {
        let days = days.into_iter().map(|(number, name)| number + name);
        days.collect::<Vec<_>>().join(",")
    })
}

/// A part such as `;NAME=1,-2`, in one of `one_in` cases.
fn part(one_in: u32, name: &'static str, max: i32) -> impl Strategy<Value = String> {
    let part = list(max).prop_map(move |list| {
        let list: Vec<String> = list.iter().map(ToString::to_string).collect();
        format!(";{name}={}", list.join(","))
    });
    prop_oneof![one_in - 1 => Just(String::new()), 1 => part]
}

/// A rule whose parts are compatible.
fn rule() -> impl Strategy<Value = String> {
    let frequency = prop::sample::select(vec!["DAILY", "WEEKLY", "MONTHLY", "YEARLY", "YEARLY"]);
    let months = prop::collection::vec(1..=12, 1..4).prop_map(|months| {
        let months: Vec<String> = months.iter().map(ToString::to_string).collect();
        format!(";BYMONTH={}", months.join(","))
    });
    let months = prop_oneof![2 => Just(String::new()), 1 => months];
    let weekdays = (any::<bool>(), weekday_list(5), weekday_list(53));
    let end = prop_oneof![
        Just(String::new()),
        (1..400).prop_map(|count| format!(";COUNT={count}")),
        (2024..2040).prop_map(|year| format!(";UNTIL={year}0630")),
    ];
    let week_start = prop::sample::select(vec!["", ";WKST=SU", ";WKST=TH"]);
    let lists = (
        part(3, "BYMONTHDAY", 31),
        part(4, "BYYEARDAY", 366),
        part(4, "BYWEEKNO", 53),
        part(4, "BYSETPOS", 9),
    );
    let rest = (1..30, end, week_start);
    (frequency, months, lists, weekdays, rest).prop_map(assemble)
}

type Lists = (String, String, String, String);
type WeekdayLists = (bool, String, String);
type Rest = (i32, String, &'static str);

fn assemble(
    (frequency, months, lists, weekdays, rest): (&str, String, Lists, WeekdayLists, Rest),
) -> String {
    let (month_days, year_days, week_numbers, positions) = lists;
    let (has_weekdays, in_month, in_year) = weekdays;
    let (interval, end, week_start) = rest;
    let mut rule = format!("FREQ={frequency}{months}");
    if frequency != "WEEKLY" {
        rule += &month_days;
    }
    if frequency == "YEARLY" {
        rule += &year_days;
        rule += &week_numbers;
    }
    if has_weekdays {
        let days = match frequency {
            "YEARLY" if months.is_empty() => in_year,
            _ => in_month,
        };
        let is_numbered =
            frequency == "MONTHLY" || (frequency == "YEARLY" && !rule.contains("WEEKNO"));
        let dropped = |c: char| !is_numbered && (c.is_ascii_digit() || c == '-');
        rule += ";BYDAY=";
        rule.extend(days.chars().filter(|c| !dropped(*c)));
    }
    if rule.contains(";BY") {
        rule += &positions;
    }
    format!("{rule};INTERVAL={interval}{end}{week_start}")
}

fn start() -> impl Strategy<Value = Date> {
    (
        1..=12_i8,
        1..=31_i8,
        prop_oneof![1_i16..9999, 1990_i16..2040],
    )
        .prop_filter_map("a date", |(month, day, year)| {
            Date::new(year, month, day).ok()
        })
}

proptest! {
    #[test]
    fn occurrences_are_those_of_ical_rs(text in rule(), start in start()) {
        let expected = expected(&text, start);
        match occurrences(&text, start, &mut Work::default()) {
            Ok(dates) => prop_assert_eq!(dates, expected),
            Err("the rule gives more dates than a calendar may have") => {
                prop_assert!(expected.len() > MAX_HOLIDAYS);
            }
            Err(reason) => {
                prop_assert_eq!(reason, "the rules up to this one take too long to expand");
                prop_assert!(text.contains("COUNT") && start.year() < 1_800);
            }
        }
    }

    /// Searches for rules that do more work than they count.
    #[test]
    fn all_work_is_counted(texts in prop::collection::vec(rule(), 1..40), start in start()) {
        let mut work = Work::default();
        LOOKUPS.set(0);
        for text in &texts {
            let _ = occurrences(text, start, &mut work);
            prop_assert!(work.rule_steps <= MAX_RULE_STEPS);
            prop_assert!(
                LOOKUPS.get() <= MAX_LOOKUPS_PER_STEP * work.rule_steps,
                "{} lookups in {} steps", LOOKUPS.get(), work.rule_steps
            );
        }
    }
}

/// Rules of RFC 7529, which `ical-rs` interprets differently.
#[test]
fn skip_moves_days_that_a_month_does_not_have() {
    let cases = [
        (
            "FREQ=YEARLY;RSCALE=GREGORIAN;SKIP=FORWARD;COUNT=4",
            date(2024, 2, 29),
            "2026-03-01 2027-03-01",
        ),
        (
            "FREQ=YEARLY;RSCALE=GREGORIAN;SKIP=BACKWARD;COUNT=4",
            date(2024, 2, 29),
            "2026-02-28 2027-02-28",
        ),
        (
            "FREQ=MONTHLY;RSCALE=GREGORIAN;SKIP=FORWARD;BYMONTHDAY=1,30,31;COUNT=6",
            date(2027, 1, 30),
            "2027-01-30 2027-01-31 2027-02-01 2027-03-01 2027-03-30 2027-03-31",
        ),
        (
            "FREQ=MONTHLY;RSCALE=GREGORIAN;SKIP=BACKWARD;BYMONTHDAY=30,31;COUNT=3",
            date(2027, 1, 31),
            "2027-01-31 2027-02-28 2027-03-30",
        ),
    ];
    for (text, start, expected) in cases {
        let dates = occurrences(text, start, &mut Work::default()).expect(text);
        let dates: Vec<String> = dates.iter().map(ToString::to_string).collect();
        assert_eq!(dates.join(" "), expected, "{text}");
    }
}

#[test]
fn a_rule_without_count_costs_the_same_however_early_it_starts() {
    let cost = |year| {
        let mut work = Work::default();
        let start = date(year, 12, 25);
        let dates = occurrences("FREQ=YEARLY;INTERVAL=3", start, &mut work).expect("a rule");
        (dates.len(), work.rule_steps)
    };
    assert_eq!(cost(1), cost(1_990));
}
