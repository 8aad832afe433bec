//! Compares due dates, elapsed time and calendar parsing with the crate `workclock`, on the same
//! cases. Run it with `cargo bench -p shared --bench open_time`.
//!
//! The calendar is that of an office in New York, Monday to Friday, 09:00–17:00, with ten holidays
//! a year. The benchmark first checks that both crates give the same due dates.
#![expect(
    clippy::unwrap_used,
    reason = "a benchmark may stop at the first surprise"
)]

use divan::counter::ItemsCount;
use divan::{AllocProfiler, Bencher, black_box};
use jiff::civil::{Date, date, time};
use jiff::{SignedDuration, Timestamp};
use shared::domain::calendar::{Calendar, Schedule};
use shared::domain::deadline::{due, elapsed, trace};
use workclock::{Holidays, Schedule as PeerSchedule, Weekdays, WorkDay};

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

const CASES: [Case; 3] = [
    Case {
        name: "one working week",
        from: "2026-01-05T15:30:00Z",
        hours: 40,
        first_year: 2026,
        years: 0,
    },
    Case {
        name: "thirty days, holidays",
        from: "2026-12-10T15:30:00Z",
        hours: 160,
        first_year: 2026,
        years: 2,
    },
    Case {
        name: "ten years, holidays",
        from: "2026-01-05T15:30:00Z",
        hours: 20_000,
        first_year: 2026,
        years: 10,
    },
];

const HOLIDAYS_PER_YEAR: [(i8, i8); 10] = [
    (1, 1),
    (1, 19),
    (2, 16),
    (5, 25),
    (6, 19),
    (7, 3),
    (9, 7),
    (11, 26),
    (12, 25),
    (12, 28),
];

struct Case {
    name: &'static str,
    from: &'static str,
    hours: i64,
    first_year: i16,
    years: i16,
}

impl std::fmt::Display for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Case {
    fn from(&self) -> Timestamp {
        self.from.parse().unwrap()
    }

    fn target(&self) -> SignedDuration {
        SignedDuration::from_hours(self.hours)
    }

    fn holidays(&self) -> impl Iterator<Item = Date> {
        let years = self.first_year..self.first_year + self.years;
        years.flat_map(|year| HOLIDAYS_PER_YEAR.map(|(month, day)| date(year, month, day)))
    }

    fn our_schedule(&self) -> Schedule {
        let day = || vec![("09:00".to_owned(), "17:00".to_owned())];
        Schedule {
            time_zone: "America/New_York".to_owned(),
            hours: [day(), day(), day(), day(), day(), Vec::new(), Vec::new()],
            holidays: self.holidays().map(|date| date.to_string()).collect(),
            exceptions: Vec::new(),
        }
    }

    fn peer_schedule(&self) -> PeerSchedule {
        let (nine, five) = (time(9, 0, 0, 0), time(17, 0, 0, 0));
        PeerSchedule::builder()
            .time_zone("America/New_York")
            .rule(WorkDay::new(nine, five, Weekdays::MON_TO_FRI))
            .rule(Holidays::new(self.holidays()))
            .build()
            .unwrap()
    }

    fn end(&self) -> Timestamp {
        let calendar = Calendar::parse(&self.our_schedule()).unwrap();
        due(&calendar, self.from(), self.target()).unwrap().due_at()
    }
}

fn main() {
    for case in &CASES {
        let peer = case
            .peer_schedule()
            .add(case.from(), case.target())
            .unwrap();
        assert_eq!(case.end(), peer, "both agree on {case}");
    }
    divan::main();
}

#[divan::bench_group]
mod due_date {
    use super::*;

    #[divan::bench(args = &CASES)]
    fn dueline(bencher: Bencher, case: &Case) {
        let calendar = Calendar::parse(&case.our_schedule()).unwrap();
        let (from, target) = (case.from(), case.target());
        bencher
            .counter(ItemsCount::new(1usize))
            .bench_local(|| due(black_box(&calendar), black_box(from), black_box(target)));
    }

    #[divan::bench(args = &CASES)]
    fn workclock(bencher: Bencher, case: &Case) {
        let schedule = case.peer_schedule();
        let (from, target) = (case.from(), case.target());
        bencher
            .counter(ItemsCount::new(1usize))
            .bench_local(|| black_box(&schedule).add(black_box(from), black_box(target)));
    }
}

#[divan::bench_group]
mod elapsed_time {
    use super::*;

    #[divan::bench(args = &CASES)]
    fn dueline(bencher: Bencher, case: &Case) {
        let calendar = Calendar::parse(&case.our_schedule()).unwrap();
        let (from, to) = (case.from(), case.end());
        bencher.bench_local(|| elapsed(black_box(&calendar), black_box(from), black_box(to)));
    }

    #[divan::bench(args = &CASES)]
    fn workclock(bencher: Bencher, case: &Case) {
        let schedule = case.peer_schedule();
        let (from, to) = (case.from(), case.end());
        bencher.bench_local(|| black_box(&schedule).between(black_box(from), black_box(to)));
    }
}

#[divan::bench_group]
mod calendar_parse {
    use super::*;

    #[divan::bench(args = &CASES)]
    fn dueline(bencher: Bencher, case: &Case) {
        let schedule = case.our_schedule();
        bencher.bench_local(|| Calendar::parse(black_box(&schedule)));
    }

    /// This crate takes typed dates and times, where ours parses text.
    #[divan::bench(args = &CASES)]
    fn workclock(bencher: Bencher, case: &Case) {
        bencher.bench_local(|| black_box(case).peer_schedule());
    }
}

/// Outside the window of cached clock changes, every change is looked up in `jiff`.
#[divan::bench(args = ["1965-01-04T15:30:00Z", "2199-01-07T15:30:00Z"])]
fn ten_years_outside_the_window(bencher: Bencher, from: &str) {
    let calendar = Calendar::parse(&CASES.last().unwrap().our_schedule()).unwrap();
    let from: Timestamp = from.parse().unwrap();
    let target = SignedDuration::from_hours(20_000);
    bencher.bench_local(|| due(black_box(&calendar), black_box(from), black_box(target)));
}

#[divan::bench]
fn trace_of_thirty_days(bencher: Bencher) {
    let [_, case, _] = &CASES;
    let calendar = Calendar::parse(&case.our_schedule()).unwrap();
    let (from, to) = (case.from(), case.end());
    bencher.bench_local(|| trace(black_box(&calendar), black_box(from), black_box(to)));
}
