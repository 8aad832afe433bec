//! `cargo soak`: callers of two teams and both dialects use the whole API, while a share of the
//! DynamoDB calls fails and functions are killed.
//!
//! Each response must agree with a simple model of the caller's own resources, and at the end the
//! table must satisfy its invariants.

mod caller;
mod client;
mod limited;
mod policies;
mod report;
mod rules;
mod site;

use caller::Caller;
use clap::Parser;
use fastrand::Rng;
use jiff::Timestamp;
use local::{
    binaries::{self, Profile},
    error::Error,
    invariants,
    stack::{self, Stack, StackOptions},
    table,
    template::Template,
    wire::{
        Wire,
        fault::{Chance, FaultGuard, InjectedFault, Matcher},
    },
};
use report::Report;
use serde_json::Value;
use site::{Site, UNLIMITED};
use std::{collections::BTreeMap, process::ExitCode, sync::Arc, time::Duration};
use tokio::{
    task::JoinSet,
    time::{self, Instant},
};

/// How long calls are delayed. The second is longer than a function waits for an attempt.
const DELAYS: [Duration; 2] = [Duration::from_millis(150), Duration::from_millis(1_300)];
/// Percentage of the transactions that fail with a conflict.
const CONFLICT_PERCENT: u8 = 3;
/// How often the recorded calls are counted and removed. The wire keeps only 100,000.
const SWEEP_EVERY: Duration = Duration::from_millis(500);

/// Uses the service while a share of the DynamoDB calls fails and functions are killed.
///
/// Checks every response against a model, and the table at the end. Fails if a response is wrong,
/// if the table violates an invariant, or if fewer than 99.9 % of the operations succeed within
/// five retries.
#[derive(Parser)]
#[command(name = "cargo soak", bin_name = "cargo soak", version)]
struct Arguments {
    /// Seed of all random choices, though not of the order of concurrent calls; drawn at random if
    /// absent, and always printed
    #[arg(long)]
    seed: Option<u64>,

    /// How long callers start new operations
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,

