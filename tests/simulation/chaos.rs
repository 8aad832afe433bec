//! Everything that goes wrong, and what it goes wrong for: sweeps, deliveries and summing up, several at once.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fastrand::Rng;
use local::stack::Stack;
use local::wire::Wire;
use local::wire::fault::{Chance, FaultGuard, InjectedFault, Matcher};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::{DELIVER, SUMMARISE, SWEEP};

/// What runs at once, again and again.
const RUNS: [&str; 7] = [SWEEP, SWEEP, SWEEP, DELIVER, DELIVER, SUMMARISE, SUMMARISE];

/// How many of a hundred calls to the table fail now and then; most of them are done all the same.
const FAULT_PERCENT: u8 = 6;
/// The calls of one kind that fail for a while, so that repeating them is no help.
const OPERATIONS: [&str; 5] = [
    "GetItem",
    "PutItem",
    "Query",
    "TransactWriteItems",
    "UpdateItem",
];
/// What is killed and cut off, the first ones more often.
const VICTIMS: [&str; 7] = [
    SWEEP,
    DELIVER,
    SWEEP,
    DELIVER,
    SUMMARISE,
    "TicketCreate",
    "EventCreate",
];

/// What goes on until it is ended.
pub struct Chaos {
    stack: &'static Stack,
    faults: Vec<FaultGuard>,
    is_over: Arc<AtomicBool>,
    deeds: JoinSet<usize>,
}

/// What does one thing again and again.
struct Imp {
    stack: &'static Stack,
    is_over: Arc<AtomicBool>,
    random: Rng,
}

impl Chaos {
    pub fn begin(stack: &'static Stack, random: &mut Rng) -> Chaos {
        let faults = inject(stack.wire().expect("a wire"), random);
        let is_over = Arc::new(AtomicBool::new(false));
        let mut imp = || Imp {
            stack,
            is_over: Arc::clone(&is_over),
            random: random.fork(),
        };
        let mut deeds = JoinSet::new();
        for function in RUNS {
            deeds.spawn(imp().keep_running(function));
        }
        deeds.spawn(imp().keep_killing());
        deeds.spawn(imp().keep_cutting_off());
        Chaos {
            stack,
            faults,
            is_over,
            deeds,
        }
    }

    /// Ends it with whatever is in progress. Returns how often each thing was done, and how often the
    /// table failed.
    pub async fn end(self) -> (Vec<usize>, usize) {
        self.is_over.store(true, Ordering::SeqCst);
        self.stack.kill(SWEEP);
        self.stack.kill(DELIVER);
        self.stack.kill(SUMMARISE);
        let counts = self.deeds.join_all().await;
        let failures = self.faults.iter().map(FaultGuard::hits).sum();
        assert!(counts.iter().all(|count| *count > 2), "{counts:?}");
        assert!(failures > 500, "{failures}");
        (counts, failures)
    }
}

impl Imp {
    /// Runs a scheduled function again and again. Returns how often.
    async fn keep_running(mut self, function: &str) -> usize {
        let mut runs = 0;
        while !self.is_over() {
            // It may fail in every way.
            drop(self.stack.invoke(function, json!({})).await);
            runs += 1;
            sleep(Duration::from_millis(self.random.u64(200..1_200))).await;
        }
        runs
    }

    /// Kills functions again and again: one process, or all of a function. Returns how often.
    async fn keep_killing(mut self) -> usize {
        let mut kills = 0;
        while !self.is_over() {
            sleep(Duration::from_millis(self.random.u64(200..1_200))).await;
            let victim = VICTIMS[self.random.usize(..VICTIMS.len())];
            let mut processes = self.stack.processes(victim);
            processes.retain(|process| *process != 0);
            match self.random.choice(&processes) {
                None => continue,
                Some(process) if self.random.bool() => {
                    let mut kill = Command::new("kill");
                    kill.args(["-KILL", &process.to_string()]);
                    // It may be gone already.
                    kill.output().expect("the program `kill`");
                }
                Some(_) => self.stack.kill(victim),
            }
            kills += 1;
        }
        kills
    }

    /// Cuts a function off from the table again and again: calls of one kind have no answer for a
    /// while, whether they are done or not. Returns how often.
    async fn keep_cutting_off(mut self) -> usize {
        let wire = self.stack.wire().expect("a wire");
        let mut cuts = 0;
        while !self.is_over() {
            sleep(Duration::from_millis(self.random.u64(100..800))).await;
            let calls = Matcher {
                function: Some(VICTIMS[self.random.usize(..VICTIMS.len())].to_owned()),
                operation: Some(OPERATIONS[self.random.usize(..OPERATIONS.len())].to_owned()),
                ..Matcher::default()
            };
            let cut = match self.random.bool() {
                true => InjectedFault::DropResponse,
                false => InjectedFault::Refuse,
            };
            let cut = wire.fault(calls, cut);
            sleep(Duration::from_millis(self.random.u64(200..600))).await;
            drop(cut);
            cuts += 1;
        }
        cuts
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::SeqCst)
    }
}

/// Makes a share of all calls to the table fail. Most of them are done, but their answers are lost.
fn inject(wire: &Wire, random: &mut Rng) -> Vec<FaultGuard> {
    let mut share = |operation: Option<&str>, percent| {
        let seed = random.u64(..);
        Matcher {
            operation: operation.map(str::to_owned),
            chance: Some(Chance { percent, seed }),
            ..Matcher::default()
        }
    };
    let faults = vec![
        InjectedFault::DropResponse,
        InjectedFault::DropResponse,
        InjectedFault::DropResponse,
        InjectedFault::Refuse,
        InjectedFault::InternalError,
        InjectedFault::Throttle,
    ];
    let conflict = InjectedFault::TransactionConflict {
        reasons: vec!["TransactionConflict".to_owned()],
    };
    let writes = share(Some("TransactWriteItems"), FAULT_PERCENT);
    vec![
        wire.fault(share(None, FAULT_PERCENT), InjectedFault::OneOf(faults)),
        wire.fault(share(Some("TransactWriteItems"), 3), conflict),
        wire.fault(writes, InjectedFault::DropResponse),
    ]
}
