//! The CPU time of the holiday files that are known to cost most, and of the most expensive of many
//! random ones. Run it with `cargo bench -p shared --bench icalendar`. Append `-- 5000` to try
//! 5,000 random files instead of 500.
//!
//! The goal is at most 20 ms for any file of at most [`MAX_HOLIDAY_FILE_BYTES`], in this profile,
//! which the functions are built with. The output has the fastest and the median of several runs.
//! The fastest is the cost of the work when nothing else runs on the machine.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and may stop at the first surprise"
)]

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use jiff::civil::{Date, date};
use shared::icalendar::{MAX_HOLIDAY_FILE_BYTES, read};

const TODAY: Date = date(2026, 11, 22);

/// The number of runs of a known file.
const RUNS: usize = 15;

/// The number of runs of a random file.
const SEARCH_RUNS: usize = 5;

/// The number of random files, unless the command line gives another.
const RANDOM_FILES: u64 = 500;

fn main() {
    let mut numbers = std::env::args().filter_map(|argument| argument.parse().ok());
    let random_files = numbers.next_back().unwrap_or(RANDOM_FILES);
    let (fastest, median) = ("fastest", "median");
    println!("{:>9} {fastest:>9} {median:>9}  file: result", "bytes");
    for (name, file) in files() {
        assert!(file.len() <= MAX_HOLIDAY_FILE_BYTES, "{name} is too large");
        report(name, file.as_bytes(), RUNS);
    }
    let costs = (0..random_files).map(|seed| {
        let file = random_file(seed);
        (measure(file.as_bytes(), SEARCH_RUNS).0, seed)
    });
    if let Some((_, seed)) = costs.max() {
        let name = format!("the worst of {random_files} random files (number {seed})");
        report(&name, random_file(seed).as_bytes(), RUNS);
    }
}

fn report(name: &str, file: &[u8], runs: usize) {
    let (fastest, median) = measure(file, runs);
    let result = match read(file, TODAY) {
        Ok(file) => format!("{} dates", file.dates.len()),
        Err(error) => error.to_string(),
    };
    let (fastest, median) = (milliseconds(fastest), milliseconds(median));
    println!(
        "{:>9} {fastest:>6.2} ms {median:>6.2} ms  {name}: {result}",
        file.len()
    );
}

