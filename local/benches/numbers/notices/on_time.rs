//! How late notices arrive whose marks are known two minutes ahead.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use local::dynamodb::Database;
use local::stack::Stack;

use super::receiver::{Arrival, Receiver};
use super::runs::{self, SWEEP};
use super::team::{Team, minutes_before, spread};
use super::{Findings, Measured};
use crate::processes::quantile;
use crate::stack;

/// Tickets with one mark each.
const SINGLE: usize = 600;
/// Tickets with two marks each, a warning and a breach that follows 24 seconds later.
const PAIRS: usize = 60;
/// The minutes to the breach of the tickets with one mark. Their warnings are past.
const SINGLE_MINUTES: i64 = 30;
const PAIR_MINUTES: i64 = 2;
/// From the warning of a target of two minutes to its breach.
const WARNING_AHEAD: SignedDuration = SignedDuration::from_secs(24);

/// The time for creating the tickets.
const SETUP: SignedDuration = SignedDuration::from_secs(10);
/// From the start of the first sweep to the first mark.
const FIRST_MARK: SignedDuration = SignedDuration::from_secs(20);
/// From the first mark to the last one of the tickets with one.
const SPREAD: Duration = Duration::from_secs(90);
/// The same of the warnings.
const SPREAD_OF_PAIRS: Duration = Duration::from_secs(60);

/// The rate of the schedule.
const BETWEEN_SWEEPS: Duration = Duration::from_secs(60);
const SWEEPS: u32 = 3;
/// When notices that have not arrived are given up, from the start of the first sweep.
const PATIENCE: Duration = Duration::from_secs(150);

/// The goal.
const MAX_LATENESS: Duration = Duration::from_secs(5);

/// Creates the tickets, starts a sweep each minute as the schedule does, and waits for the notices.
pub async fn measure(measured: &Measured) -> Findings {
    let database = Database::start(&measured.template, 0, None).await;
    let database = database.expect("a database");
    let endpoint = database.endpoint();
    let (template, binaries) = (&measured.template, &measured.binaries);
    let stack = stack::crowded(template, binaries, &endpoint, SWEEPS as usize, false).await;
    let receiver = Receiver::start();
    let begin = Timestamp::now() + SETUP;
    let single = Some((receiver.url.as_str(), &["sla.breached"][..]));
    let single = Team::with_target(&stack, SINGLE_MINUTES, single).await;
    let pairs = Some((receiver.url.as_str(), &[][..]));
    let pairs = Team::with_target(&stack, PAIR_MINUTES, pairs).await;
    let breaches = spread(begin + FIRST_MARK, SPREAD, SINGLE).into_iter();
    let starts = breaches.map(|at| minutes_before(at, SINGLE_MINUTES));
    single.tickets(starts).await;
    let warnings = spread(begin + FIRST_MARK, SPREAD_OF_PAIRS, PAIRS).into_iter();
    let starts = warnings.map(|at| minutes_before(at + WARNING_AHEAD, PAIR_MINUTES));
    pairs.tickets(starts).await;
    let early = Timestamp::now().duration_until(begin);
    tokio::time::sleep(early.try_into().expect("enough time to create the tickets")).await;
    sweeps(&stack, &receiver).await;
    let arrivals = receiver.arrivals();
    let runs = runs::all(&stack, SWEEP);
    stack.shutdown().await;
    database.shutdown().await;

    let mut findings = lateness(&arrivals, &single.id);
    let notices: u64 = runs.iter().map(|run| run.notices).sum();
    let calls: u64 = runs.iter().map(|run| run.calls).sum();
    let units: f64 = runs.iter().map(|run| run.units).sum();
    // Writing to a String cannot fail.
    let _ = write!(
        findings.text,
        "\n{} sweeps made {notices} notices with {calls} calls and {units} units: {:.1} calls and {:.1} units \
         each, with what overlapping runs cost.",
        runs.len(),
        calls as f64 / notices as f64,
        units / notices as f64,
    );
    findings
}

/// Runs sweeps until everything has arrived. A sweep that is under way at the end is cut off.
async fn sweeps(stack: &Stack, receiver: &Receiver) {
    let begun = Instant::now();
    let run = |number: u32| async move {
        tokio::time::sleep(BETWEEN_SWEEPS * number).await;
        runs::invoke(stack, SWEEP).await;
    };
    let sweeps = futures_util::future::join_all((0..SWEEPS).map(run));
    let all_arrive = async {
        let until = begun + PATIENCE;
        receiver.wait_for(SINGLE + 2 * PAIRS, until).await;
    };
    futures_util::future::join(sweeps, all_arrive).await;
}

fn lateness(arrivals: &[Arrival], single: &str) -> Findings {
    let of = |wanted: &dyn Fn(&Arrival) -> bool| -> Vec<Duration> {
        let arrivals = arrivals.iter().filter(|arrival| wanted(arrival));
        let lateness = arrivals.map(|arrival| arrival.lateness().try_into());
        lateness
            .map(|late| late.expect("it has become true"))
            .collect()
    };
    let is_single = |arrival: &Arrival| arrival.notice["data"]["teamId"] == single;
    let is_warning = |arrival: &Arrival| arrival.notice["type"] == "sla.warning";
    let groups = [
        ("one mark a ticket", SINGLE, of(&is_single)),
        (
            "two marks a ticket, the first",
            PAIRS,
            of(&|arrival| !is_single(arrival) && is_warning(arrival)),
        ),
        (
            "two marks a ticket, 24 s later",
            PAIRS,
            of(&|arrival| !is_single(arrival) && !is_warning(arrival)),
        ),
    ];
    let mut missed = Vec::new();
    let mut text = "From the instant of a mark to the arrival of its notice at a receiver on the same \
                    machine:\n\n| marks | number | p50 | p90 | p99 | max |\n|---|---|---|---|---|---|\n"
        .to_owned();
    for (name, expected, lateness) in groups {
        let milliseconds = [0.5, 0.9, 0.99, 1.0].map(|share| {
            let time = quantile(&lateness, share).as_secs_f64() * 1e3;
            format!("{time:.1} ms")
        });
        let number = lateness.len();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| {name} | {number} | {} |", milliseconds.join(" | "));
        let late = lateness.iter().filter(|late| **late > MAX_LATENESS).count();
        if number != expected || late > 0 {
            missed.push(format!(
                "{name}: {number} of {expected} have arrived, and {late} later than {MAX_LATENESS:?}"
            ));
        }
    }
    Findings { text, missed }
}
