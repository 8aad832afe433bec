//! Open time, compared with the reference cases and with a slow walk that relies only on how `jiff`
//! converts an instant to a wall-clock time. It tests `shared` alone and needs no service.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::sync::LazyLock;

use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;
use serde_json::Value;
use shared::domain::calendar::{Calendar, Schedule, WEEKDAYS};
use shared::domain::deadline::{
    DeadlineError, MAX_SEARCH_DAYS, MAX_TRACE_PERIODS, due, elapsed, is_open, periods, trace,
};

const CASES: &str = include_str!("open-time.jsonl");

#[test]
fn reference_cases() {
    let mut counted = 0;
    for line in CASES.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let calendar = Calendar::parse(&draft_of(&case["calendar"])).unwrap();
        let from = instant(&case["from"]);
        if let Some(minutes) = case["minutes"].as_i64() {
            let due = due(&calendar, from, SignedDuration::from_mins(minutes)).unwrap();
            assert_eq!(due.due_at(), instant(&case["dueAt"]), "{line}");
            assert_eq!(due.breach_at(), instant(&case["breachAt"]), "{line}");
        } else {
            let to = instant(&case["to"]);
            let seconds = case["elapsedSeconds"].as_i64().unwrap();
            assert_eq!(elapsed(&calendar, from, to).as_secs(), seconds, "{line}");
            let traced: SignedDuration = periods(&calendar, from, to)
                .map(|period| period.length())
                .sum();
            assert_eq!(traced.as_secs(), seconds, "{line}");
        }
        counted += 1;
    }
    assert_eq!(counted, 231);
}

#[test]
fn an_exception_beats_a_holiday() {
    let mut draft = office("UTC");
    draft.holidays = vec!["2026-12-24".to_owned(), "2026-12-25".to_owned()];
    draft.exceptions = vec![("2026-12-24".to_owned(), vec![interval("10:00", "12:00")])];
    let calendar = Calendar::parse(&draft).unwrap();
    let open = elapsed(
        &calendar,
        at("2026-12-24T00:00:00Z"),
        at("2026-12-26T00:00:00Z"),
    );
    assert_eq!(open, SignedDuration::from_hours(2));
}

#[test]
fn a_target_of_nothing_is_due_at_once() {
    let calendar = Calendar::built_in();
    for (from, breach_at) in [
        ("2026-01-09T16:00:00.25Z", "2026-01-09T16:00:00.25Z"),
        ("2026-01-09T17:00:00Z", "2026-01-12T09:00:00Z"),
        ("2026-01-10T12:00:00.999999999Z", "2026-01-12T09:00:00Z"),
        ("2026-01-12T08:59:59.5Z", "2026-01-12T09:00:00Z"),
    ] {
        let due = due(calendar, at(from), SignedDuration::ZERO).unwrap();
        assert_eq!((due.due_at(), due.breach_at()), (at(from), at(breach_at)));
    }
}

#[test]
fn fractions_are_exact() {
    let calendar = Calendar::built_in();
    for (from, nanoseconds, due_at, breach_at) in [
        (
            "2026-01-09T16:59:59.999999999Z",
            1,
            "2026-01-09T17:00:00Z",
            "2026-01-12T09:00:00Z",
        ),
        (
            "2026-01-09T16:59:59.999999999Z",
            2,
            "2026-01-12T09:00:00.000000001Z",
            "2026-01-12T09:00:00.000000001Z",
        ),
        (
            "2026-01-09T17:00:00.5Z",
            750_000_000,
            "2026-01-12T09:00:00.75Z",
            "2026-01-12T09:00:00.75Z",
        ),
        (
            "2026-01-09T16:00:00.5Z",
            500_000_000,
            "2026-01-09T16:00:01Z",
            "2026-01-09T16:00:01Z",
        ),
    ] {
        let due = due(calendar, at(from), SignedDuration::from_nanos(nanoseconds)).unwrap();
        assert_eq!((due.due_at(), due.breach_at()), (at(due_at), at(breach_at)));
    }
}

#[test]
fn a_clock_change_closes() {
    let mut draft = office("Europe/Berlin");
    let [.., sunday] = &mut draft.hours;
    *sunday = vec![interval("01:00", "02:30")];
    draft.holidays = vec!["2026-03-30".to_owned()];
    let calendar = Calendar::parse(&draft).unwrap();
    let from = at("2026-03-29T00:00:00Z");
    let due = due(&calendar, from, SignedDuration::from_mins(60)).unwrap();
    assert_eq!(due.due_at(), at("2026-03-29T01:00:00Z"));
    assert_eq!(due.breach_at(), at("2026-03-31T07:00:00Z"));
}