fn measure(file: &[u8], runs: usize) -> (Duration, Duration) {
    let mut costs: Vec<Duration> = (0..runs)
        .map(|_| {
            let before = Instant::now();
            let _ = black_box(read(black_box(file), TODAY));
            before.elapsed()
        })
        .collect();
    costs.sort_unstable();
    let at = |index: usize| costs.get(index).copied().unwrap_or_default();
    (at(0), at(runs / 2))
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// The known files: first legitimate ones, then one for everything that can be repeated.
fn files() -> Vec<(&'static str, String)> {
    let start = "DTSTART:20260101";
    vec![
        (
            "a hundred yearly holidays since 1970",
            holidays_since_1970(""),
        ),
        (
            "a hundred yearly holidays since 1970, counted",
            holidays_since_1970(";COUNT=500"),
        ),
        ("six rules since the year 1", small("", 6)),
        ("a rule counted since the year 1", small(";COUNT=999999", 1)),
        (
            "rules, different",
            full_of("BEGIN:VEVENT\nDTSTART:00010101\n", "END:VEVENT\n", |n| {
                let week = n % 53 + 1;
                format!("RRULE:FREQ=YEARLY;BYWEEKNO={week};BYDAY=MO\n")
            }),
        ),
        (
            "rules of all days, none of which recurs",
            full_of("BEGIN:VEVENT\nDTSTART:00010101\n", "END:VEVENT\n", |_| {
                "RRULE:FREQ=YEARLY;BYDAY=53MO;BYYEARDAY=1\n".to_owned()
            }),
        ),
        (
            "daily rules, none of which recurs",
            full_of("", "", |_| {
                "BEGIN:VEVENT\nDTSTART:00010101\nRRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30;COUNT=1\n\
             END:VEVENT\n"
                    .to_owned()
            }),
        ),
        (
            "rules of many numbers",
            full_of("", "", |_| {
                format!(
                    "BEGIN:VEVENT\n{start}\nRRULE:FREQ=YEARLY;BYYEARDAY={};BYSETPOS=366\nEND:VEVENT\n",
                    numbers(366)
                )
            }),
        ),
        (
            "one rule of the same number again and again",
            full_of(
                "BEGIN:VEVENT\nDTSTART:20260101\nRRULE:FREQ=YEARLY;BYMONTHDAY=1",
                "\nEND:VEVENT\n",
                |_| ",1".to_owned(),
            ),
        ),
        (
            "the smallest rules",
            full_of("BEGIN:VEVENT\nDTSTART:20260101\n", "END:VEVENT\n", |_| {
                "RRULE:FREQ=YEARLY\n".to_owned()
            }),
        ),
        (
            "events",
            full_of("", "", |_| format!("BEGIN:VEVENT\n{start}\nEND:VEVENT\n")),
        ),
        (
            "events on many days each",
            full_of("", "", |_| {
                format!("BEGIN:VEVENT\n{start}\nDURATION:P1000D\nEND:VEVENT\n")
            }),
        ),
        (
            "events with a time of day",
            full_of("", "", |n| {
                format!("BEGIN:VEVENT\nUID:{n}\nDTSTART:20260101T090000Z\nEND:VEVENT\n")
            }),
        ),
        (
            "events from midnight to midnight",
            full_of("", "", |_| {
                "BEGIN:VEVENT\nDTSTART;TZID=Z:20260101T000000\nDTEND;TZID=Z:20260102T000000\nEND:VEVENT\n"
                .to_owned()
            }),
        ),
        (
            "overrides of one series",
            full_of(
                "BEGIN:VEVENT\nUID:1\nDTSTART:20260101\nRRULE:FREQ=YEARLY\nEND:VEVENT\n",
                "",
                |_| format!("BEGIN:VEVENT\nUID:1\nRECURRENCE-ID:20260101\n{start}\nEND:VEVENT\n"),
            ),
        ),
        (
            "series with overrides",
            full_of("", "", |n| {
                format!(
                    "BEGIN:VEVENT\nUID:{n}\nDTSTART:20260101\nRRULE:FREQ=YEARLY\nEND:VEVENT\n\
                 BEGIN:VEVENT\nUID:{n}\nRECURRENCE-ID:20270101\nDTSTART:20270102\nEND:VEVENT\n"
                )
            }),
        ),
        (
            "EXDATE lines",
            one_event(|n| format!("EXDATE:{}\n", day(n))),
        ),
        (
            "RDATE lines",
            one_event(|n| format!("RDATE:{}\n", day(n % 900))),
        ),
        (
            "one EXDATE",
            full_of(
                "BEGIN:VEVENT\nDTSTART:20260101\nEXDATE:20260101",
                "\nEND:VEVENT\n",
                |n| format!(",{}", day(n)),
            ),
        ),
        (
            "one RDATE",
            full_of(
                "BEGIN:VEVENT\nDTSTART:20260101\nRDATE:20260101",
                "\nEND:VEVENT\n",
                |n| format!(",{}", day(n % 900)),
            ),
        ),
        ("properties of an event", one_event(|_| "X:\n".to_owned())),
        (
            "properties of the file",
            full_of("", "", |_| "X:\n".to_owned()),
        ),
        ("parameters", full_of("X", ":\n", |_| ";A=1".to_owned())),
        (
            "parameters in quotes",
            full_of("X", ":\n", |_| ";A=\"\"".to_owned()),
        ),
        (
            "parameter values",
            full_of("X;A=1", ":\n", |_| ",1".to_owned()),
        ),
        (
            "zones",
            full_of("", "", |n| {
                format!(
                    "BEGIN:VTIMEZONE\nTZID:{n}\nBEGIN:STANDARD\nTZOFFSETTO:+0100\nEND:STANDARD\n\
                 END:VTIMEZONE\n"
                )
            }),
        ),
        ("blank lines", full_of("", "", |_| "\n".to_owned())),
        ("folds", full_of("X:1", "\n", |_| "\n ".to_owned())),
        (
            "folds in dates",
            full_of("", "", |_| {
                "BEGIN:VEVENT\nDTSTART:20\n 26\n 01\n 01\nEND:VEVENT\n".to_owned()
            }),
        ),
        ("components in components", nested()),
        ("one long line", full_of("X:", "\n", |_| "x".to_owned())),
        (
            "properties, and a rule that takes all steps",
            full_of(
                "BEGIN:VEVENT\nDTSTART:00010101\n",
                "RRULE:FREQ=YEARLY;BYWEEKNO=53;BYDAY=MO,TU;COUNT=999999\n\
                 RRULE:FREQ=YEARLY;BYWEEKNO=53;BYYEARDAY=1,2;COUNT=999999\n\
                 RRULE:FREQ=YEARLY;BYDAY=53MO,53TU;BYYEARDAY=1;COUNT=999999\nEND:VEVENT\n",
                |_| "X:\n".to_owned(),
            ),
        ),
        ("everything", everything()),
    ]
}

/// A file with as many repetitions as fit.
fn full_of(before: &str, after: &str, repeated: impl Fn(usize) -> String) -> String {
    let end = format!("{after}END:VCALENDAR\n");
    let mut file = format!("BEGIN:VCALENDAR\n{before}");
    for n in 0.. {
        let more = repeated(n);
        if file.len() + more.len() + end.len() > MAX_HOLIDAY_FILE_BYTES {
            break;
        }
        file += &more;
    }
    file + &end
}

fn one_event(repeated: impl Fn(usize) -> String) -> String {
    full_of("BEGIN:VEVENT\nDTSTART:20260101\n", "END:VEVENT\n", repeated)
}

fn holidays_since_1970(end: &str) -> String {
    let mut file = "BEGIN:VCALENDAR\n".to_owned();
    // At most ninety differ, with eleven occurrences each, so they fit into a calendar.
    for n in 0..100 {
        let (month, day) = (n % 9 + 1, n % 10 + 1);
        let rule = match n % 2 {
            0 => format!("FREQ=YEARLY{end}"),
            _ => format!("FREQ=YEARLY;BYMONTH={month};BYDAY={}MO{end}", n % 4 + 1),
        };
        let _ = write!(
            file,
            "BEGIN:VEVENT\nUID:{n}\nDTSTART;VALUE=DATE:19700{month}{day:02}\nRRULE:{rule}\n\
             END:VEVENT\n"
        );
    }
    file + "END:VCALENDAR\n"
}

/// A small file whose rules begin in the year 1.
fn small(end: &str, rules: usize) -> String {
    let rule = format!("RRULE:FREQ=YEARLY;BYWEEKNO=53;BYDAY=MO,TU{end}\n");
    let rules = rule.repeat(rules);
    format!("BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:00010101\n{rules}END:VEVENT\nEND:VCALENDAR\n")
}

/// `1,-1,2,-2` and so on.
fn numbers(max: i32) -> String {
    let numbers = (1..=max).map(|number| format!("{number},-{number}"));
    numbers.collect::<Vec<_>>().join(",")
}

fn day(n: usize) -> String {
    let days = i32::try_from(n).expect("a file has fewer days");
    let day = date(2026, 1, 1).checked_add(jiff::Span::new().days(days));
    day.expect("a file has fewer days")
        .strftime("%Y%m%d")
        .to_string()
}

fn nested() -> String {
    let (begin, end) = ("BEGIN:A\n", "END:A\n");
    let depth = (MAX_HOLIDAY_FILE_BYTES - 64) / (begin.len() + end.len());
    format!(
        "BEGIN:VCALENDAR\n{}{}END:VCALENDAR\n",
        begin.repeat(depth),
        end.repeat(depth)
    )
}

fn everything() -> String {
    full_of("", "", |n| {
        let week = n % 53 + 1;
        format!(
            "BEGIN:VEVENT\nUID:{n}\nDTSTART;TZID=A:20200101T000000\nDTEND;TZID=A:20200102T000000\n\
             RRULE:FREQ=YEARLY;BYWEEKNO={week};BYDAY=MO\nEXDATE:20260101,20260102\n\
             RDATE;VALUE=DATE:{}\nX;A=1;B=\"2\":3\n 4\nEND:VEVENT\n",
            day(n % 500)
        )
    })
}

/// A file full of random rules, in one event or in many.
fn random_file(seed: u64) -> String {
    let mut random = Random(seed);
    let years = ["0001", "1900", "1970", "2020", "2026", "2030", "9990"];
    let start = format!(
        "DTSTART:{}{:02}{:02}\n",
        random.of(&years),
        1 + random.below(12),
        1 + random.below(28)
    );
    let rules: Vec<String> = (0..=random.below(20))
        .map(|_| random_rule(&mut random))
        .collect();
    let rule = |n: usize| rules.get(n % rules.len()).cloned().unwrap_or_default();
    match random.below(3) {
        0 => full_of(&format!("BEGIN:VEVENT\n{start}"), "END:VEVENT\n", rule),
        1 => full_of("", "", |n| {
            format!("BEGIN:VEVENT\n{start}{}END:VEVENT\n", rule(n))
        }),
        _ => full_of("", "", |n| {
            format!(
                "BEGIN:VEVENT\nUID:{n}\n{start}DURATION:P9D\n{}EXDATE:{},{}\nEND:VEVENT\n",
                rule(n),
                day(n % 4_000),
                day(n % 3_000)
            )
        }),
    }
}

fn random_rule(random: &mut Random) -> String {
    let frequency = *random.of(&["DAILY", "WEEKLY", "MONTHLY", "YEARLY", "YEARLY", "YEARLY"]);
    let mut rule = format!("RRULE:FREQ={frequency}");
    let mut list = |name: &str, max: u64, one_in: u64| {
        if random.below(one_in) == 0 {
            let longest = *random.of(&[1, 3, max]);
            let length = 1 + random.below(longest);
            let numbers = (0..length).map(|_| {
                let sign = if name != "BYMONTH" && random.below(3) == 0 {
                    "-"
                } else {
                    ""
                };
                format!("{sign}{}", 1 + random.below(max))
            });
            let numbers: Vec<String> = numbers.collect();
            let _ = write!(rule, ";{name}={}", numbers.join(","));
        }
    };
    list("BYMONTH", 12, 3);
    if frequency != "WEEKLY" {
        list("BYMONTHDAY", 31, 3);
    }
    if frequency == "YEARLY" {
        list("BYYEARDAY", 366, 4);
        list("BYWEEKNO", 53, 4);
    }
    let days = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];
    match random.below(4) {
        0 => {
            let _ = write!(rule, ";BYDAY={}", random.of(&days));
        }
        1 if frequency == "YEARLY" && !rule.contains("BYWEEKNO") => {
            let _ = write!(rule, ";BYDAY={}{}", 1 + random.below(53), random.of(&days));
        }
        _ => {}
    }
    if rule.contains(";BY") && random.below(3) == 0 {
        let _ = write!(rule, ";BYSETPOS={}", 1 + random.below(366));
    }
    if random.below(3) == 0 {
        let _ = write!(rule, ";COUNT={}", 1 + random.below(20_000));
    }
    if random.below(3) == 0 {
        let _ = write!(rule, ";INTERVAL={}", 1 + random.below(40));
    }
    rule + "\n"
}

/// A reproducible random number generator (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % end
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        let index = self.below(all.len() as u64) as usize;
        all.get(index).expect("an index below the length")
    }
}
