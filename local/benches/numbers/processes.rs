//! Each binary's use of the machine, in comparison with the bare programs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use http::Method;
use local::dynamodb::Database;
use local::stack::Stack;
use local::table::TABLE_NAME;
use local::template::{Function, Template};
use local::wire::call::DynamoDbCall;
use shared::api::{self, Access, Effect, Endpoint};
use shared::auth::issue::Terms;
use shared::domain::rule::MAX_RULES;

use crate::build::{HELLO, ONE_CALL};
use crate::calls::{CallsRow, script};
use crate::fixture::{Contents, Fixture, logical_id, needed, success, uses_up};
use crate::stack;

/// Starts of each program, of which the median is reported.
const STARTS: usize = 20;
/// Turns that warm up each program.
const WARM_UP: usize = 2;
/// Timed requests of each program, in turns of [`TURN`].
const REQUESTS: usize = 1_000;
/// Requests per turn: enough to amortise the change of programs, and few enough that a noisy
/// machine affects all programs alike.
const TURN: usize = 50;
/// Requests per team that add something: fewer than the limit of 100 calendars.
const PER_TEAM: usize = 90;

/// Endpoints that are not measured: a team's ten webhooks are soon used up, and sending waits for others.
const UNMEASURED: [&str; 4] = [
    "delivery-retry",
    "webhook-create",
    "webhook-delete",
    "webhook-test",
];

/// The goals of docs/performance.md.
const MAX_INIT_RATIO: f64 = 2.0;
const MAX_CPU_RATIO: f64 = 1.3;
const MAX_RESIDENT_MB: f64 = 12.0;
const MAX_ZIP_MB: f64 = 3.0;

/// The bare programs with a client: one opens its connection at INIT, the other does not.
const PRIMED: &str = "BarePrimed";
const UNPRIMED: &str = "BareUnprimed";
const HELLO_FUNCTION: &str = "Hello";

/// One program and its measurements.
pub struct Program {
    /// Its name in the table.
    name: String,
    /// Its logical id.
    function: String,
    binary: String,
    /// The logical id of the program that its CPU time is divided by.
    peer: Option<String>,
    endpoint: &'static Endpoint,
    status: u64,
    /// Whether it opens its connection at INIT.
    primes: bool,
    fixtures: Vec<Fixture>,
    /// What each of its teams has.
    contents: Contents,
    /// The event that starts it.
    first_event: Bytes,
    requests: usize,
    starts: Vec<Start>,
    latencies: Vec<Duration>,
    cpu: Duration,
    resident_kib: u64,
}

/// From a process's start to its first `next`.
struct Start {
    whole: Duration,
    /// The part of it that waits for the response to the call that opens the connection.
    priming: Duration,
}

impl Start {
    fn own(&self) -> Duration {
        self.whole.saturating_sub(self.priming)
    }
}

/// Measures the starts, the requests and the memory of every program, in turns.
pub async fn measure(
    template: &Template,
    binaries: &BTreeMap<String, PathBuf>,
    rows: &[CallsRow],
) -> Vec<Program> {
    let database = Database::start(template, 0, None)
        .await
        .expect("a database");
    let (mut programs, functions) = programs(&database.endpoint(), rows).await;

    let stack = stack::recorded(template, &functions, binaries, &database.endpoint()).await;
    for _ in 0..STARTS {
        for program in &mut programs {
            program.restart(&stack).await;
        }
    }
    stack.shutdown().await;

    let stack = stack::direct(template, &functions, binaries, &database.endpoint()).await;
    for program in &mut programs {
        if program.endpoint.method != Method::DELETE {
            for fixture in &mut program.fixtures {
                fixture
                    .fill(&stack, program.endpoint, program.contents)
                    .await;
            }
        }
        for _ in 0..WARM_UP {
            program.take_turn(&stack).await;
        }
        program.latencies.clear();
        program.cpu = Duration::ZERO;
    }
    for _ in 0..REQUESTS / TURN {
        for program in &mut programs {
            program.take_turn(&stack).await;
        }
    }
    for program in &mut programs {
        program.resident_kib = resident_kib(program.process(&stack));
    }
    stack.shutdown().await;
    database.shutdown().await;
    programs
}