#[test]
fn searches_end() {
    let calendar = Calendar::built_in();
    let start = at("2026-01-05T09:00:00Z");
    let refuse = |from, target| due(calendar, from, target).unwrap_err();
    assert_eq!(
        refuse(start, SignedDuration::from_nanos(-1)),
        DeadlineError::TargetNegative
    );
    for target in [
        SignedDuration::MAX,
        SignedDuration::from_hours(24 * MAX_SEARCH_DAYS),
        SignedDuration::from_hours(24 * MAX_SEARCH_DAYS + 1),
        SignedDuration::from_hours(8 * 5 * 523),
    ] {
        assert_eq!(refuse(start, target), DeadlineError::BeyondSearch);
    }
    for from in [Timestamp::MAX, at("9999-12-24T09:00:00Z")] {
        let target = SignedDuration::from_hours(80);
        assert_eq!(refuse(from, target), DeadlineError::BeyondTime);
    }
    due(calendar, Timestamp::MIN, SignedDuration::from_hours(80)).unwrap();
    due(calendar, start, SignedDuration::from_hours(8 * 5 * 521)).unwrap();
    let whole = SignedDuration::from_hours(24 * MAX_SEARCH_DAYS);
    let end = due(Calendar::always_open(), start, whole).unwrap();
    assert_eq!(end.breach_at(), start + whole);
    let too_far = due(
        Calendar::always_open(),
        start,
        whole + SignedDuration::from_nanos(1),
    );
    assert_eq!(too_far, Err(DeadlineError::BeyondSearch));
}

#[test]
fn a_closed_decade_is_an_error() {
    let mut draft = office("Europe/Berlin");
    draft.hours = Default::default();
    draft.hours[0] = vec![interval("09:00", "17:00")];
    let mut monday = jiff::civil::date(2026, 1, 12);
    for _ in 0..600 {
        draft.holidays.push(monday.to_string());
        monday = monday.checked_add(SignedDuration::from_hours(168)).unwrap();
    }
    let calendar = Calendar::parse(&draft).unwrap();
    let start = at("2026-01-05T08:00:00Z");
    let day = SignedDuration::from_hours(8);
    let hour = SignedDuration::from_hours(1);
    due(&calendar, start, day - hour).unwrap();
    assert_eq!(
        due(&calendar, start, day),
        Err(DeadlineError::BeyondSearch),
        "no opening after the closing within ten years"
    );
    assert_eq!(
        due(&calendar, start, day + hour),
        Err(DeadlineError::BeyondSearch)
    );
}

#[test]
fn all_of_time_is_measured() {
    let whole = Timestamp::MAX.duration_since(Timestamp::MIN);
    assert_eq!(
        elapsed(Calendar::always_open(), Timestamp::MIN, Timestamp::MAX),
        whole
    );
    for zone in [
        "America/New_York",
        "Africa/Casablanca",
        "Australia/Lord_Howe",
    ] {
        let mut draft = office(zone);
        draft.hours = draft.hours.map(|_| vec![interval("00:00", "24:00")]);
        let calendar = Calendar::parse(&draft).unwrap();
        assert_eq!(elapsed(&calendar, Timestamp::MIN, Timestamp::MAX), whole);
        let traced = trace(&calendar, Timestamp::MIN, Timestamp::MAX);
        assert_eq!(traced.periods().len(), 1);
        assert_eq!(traced.periods()[0].length(), whole);
    }
}

#[test]
fn a_trace_is_bounded() {
    let calendar = Calendar::built_in();
    let from = at("2026-01-05T00:00:00Z");
    let weeks = |count: i64| SignedDuration::from_hours(168 * count);
    let exact = trace(calendar, from, from + weeks(200));
    assert_eq!(exact.periods().len(), MAX_TRACE_PERIODS);
    assert!(!exact.is_truncated());
    let more = trace(
        calendar,
        from,
        from + weeks(200) + SignedDuration::from_hours(10),
    );
    assert_eq!(more.periods().len(), MAX_TRACE_PERIODS);
    assert!(more.is_truncated());
    assert!(trace(calendar, from + weeks(1), from).periods().is_empty());
}

