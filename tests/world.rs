//! The services that stories run against, and the progress of the stories.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;

use jiff::Timestamp;
use libtest_mimic::Trial;
use local::stack::{Stack, StackOptions};
use local::table::TABLE_NAME;
use local::template::Template;
use shared::domain::id::RequestId;
use shared::store::{Store, client};
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;

use crate::log;

/// Processes per function: more than one, so that nothing can rely on a process's memory.
const CONCURRENCY: usize = 2;

static RUNTIME: OnceLock<Runtime> = OnceLock::new();
static STACK: OnceLock<Result<&'static Stack, String>> = OnceLock::new();

pub fn runtime() -> &'static Runtime {
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .expect("a runtime")
    })
}

/// How many stories have ended, and the names of those that failed.
struct Progress {
    ended: usize,
    failed: BTreeSet<&'static str>,
}

static PROGRESS: Mutex<Progress> = Mutex::new(Progress {
    ended: 0,
    failed: BTreeSet::new(),
});
static STORY_ENDED: Condvar = Condvar::new();

/// Records the end of a story when it is dropped, even by a panic.
struct Running(&'static str);

impl Drop for Running {
    fn drop(&mut self) {
        let mut progress = progress();
        progress.ended += 1;
        if thread::panicking() {
            progress.failed.insert(self.0);
        }
        STORY_ENDED.notify_all();
    }
}

fn progress() -> MutexGuard<'static, Progress> {
    PROGRESS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A story for the test runner.
pub fn story<F>(name: &'static str, run: fn() -> F) -> Trial
where
    F: Future<Output = ()> + Send + 'static,
{
    let name = name.trim_start_matches("tests::");
    Trial::test(name, move || {
        let _running = Running(name);
        runtime().block_on(run());
        Ok(())
    })
}

/// A story that needs no running service.
pub fn plain_story(name: &'static str, run: fn()) -> Trial {
    let name = name.trim_start_matches("tests::");
    Trial::test(name, move || {
        let _running = Running(name);
        run();
        Ok(())
    })
}

/// A check of what all stories did: it waits until so many have ended, passed or failed.
///
/// The runner takes trials in order, so a check that comes after the last story blocks none.
pub fn whole_suite_check<F>(name: &'static str, stories: usize, run: fn() -> F) -> Trial
where
    F: Future<Output = ()> + Send + 'static,
{
    Trial::test(name, move || {
        let wait = STORY_ENDED.wait_while(progress(), |progress| progress.ended < stories);
        drop(wait.unwrap_or_else(PoisonError::into_inner));
        runtime().block_on(run());
        Ok(())
    })
}

/// A remark for a message of a whole-suite check: a story that failed may be the cause of it.
pub fn failed_stories() -> String {
    let failed = Vec::from_iter(progress().failed.clone());
    match failed.len() {
        0 => String::new(),
        count => format!(
            "\n({count} failed stories may have caused this: {})",
            failed.join(", ")
        ),
    }
}

/// The repository's root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("functions/ is in the repository")
}

#[track_caller]
pub fn template() -> Template {
    read_template().unwrap_or_else(|error| panic!("{error}"))
}

fn read_template() -> Result<Template, String> {
    Template::read(&root().join("template.yaml")).map_err(|error| error.to_string())
}

/// A service whose scheduled functions a story runs, one story at a time: they look at everything that
/// is due by now, and only at that.
pub async fn sweeping_stack() -> (&'static Stack, tokio::sync::MutexGuard<'static, ()>) {
    static SWEEPING_STACK: OnceCell<&'static Stack> = OnceCell::const_new();
    static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    let turn = TURN.lock().await;
    let start = || start_with(4, "NOTICE_LOOK_AHEAD_SECONDS", 0);
    (SWEEPING_STACK.get_or_init(start).await, turn)
}

/// All services that were started. Each records its calls to the table.
pub fn stacks() -> Vec<&'static Stack> {
    let stacks = STACKS.lock().unwrap_or_else(PoisonError::into_inner);
    stacks.clone()
}

static STACKS: Mutex<Vec<&'static Stack>> = Mutex::new(Vec::new());

/// The service that all stories share: healthy, and its table holds only what they put there.
#[track_caller]
pub fn stack() -> &'static Stack {
    match STACK.get().expect("main starts the service") {
        Ok(stack) => stack,
        // The stories that need no service still run, and say what is missing where.
        Err(error) => panic!("the service does not start: {error}"),
    }
}