/// Our programs and the bare ones, and the functions that run the bare ones.
async fn programs(database: &str, rows: &[CallsRow]) -> (Vec<Program>, Vec<Function>) {
    let mut programs = Vec::new();
    let mut functions = Vec::new();
    let anyone = api::HEALTH_GET.endpoint();
    let without_peer = [
        (HELLO_FUNCTION, HELLO, "`hello`, bare"),
        (UNPRIMED, ONE_CALL, "a client, bare"),
        (
            PRIMED,
            ONE_CALL,
            "a client, bare, its connection opened at INIT",
        ),
    ];
    for (id, binary, name) in without_peer {
        let fixture = Fixture::new(database, anyone, Terms::default()).await;
        functions.push(function(id, binary, &fixture, "GetItem"));
        let mut program = Program::new(name, id, binary, anyone, vec![fixture]);
        program.primes = id == PRIMED;
        programs.push(program);
    }
    if let Some(primed) = functions.last_mut() {
        let yes = ("PRIMING".to_owned(), "1".to_owned());
        primed.environment.extend([yes]);
    }
    for (number, row) in rows.iter().enumerate() {
        let endpoint = row.endpoint;
        let before = rows.get(..number).unwrap_or_default();
        let is_measured = before.iter().any(|row| row.endpoint.name == endpoint.name);
        if is_measured || UNMEASURED.contains(&endpoint.name) {
            continue;
        }
        let script = script(&row.success);
        let mut peer = HELLO_FUNCTION.to_owned();
        if !script.is_empty() {
            let name = format!("`{}`, bare", script.replace('+', " + "));
            let same = programs.iter().find(|program| program.name == name);
            peer = match same {
                Some(same) => same.function.clone(),
                None => format!("Bare{}", logical_id(endpoint)),
            };
            if same.is_none() {
                let fixture = Fixture::new(database, endpoint, Terms::default()).await;
                functions.push(function(&peer, ONE_CALL, &fixture, &script));
                let fixtures = vec![fixture];
                programs.push(Program::new(&name, &peer, ONE_CALL, endpoint, fixtures));
            }
        }
        let fills_up = endpoint.method == Method::POST || uses_up(endpoint);
        let fixtures = match endpoint.effect() {
            Effect::Write if fills_up && endpoint.method != Method::DELETE => {
                (WARM_UP * TURN + REQUESTS) / PER_TEAM + 1
            }
            _ => 1,
        };
        let mut own = Vec::new();
        for _ in 0..fixtures {
            own.push(Fixture::new(database, endpoint, Terms::default()).await);
        }
        let name = format!("`{}`", endpoint.name);
        let id = logical_id(endpoint);
        let mut program = Program::new(&name, &id, endpoint.name, endpoint, own);
        program.peer = Some(peer);
        program.primes = endpoint.effect() != Effect::None;
        program.status = success(endpoint);
        if endpoint.access != Access::Anyone {
            // A request that is rejected at once makes no call that could be mistaken for the first
            // one.
            let mut malformed = Fixture::malformed(database, endpoint).await;
            program.first_event = malformed.event(endpoint, 0);
        }
        programs.push(program);
        if endpoint.name == "rule-list" {
            let (bare, full) = full_list(database, endpoint, &script, &mut functions).await;
            programs.extend([bare, full]);
        }
    }
    (programs, functions)
}

/// The list of a team with the maximum number of rules, and its bare peer. Their difference shows
/// what grows with the number of items, unlike the admission and the envelope.
async fn full_list(
    database: &str,
    endpoint: &'static Endpoint,
    script: &str,
    functions: &mut Vec<Function>,
) -> (Program, Program) {
    const BARE: &str = "BareFullRuleList";
    let fixture = Fixture::new(database, endpoint, Terms::default()).await;
    functions.push(function(BARE, ONE_CALL, &fixture, script));
    let mut bare = Program::new("200 rules, bare", BARE, ONE_CALL, endpoint, vec![fixture]);
    let fixture = Fixture::new(database, endpoint, Terms::default()).await;
    let id = logical_id(endpoint);
    let name = "`rule-list`, 200 rules";
    let mut full = Program::new(name, &id, endpoint.name, endpoint, vec![fixture]);
    full.peer = Some(BARE.to_owned());
    full.primes = true;
    let mut malformed = Fixture::malformed(database, endpoint).await;
    full.first_event = malformed.event(endpoint, 0);
    bare.contents = Contents::Count(MAX_RULES as usize);
    full.contents = Contents::Count(MAX_RULES as usize);
    (bare, full)
}