#[test]
fn a_night_shift_is_one_stretch() {
    let mut draft = office("Europe/Berlin");
    let night = || vec![interval("22:00", "24:00"), interval("00:00", "06:00")];
    draft.hours = draft.hours.map(|_| night());
    let calendar = Calendar::parse(&draft).unwrap();
    let traced = trace(
        &calendar,
        at("2026-03-28T12:00:00Z"),
        at("2026-03-29T12:00:00Z"),
    );
    let [night] = traced.periods() else {
        panic!("one night: {traced:?}")
    };
    assert_eq!(night.from(), at("2026-03-28T21:00:00Z"));
    assert_eq!(night.to(), at("2026-03-29T04:00:00Z"));
    assert_eq!(night.length(), SignedDuration::from_hours(7));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    /// Steps of a minute suffice after 1972, when the last zone adopted an offset of whole minutes.
    #[test]
    fn minutes_agree_with_a_walk((draft, from) in scene(MODERN), hours in 1i64..240, target in target()) {
        let to = from + SignedDuration::from_hours(hours);
        agrees_with_walk(&draft, from, to, target, 60)?;
    }

    #[test]
    fn seconds_agree_with_a_walk((draft, from) in scene(ANY_TIME), seconds in 1i64..40_000, target in target()) {
        let to = from + SignedDuration::from_secs(seconds);
        agrees_with_walk(&draft, from, to, target, 1)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn due_inverts_elapsed(
        (draft, from) in scene(ANY_TIME),
        target in long_target(),
        to_a_change in any::<bool>(),
    ) {
        let calendar = Calendar::parse(&draft).unwrap();
        let zone = TimeZoneDatabase::bundled().get(&draft.time_zone).unwrap();
        let change = zone.following(from).next().filter(|_| to_a_change);
        let target = change.map_or(target, |change| elapsed(&calendar, from, change.timestamp()));
        let nanosecond = SignedDuration::from_nanos(1);
        let Ok(due) = due(&calendar, from, target) else {
            prop_assert!(elapsed(&calendar, from, search_end(from)) <= target);
            return Ok(());
        };
        let (due_at, breach_at) = (due.due_at(), due.breach_at());
        prop_assert!(from <= due_at && due_at <= breach_at);
        prop_assert_eq!(elapsed(&calendar, from, due_at), target);
        prop_assert_eq!(elapsed(&calendar, from, breach_at), target);
        prop_assert!(elapsed(&calendar, from, breach_at + nanosecond) > target);
        if !target.is_zero() {
            prop_assert!(elapsed(&calendar, from, due_at - nanosecond) < target);
        }
    }

    #[test]
    fn splitting_changes_no_sum((draft, from) in scene(ANY_TIME), gaps in [gap(), gap()]) {
        let calendar = Calendar::parse(&draft).unwrap();
        let clamped = |from: Timestamp, gap| from.saturating_add(gap).unwrap();
        let middle = clamped(from, gaps[0]);
        let end = clamped(middle, gaps[1]);
        let parts = elapsed(&calendar, from, middle) + elapsed(&calendar, middle, end);
        prop_assert_eq!(parts, elapsed(&calendar, from, end));
        prop_assert_eq!(elapsed(&calendar, end, from), -parts);
    }

    #[test]
    fn a_trace_adds_up((draft, from) in scene(ANY_TIME), hours in 0i64..5_000) {
        let calendar = Calendar::parse(&draft).unwrap();
        let to = from.saturating_add(SignedDuration::from_hours(hours)).unwrap();
        let traced = trace(&calendar, from, to);
        let mut sum = SignedDuration::ZERO;
        let mut last = None;
        for period in traced.periods() {
            prop_assert!(last.is_none_or(|end| end < period.from()), "a gap between two");
            prop_assert!(period.from() < period.to());
            prop_assert!(is_open(&calendar, period.from()));
            prop_assert!(period.to() == to || !is_open(&calendar, period.to()));
            sum += period.length();
            last = Some(period.to());
        }
        prop_assert!(!traced.is_truncated(), "208 days of at most three intervals");
        prop_assert_eq!(sum, elapsed(&calendar, from, to));
    }
}

/// The oracle: checks for every step whether its wall-clock time is within the hours of its
/// wall-clock date. It reads the draft, and nothing that was parsed.
struct Walk<'a> {
    draft: &'a Schedule,
    zone: TimeZone,
    step_seconds: i64,
}