/// Starts the service that all stories share.
pub fn start_service() {
    let started = runtime().block_on(try_start(CONCURRENCY, Vec::new()));
    assert!(STACK.set(started).is_ok(), "it is started once");
}

/// A service with at most so many processes per function, whose log is kept for log.rs.
pub async fn start(concurrency: usize) -> &'static Stack {
    let started = try_start(concurrency, Vec::new()).await;
    started.unwrap_or_else(|error| panic!("the service does not start: {error}"))
}

/// A healthy service whose functions have one more environment variable.
pub async fn start_with(concurrency: usize, name: &str, value: u32) -> &'static Stack {
    let variable = (name.to_owned(), value.to_string());
    let started = try_start(concurrency, vec![variable]).await;
    started.unwrap_or_else(|error| panic!("the service does not start: {error}"))
}

async fn try_start(
    concurrency: usize,
    environment: Vec<(String, String)>,
) -> Result<&'static Stack, String> {
    let options = StackOptions {
        template: read_template()?,
        binaries: binaries(),
        concurrency,
        gateway_port: 0,
        db_port: 0,
        data: None,
        environment,
        record: true,
        run_schedules: false,
        dynamodb_endpoint: None,
    };
    let stack = Stack::start(options).await;
    let stack = stack.map_err(|error| error.to_string())?;
    let stack: &'static Stack = Box::leak(Box::new(stack));
    log::follow(stack);
    STACKS
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(stack);
    Ok(stack)
}

/// A second healthy service, for one story at a time: all calls to its table are that story's.
pub async fn exclusive_stack() -> (&'static Stack, tokio::sync::MutexGuard<'static, ()>) {
    static EXCLUSIVE_STACK: OnceCell<&'static Stack> = OnceCell::const_new();
    static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    let turn = TURN.lock().await;
    (
        EXCLUSIVE_STACK.get_or_init(|| start(CONCURRENCY)).await,
        turn,
    )
}

/// Kills the function processes of the shared service.
pub fn stop_service() {
    if let Some(Ok(stack)) = STACK.get() {
        for function in template().functions {
            stack.kill(&function.logical_id);
        }
    }
}

/// The table of a stack, reached directly, as operators do.
pub fn table(stack: &Stack) -> Store {
    table_at(stack.dynamodb())
}

/// The table of the database at this endpoint.
pub fn table_at(endpoint: &str) -> Store {
    let id = RequestId::new(Timestamp::now(), &random());
    client::connect_to(endpoint, TABLE_NAME).for_request(&id)
}

pub fn random() -> [u8; 10] {
    let mut bytes = [0; 10];
    getrandom::fill(&mut bytes).expect("random bytes");
    bytes
}

/// The binaries under test, which Cargo builds beside this one.
fn binaries() -> BTreeMap<String, PathBuf> {
    let one = PathBuf::from(env!("CARGO_BIN_EXE_rule-list"));
    let directory = one.parent().expect("a binary is in a directory").to_owned();
    function_names()
        .into_iter()
        .map(|name| (name.to_owned(), directory.join(name)))
        .collect()
}

/// The names of all endpoints and scheduled functions.
pub fn function_names() -> Vec<&'static str> {
    let endpoints = shared::api::ALL.iter().map(|endpoint| endpoint.name);
    let jobs = shared::jobs::ALL.iter().map(|job| job.name);
    endpoints.chain(jobs).collect()
}