fn function(id: &str, binary: &str, fixture: &Fixture, calls: &str) -> Function {
    let environment = [
        ("CALLS", calls),
        ("CREDENTIAL", &fixture.credential()),
        ("TABLE_NAME", TABLE_NAME),
        ("TEAM", &fixture.partition()),
    ];
    Function {
        logical_id: id.to_owned(),
        binary: binary.to_owned(),
        routes: Vec::new(),
        schedules: Vec::new(),
        timeout: Duration::from_secs(10),
        memory_mib: 256,
        environment: environment
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        dynamodb_actions: Default::default(),
    }
}

impl Program {
    fn new(
        name: &str,
        function: &str,
        binary: &str,
        endpoint: &'static Endpoint,
        mut fixtures: Vec<Fixture>,
    ) -> Program {
        let first = fixtures.first_mut().expect("a fixture");
        let first_event = first.event(api::HEALTH_GET.endpoint(), 0);
        Program {
            name: name.to_owned(),
            function: function.to_owned(),
            binary: binary.to_owned(),
            peer: None,
            endpoint,
            status: 200,
            primes: false,
            fixtures,
            contents: needed(endpoint),
            first_event,
            requests: 0,
            starts: Vec::new(),
            latencies: Vec::new(),
            cpu: Duration::ZERO,
            resident_kib: 0,
        }
    }

    async fn restart(&mut self, stack: &Stack) {
        let wire = stack.wire().expect("the stack records");
        stack.kill(&self.function);
        while !stack.processes(&self.function).is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        wire.take();
        let response = stack
            .invoke_raw(&self.function, self.first_event.clone())
            .await;
        response.unwrap_or_else(|error| panic!("{}: {error}", self.function));
        let whole = stack.starts(&self.function).last().copied();
        let calls = wire.take();
        let first = calls.iter().min_by_key(|call| call.started);
        let priming = first.filter(|_| self.primes).map(length);
        self.starts.push(Start {
            whole: whole.expect("it has started"),
            priming: priming.unwrap_or_default(),
        });
    }

    async fn take_turn(&mut self, stack: &Stack) {
        if self.peer.is_some() && self.endpoint.method == Method::DELETE {
            for fixture in &mut self.fixtures {
                let contents = Contents::Count(TURN);
                fixture.fill(stack, self.endpoint, contents).await;
            }
        }
        if stack.processes(&self.function).is_empty() {
            let response = stack
                .invoke_raw(&self.function, self.first_event.clone())
                .await;
            response.unwrap_or_else(|error| panic!("{}: {error}", self.function));
        }
        let process = self.process(stack);
        let before = cpu(process);
        for _ in 0..TURN {
            let took = self.send(stack).await;
            self.latencies.push(took);
        }
        // Its work goes on briefly after a response. What this turn misses, the next one includes.
        self.cpu += cpu(process).saturating_sub(before);
    }

    async fn send(&mut self, stack: &Stack) -> Duration {
        let number = self.requests;
        self.requests += 1;
        let turn = number / PER_TEAM % self.fixtures.len();
        let fixture = self.fixtures.get_mut(turn).expect("a fixture");
        let event = fixture.event(self.endpoint, number);
        let begun = Instant::now();
        let response = stack.invoke_raw(&self.function, event).await;
        let took = begun.elapsed();
        let response = response.unwrap_or_else(|error| panic!("{}: {error}", self.function));
        let status = format!("\"statusCode\":{}", self.status);
        let response = String::from_utf8_lossy(&response);
        assert!(response.contains(&status), "{}: {response}", self.function);
        took
    }

    fn process(&self, stack: &Stack) -> u32 {
        let processes = stack.processes(&self.function);
        processes.last().copied().expect("a process")
    }

    fn median_ms(&self, of: fn(&Start) -> Duration) -> f64 {
        let times: Vec<Duration> = self.starts.iter().map(of).collect();
        quantile(&times, 0.5).as_secs_f64() * 1e3
    }

    fn cpu_us(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.latencies.len() as f64
    }

    fn resident_mb(&self) -> f64 {
        self.resident_kib as f64 * 1_024.0 / 1e6
    }
}