impl Walk<'_> {
    fn is_open(&self, at: Timestamp) -> bool {
        let wall = self.zone.to_datetime(at);
        let date = wall.date().to_string();
        let exception = self.draft.exceptions.iter().find(|(day, _)| *day == date);
        let hours = match exception {
            Some((_, hours)) => hours,
            None if self.draft.holidays.contains(&date) => return false,
            None => &self.draft.hours[wall.weekday().to_monday_zero_offset() as usize],
        };
        let reading = format!("{:02}:{:02}", wall.hour(), wall.minute());
        hours
            .iter()
            .any(|(start, end)| *start <= reading && reading < *end)
    }

    /// The steps from `from` to `to`; the first and the last are shortened to fit.
    fn steps(
        &self,
        from: Timestamp,
        to: Timestamp,
    ) -> impl Iterator<Item = (Timestamp, Timestamp)> {
        let step = SignedDuration::from_secs(self.step_seconds);
        let floor = from.as_nanosecond().div_euclid(step.as_nanos()) * step.as_nanos();
        let first = Timestamp::from_nanosecond(floor).unwrap();
        std::iter::successors(Some(first), move |at| Some(*at + step))
            .take_while(move |at| *at < to)
            .map(move |at| (at.max(from), (at + step).min(to)))
    }

    fn elapsed(&self, from: Timestamp, to: Timestamp) -> SignedDuration {
        self.steps(from, to)
            .filter(|(start, _)| self.is_open(*start))
            .map(|(start, end)| end.duration_since(start))
            .sum()
    }

    /// The due time and the breach time, if both are before `to`.
    fn due(
        &self,
        from: Timestamp,
        target: SignedDuration,
        to: Timestamp,
    ) -> Option<(Timestamp, Timestamp)> {
        let mut left = target;
        let mut due_at = target.is_zero().then_some(from);
        for (start, end) in self.steps(from, to).filter(|step| self.is_open(step.0)) {
            let length = end.duration_since(start);
            if left < length {
                return Some((due_at.unwrap_or(start + left), start + left));
            }
            left -= length;
            if left.is_zero() && due_at.is_none() {
                due_at = Some(end);
            }
        }
        None
    }
}

fn agrees_with_walk(
    draft: &Schedule,
    from: Timestamp,
    to: Timestamp,
    target: SignedDuration,
    step_seconds: i64,
) -> Result<(), TestCaseError> {
    let calendar = Calendar::parse(draft).unwrap();
    let walk = Walk {
        draft,
        zone: TimeZoneDatabase::bundled().get(&draft.time_zone).unwrap(),
        step_seconds,
    };
    prop_assert_eq!(is_open(&calendar, from), walk.is_open(from));
    prop_assert_eq!(elapsed(&calendar, from, to), walk.elapsed(from, to));
    if let Some(expected) = walk.due(from, target, to) {
        let found = due(&calendar, from, target).unwrap();
        prop_assert_eq!((found.due_at(), found.breach_at()), expected);
    } else if let Ok(found) = due(&calendar, from, target) {
        prop_assert!(found.breach_at() >= to);
    } else {
        prop_assert!(elapsed(&calendar, from, search_end(from)) <= target);
    }
    Ok(())
}

/// Where the search for a due date ends: a target that is not found by then is not used up by then.
fn search_end(from: Timestamp) -> Timestamp {
    from.saturating_add(SignedDuration::from_hours(24 * MAX_SEARCH_DAYS))
        .unwrap()
}

static ZONES: LazyLock<Vec<String>> = LazyLock::new(|| {
    TimeZoneDatabase::bundled()
        .available()
        .map(|name| name.to_string())
        .filter(|name| name != "Factory")
        .collect()
});

/// From February 1972 to 2090, in Unix seconds.
const MODERN: (i64, i64) = (66_000_000, 3_786_912_000);

/// The years −9998 to 9998, in Unix seconds.
const ANY_TIME: (i64, i64) = (-377_600_000_000, 253_300_000_000);

/// The start and the end of the period whose clock changes a calendar keeps, and ten years before
/// that end, in Unix seconds; see `shared/src/domain/calendar/zone.rs`.
const WINDOW_EDGES: [i64; 3] = [946_684_800, 3_155_760_000, 2_840_140_800];

/// A calendar and an instant, half of the time close to a clock change, with holidays and
/// exceptions around it.
fn scene(range: (i64, i64)) -> impl Strategy<Value = (Schedule, Timestamp)> {
    let zone = prop_oneof![
        2 => prop::sample::select(ZONES.clone()),
        1 => prop::sample::select(vec![
            "Pacific/Apia", "America/Sao_Paulo", "Africa/Casablanca", "Australia/Lord_Howe",
            "America/Havana", "Asia/Tehran", "America/Nuuk", "Africa/Monrovia", "Antarctica/Troll",
        ]).prop_map(str::to_owned),
    ];
    let seconds = prop_oneof![
        3 => 66_000_000i64..2_300_000_000,
        1 => range.0..range.1,
        1 => (-4_000_000_000i64..5_000_000_000).prop_map(move |at| at.clamp(range.0, range.1)),
        1 => (prop::sample::select(WINDOW_EDGES.to_vec()), -2_000_000i64..2_000_000)
            .prop_map(move |(edge, near)| (edge + near).clamp(range.0, range.1)),
    ];
    let nanosecond = prop_oneof![2 => Just(0i32), 1 => 0i32..1_000_000_000];
    (
        zone,
        seconds,
        nanosecond,
        -200_000i64..200_000,
        any::<bool>(),
    )
        .prop_flat_map(|(zone, second, nanosecond, near, at_change)| {
            let mut from = Timestamp::new(second, nanosecond).unwrap();
            let change = TimeZoneDatabase::bundled().get(&zone).unwrap();
            if at_change && let Some(change) = change.following(from).next() {
                from = change.timestamp() + SignedDuration::from_secs(near);
            }
            (draft_about(zone, from), Just(from))
        })
}