    /// Number of concurrent callers
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u64).range(1..=32))]
    callers: u64,

    /// Percentage of the DynamoDB calls that fail or are delayed
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u8).range(0..=90))]
    broken_percent: u8,

    /// How often per minute the processes of a function are killed
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(0..=600))]
    kills_per_minute: u64,

    /// Maximum number of processes per function
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=16))]
    processes: u16,

    /// Build the functions in release mode, as they are deployed
    #[arg(long)]
    release: bool,

    /// Length of the rate limit's window
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    window_seconds: u32,

    /// Calls per window of the one credential with a limit
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let seed = arguments.seed.unwrap_or_else(random_seed);
    match run(&arguments, seed) {
        Ok(report) => {
            print!("{report}");
            if report.passed() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The seed of a run whose command line names none.
fn random_seed() -> u64 {
    u64::try_from(Timestamp::now().as_nanosecond()).unwrap_or_default() % 1_000_000
}

fn run(arguments: &Arguments, seed: u64) -> Result<Report, Error> {
    let workspace = stack::workspace();
    let profile = if arguments.release {
        Profile::Release
    } else {
        Profile::Dev
    };
    let options = StackOptions {
        template: Template::read(&workspace.join("template.yaml"))?,
        binaries: binaries::build(workspace, profile)?,
        concurrency: usize::from(arguments.processes),
        gateway_port: 0,
        db_port: 0,
        data: None,
        environment: environment(arguments),
        record: true,
        run_schedules: false,
        dynamodb_endpoint: None,
    };
    println!("seed {seed}");
    stack::runtime()?.block_on(soak(arguments, seed, options))
}

fn environment(arguments: &Arguments) -> Vec<(String, String)> {
    let unlimited = UNLIMITED.to_string();
    let window = arguments.window_seconds.to_string();
    [
        ("SECRET_KEY_LIMIT", &unlimited),
        ("USER_TOKEN_LIMIT", &unlimited),
        ("RATE_WINDOW_SECONDS", &window),
    ]
    .map(|(name, value)| (name.to_owned(), value.clone()))
    .to_vec()
}

async fn soak(arguments: &Arguments, seed: u64, options: StackOptions) -> Result<Report, Error> {
    let functions: Vec<String> = options
        .template
        .functions
        .iter()
        .map(|function| function.logical_id.clone())
        .collect();
    let stack = Stack::start(options).await?;
    let site = Arc::new(Site::begin(&stack, arguments.limit).await?);
    let mut random = Rng::with_seed(seed);
    let faults: Vec<FaultGuard> = stack
        .wire()
        .map(|wire| inject_faults(wire, &mut random, arguments.broken_percent))
        .unwrap_or_default();

    let ends_at = Instant::now() + Duration::from_secs(arguments.seconds);
    let mut callers = JoinSet::new();
    for number in 0..arguments.callers {
        let mut caller = Caller::new(&site, number, random.fork());
        callers.spawn(async move {
            while Instant::now() < ends_at {
                caller.act().await;
            }
            caller
        });
    }
    let mut kill = time::interval(Duration::from_millis(
        60_000 / arguments.kills_per_minute.max(1),
    ));
    let mut sweep = time::interval(SWEEP_EVERY);
    let (mut finished, mut kills, mut calls) = (Vec::new(), 0, 0);
    loop {
        tokio::select! {
            joined = callers.join_next() => match joined {
                Some(Ok(caller)) => finished.push(caller),
                Some(Err(error)) => site.tally.wrong(format!("a caller failed: {error}")),
                None => break,
            },
            _ = kill.tick(), if arguments.kills_per_minute > 0 => {
                if let Some(function) = random.choice(&functions) {
                    kills += stack.processes(function).len();
                    stack.kill(function);
                }
            }
            _ = sweep.tick() => calls += calls_since(&stack),
        }
    }
    let faults_injected = faults.iter().map(FaultGuard::hits).sum();
    drop(faults);
    // By then, delayed calls have arrived.
    time::sleep(DELAYS.iter().sum()).await;
    calls += calls_since(&stack);
    for caller in &mut finished {
        caller.check().await;
    }
    let items = table::items(stack.dynamodb()).await?;
    let violations = invariants::violations(&items, Some(&site.board.deleted()));
    let failures = failures(&stack);
    stack.shutdown().await;
    Ok(Report {
        seed,
        broken_percent: arguments.broken_percent,
        calls,
        faults_injected,
        kills,
        items: items.len(),
        violations,
        failures,
        totals: site.tally.totals(),
    })
}

/// Makes a share of all calls fail, and some transactions fail with a conflict.
fn inject_faults(wire: &Wire, random: &mut Rng, percent: u8) -> Vec<FaultGuard> {
    let mut chance = |percent| {
        let seed = random.u64(..);
        Some(Chance { percent, seed })
    };
    let any = Matcher {
        chance: chance(percent),
        ..Matcher::default()
    };
    let transactions = Matcher {
        operation: Some("TransactWriteItems".to_owned()),
        chance: chance(CONFLICT_PERCENT.min(percent)),
        ..Matcher::default()
    };
    let mut faults = vec![
        InjectedFault::DropResponse,
        InjectedFault::InternalError,
        InjectedFault::Refuse,
        InjectedFault::Throttle,
    ];
    faults.extend(DELAYS.map(InjectedFault::Delay));
    let conflict = InjectedFault::TransactionConflict {
        reasons: vec!["TransactionConflict".to_owned()],
    };
    vec![
        wire.fault(any, InjectedFault::OneOf(faults)),
        wire.fault(transactions, conflict),
    ]
}

/// The newest failures that the functions logged, by request id.
fn failures(stack: &Stack) -> BTreeMap<String, String> {
    let lines = stack.logs().into_iter();
    let lines = lines.filter_map(|line| serde_json::from_str::<Value>(&line.text).ok());
    lines
        .filter_map(|line| {
            let member = |name: &str| Some(line.get(name)?.as_str()?.to_owned());
            Some((member("request_id")?, member("cause")?))
        })
        .collect()
}

/// Counts and removes the calls since the last time.
fn calls_since(stack: &Stack) -> usize {
    stack.wire().map_or(0, |wire| wire.take().len())
}