/// The table in Markdown, and the goals that are missed.
pub fn table(programs: &[Program], binaries: &BTreeMap<String, PathBuf>) -> String {
    let of = |id: &str| programs.iter().find(|program| program.function == id);
    let hello = of(HELLO_FUNCTION).map(|hello| hello.median_ms(Start::own));
    let hello = hello.unwrap_or_default();
    let mut missed = Vec::new();
    let mut table = format!(
        "INIT is the median of {STARTS} starts, from a process's start to its first `next`, without \
         the call that opens the connection to DynamoDB, whose wait is the column \"priming\". Latencies \
         and CPU times are of {REQUESTS} requests through the Runtime API, after {} to warm up. CPU \
         time is compared with that of a bare program that makes the same calls. MB are 10⁶ bytes; \
         zips are deflated at level 9.\n\n\
         | binary | INIT | × hello | priming | p50 | p99 | CPU | × bare | resident | binary | zip |\n\
         |---|---|---|---|---|---|---|---|---|---|---|\n",
        WARM_UP * TURN
    );
    for program in programs {
        let init = program.median_ms(Start::own);
        let init_ratio = init / hello;
        let peer = program.peer.as_deref().and_then(of);
        let cpu_ratio = peer.map(|peer| program.cpu_us() / peer.cpu_us());
        let (size, zip) = sizes(binaries.get(&program.binary).expect("it was built"));
        // Writing to a String cannot fail.
        let _ = writeln!(
            table,
            "| {} | {init:.2} ms | {init_ratio:.2} | {} | {:.2} ms | {:.2} ms | {:.0} µs | {} | {:.1} MB | {size:.2} MB | {zip:.2} MB |",
            program.name,
            match program.primes {
                true => format!("{:.2} ms", program.median_ms(|start| start.priming)),
                false => String::new(),
            },
            quantile(&program.latencies, 0.5).as_secs_f64() * 1e3,
            quantile(&program.latencies, 0.99).as_secs_f64() * 1e3,
            program.cpu_us(),
            cpu_ratio
                .map(|ratio| format!("{ratio:.2}"))
                .unwrap_or_default(),
            program.resident_mb(),
        );
        if program.peer.is_some() {
            let goals = [
                ("INIT × hello", init_ratio, MAX_INIT_RATIO),
                ("CPU × bare", cpu_ratio.unwrap_or_default(), MAX_CPU_RATIO),
                ("resident MB", program.resident_mb(), MAX_RESIDENT_MB),
                ("zip MB", zip, MAX_ZIP_MB),
            ];
            let over = goals.into_iter().filter(|(_, actual, goal)| actual > goal);
            missed.extend(over.map(|(what, actual, goal)| {
                format!("- {}: {what} {actual:.2}, goal {goal}\n", program.name)
            }));
        }
    }
    match missed.is_empty() {
        true => table + "\nEvery goal is met.\n",
        false => table + "\nMissed goals:\n\n" + &missed.concat(),
    }
}

fn length(call: &DynamoDbCall) -> Duration {
    let finished = call.finished.unwrap_or(call.started);
    finished.saturating_duration_since(call.started)
}

/// The time that this share of them does not exceed.
pub fn quantile(times: &[Duration], share: f64) -> Duration {
    let mut times = times.to_vec();
    times.sort();
    let last = times.len().saturating_sub(1);
    let index = (last as f64 * share).round() as usize;
    times.get(index).copied().unwrap_or_default()
}

/// The sizes of a binary and of its zip in MB. The zip holds one deflated file, `bootstrap`, with
/// its local header, its directory entry and the end record.
pub fn sizes(binary: &Path) -> (f64, f64) {
    const ZIP_FRAME_BYTES: usize = 30 + 46 + 22 + 2 * "bootstrap".len();
    let bytes = fs::read(binary).expect("the binary can be read");
    let mut zip = DeflateEncoder::new(Vec::new(), Compression::best());
    std::io::Write::write_all(&mut zip, &bytes).expect("memory can be written");
    let zipped = zip.finish().expect("memory can be written").len() + ZIP_FRAME_BYTES;
    (bytes.len() as f64 / 1e6, zipped as f64 / 1e6)
}

/// The CPU time of all threads of a process, in nanoseconds; `stat` has only hundredths of seconds.
pub fn cpu(process: u32) -> Duration {
    let threads = fs::read_dir(format!("/proc/{process}/task")).expect("the process runs");
    let of_thread = |thread: fs::DirEntry| {
        let schedstat = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        schedstat.split(' ').next()?.parse::<u64>().ok()
    };
    Duration::from_nanos(threads.flatten().filter_map(of_thread).sum())
}

/// The resident memory of a process.
pub fn resident_kib(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.expect("the status has VmRSS")
}