fn draft_about(zone: String, from: Timestamp) -> impl Strategy<Value = Schedule> {
    let date = TimeZone::UTC.to_datetime(from).date();
    let dated = move |days: i64| {
        let date = date
            .checked_add(SignedDuration::from_hours(24 * days))
            .ok()?;
        (date.year() >= 0).then(|| date.to_string())
    };
    let week = prop_oneof![
        3 => vec(day(), 7),
        1 => Just(vec![vec![interval("00:00", "24:00")]; 7]),
        1 => Just(office("UTC").hours.to_vec()),
    ]
    .prop_filter("open at some time", |week| {
        week.iter().any(|day| !day.is_empty())
    });
    (
        week,
        btree_set(-12i64..12, 0..6),
        btree_map(-12i64..12, day(), 0..4),
    )
        .prop_map(move |(week, holidays, exceptions)| Schedule {
            time_zone: zone.clone(),
            hours: week.try_into().unwrap(),
            holidays: holidays.into_iter().filter_map(dated).collect(),
            exceptions: exceptions
                .into_iter()
                .filter_map(|(days, hours)| Some((dated(days)?, hours)))
                .collect(),
        })
}

/// Up to three intervals between quarters of an hour, some of which touch.
fn day() -> impl Strategy<Value = Vec<(String, String)>> {
    let early_or_any = prop_oneof![1 => 0u32..=16, 1 => 0u32..=96];
    btree_set(early_or_any, 0..=6).prop_map(|cuts| {
        let cuts: Vec<u32> = cuts.into_iter().collect();
        let written = |quarter: u32| format!("{:02}:{:02}", quarter / 4, quarter % 4 * 15);
        let mut day: Vec<_> = cuts
            .chunks_exact(2)
            .map(|pair| (written(pair[0]), written(pair[1])))
            .collect();
        day.reverse();
        day
    })
}

fn target() -> impl Strategy<Value = SignedDuration> {
    prop_oneof![
        4 => (0i64..3_000).prop_map(SignedDuration::from_mins),
        1 => (0i64..8_000).prop_map(|quarters| SignedDuration::from_mins(15 * quarters)),
        1 => (0i64..200_000_000_000_000).prop_map(SignedDuration::from_nanos),
    ]
}

fn long_target() -> impl Strategy<Value = SignedDuration> {
    prop_oneof![
        1 => target(),
        1 => (0i64..350_000).prop_map(|quarters| SignedDuration::from_mins(15 * quarters)),
    ]
}

fn gap() -> impl Strategy<Value = SignedDuration> {
    prop_oneof![
        (0i64..4_000_000_000_000_000).prop_map(SignedDuration::from_nanos),
        (0i64..400_000_000).prop_map(SignedDuration::from_secs),
    ]
}

fn draft_of(value: &Value) -> Schedule {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let day = |value: &Value| -> Vec<(String, String)> {
        let intervals = value.as_array().map(Vec::as_slice).unwrap_or_default();
        intervals
            .iter()
            .map(|pair| (text(&pair[0]), text(&pair[1])))
            .collect()
    };
    Schedule {
        time_zone: text(&value["timeZone"]),
        hours: WEEKDAYS.map(|weekday| day(&value["hours"][weekday])),
        holidays: value["holidays"]
            .as_array()
            .unwrap()
            .iter()
            .map(text)
            .collect(),
        exceptions: value["exceptions"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(date, hours)| (date.clone(), day(hours)))
            .collect(),
    }
}

fn office(zone: &str) -> Schedule {
    let day = || vec![interval("09:00", "17:00")];
    Schedule {
        time_zone: zone.to_owned(),
        hours: [day(), day(), day(), day(), day(), Vec::new(), Vec::new()],
        ..Schedule::default()
    }
}

fn interval(start: &str, end: &str) -> (String, String) {
    (start.to_owned(), end.to_owned())
}

fn instant(value: &Value) -> Timestamp {
    at(value.as_str().unwrap())
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}
