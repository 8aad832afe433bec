//! One process of a function: its start, its output and its end.

use super::{InFlight, Runnable, Shared};
use crate::journal::{Journal, Line, Stream};
use std::{
    collections::{BTreeMap, VecDeque},
    future,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader},
    process::{Child, ChildStdin, Command},
    sync::Notify,
    task::JoinHandle,
    time,
};

/// Lambda's own limit from a process's start to its first `next`.
const INIT_LIMIT: Duration = Duration::from_secs(10);
/// After its end, output that is still on its way gets this long.
const OUTPUT_LIMIT: Duration = Duration::from_millis(500);
/// A longer line is cut into lines; Lambda cuts at 256 KiB.
const MAX_LINE_BYTES: u64 = 256 * 1024;
/// How many of its last lines explain a process's end.
const TAIL_LINES: usize = 10;

/// What the pool knows of a process.
pub(super) struct Process {
    pub(super) pid: u32,
    /// How many of its `next` requests wait.
    pub(super) polling: usize,
    pub(super) in_flight: BTreeMap<String, InFlight>,
    /// What it reported to `init/error`.
    pub(super) init_error: Option<String>,
    pub(super) kill: Arc<Notify>,
    started: Instant,
    phase: Phase,
    ready: Arc<Notify>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Starting,
    Running,
}

impl Process {
    /// It has not asked for work yet.
    pub(super) fn is_starting(&self) -> bool {
        self.phase == Phase::Starting
    }

    /// Notes that it asks for work; the first time, returns how long its start took.
    pub(super) fn first_next(&mut self, now: Instant) -> Option<Duration> {
        if self.phase == Phase::Running {
            return None;
        }
        self.phase = Phase::Running;
        self.ready.notify_one();
        Some(now.duration_since(self.started))
    }
}

/// The running side of a process, owned by its watcher; dropping it kills the process.
pub(super) struct Running {
    child: Child,
    pid: u32,
    binary: String,
    kill: Arc<Notify>,
    ready: Arc<Notify>,
}

/// A process that kills all of a pool's processes when this one is gone, however it went: without
/// it, one that is busy would outlive a `kill -9` of its parent until it next asked for work.
pub(super) struct Reaper {
    group: i32,
    _child: Child,
    /// It reads this to its end, which comes when we end.
    _stdin: Option<ChildStdin>,
}

impl Reaper {
    pub(super) fn start() -> std::io::Result<Self> {
        let mut child = Command::new("/bin/sh")
            .args(["-c", "read -r line; kill -KILL 0"])
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            // A group of its own: a Ctrl-C at the terminal is for us, who end the others in order.
            .process_group(0)
            .spawn()?;
        let group = child
            .id()
            .and_then(|pid| i32::try_from(pid).ok())
            .unwrap_or_default();
        Ok(Self {
            group,
            _stdin: child.stdin.take(),
            _child: child,
        })
    }
}

/// Starts a process that asks `runtime_api` for work.
pub(super) fn spawn(
    runnable: &Runnable,
    runtime_api: &str,
    reaper: &Reaper,
) -> Result<(Process, Running), String> {
    let binary = runnable.binary.display().to_string();
    let started = Instant::now();
    let child = Command::new(&runnable.binary)
        .env_clear()
        .envs(
            runnable
                .environment
                .iter()
                .map(|(name, value)| (name, value)),
        )
        .env("AWS_LAMBDA_RUNTIME_API", runtime_api)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .process_group(reaper.group)
        .spawn()
        .map_err(|error| format!("{binary} could not be started: {error}"))?;
    let pid = child.id().unwrap_or_default();
    let (kill, ready) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let process = Process {
        pid,
        polling: 0,
        in_flight: BTreeMap::new(),
        init_error: None,
        kill: Arc::clone(&kill),
        started,
        phase: Phase::Starting,
        ready: Arc::clone(&ready),
    };
    Ok((
        process,
        Running {
            child,
            pid,
            binary,
            kill,
            ready,
        },
    ))
}

/// Follows a process to its end, and tells the pool.
pub(super) async fn watch(shared: Arc<Shared>, function: String, number: u64, running: Running) {
    let Running {
        mut child,
        pid,
        binary,
        kill,
        ready,
    } = running;
    let tail = Arc::new(Mutex::new(VecDeque::new()));
    let line = |stream| Line {
        function: function.clone(),
        pid,
        stream,
        text: String::new(),
    };
    let outputs = [
        child.stdout.take().map(|out| {
            capture(
                out,
                line(Stream::Out),
                shared.journal.clone(),
                Arc::default(),
            )
        }),
        child.stderr.take().map(|err| {
            capture(
                err,
                line(Stream::Err),
                shared.journal.clone(),
                Arc::clone(&tail),
            )
        }),
    ];

    // Its last lines explain an end of its own, not one that was asked for.
    let (end, explained) = tokio::select! {
        status = child.wait() => (told(status), true),
        () = kill.notified() => ("was killed".to_owned(), false),
        () = overrun(&ready) => (format!("did not ask for work within {} s", INIT_LIMIT.as_secs()), true),
    };
    // A second kill of a process that has ended changes nothing.
    drop(child.start_kill());
    drop(child.wait().await);
    for output in outputs.into_iter().flatten() {
        // A grandchild may hold the pipe open.
        drop(time::timeout(OUTPUT_LIMIT, output).await);
    }

    let init_error = shared.workers.get(&function).and_then(|worker| {
        worker
            .lock()
            .processes
            .get_mut(&number)
            .and_then(|process| process.init_error.take())
    });
    let mut reason = format!("{binary} {end}");
    let tail = std::mem::take(&mut *tail.lock().unwrap_or_else(PoisonError::into_inner));
    let tail = tail
        .into_iter()
        .filter(|line| explained && !line.trim().is_empty());
    for detail in init_error.into_iter().chain(tail) {
        reason.push_str("\n  ");
        reason.push_str(&detail);
    }
    shared.ended(&function, number, reason);
}

fn told(status: std::io::Result<ExitStatus>) -> String {
    match status {
        Ok(status) => format!("ended ({status})"),
        Err(error) => format!("was lost ({error})"),
    }
}

/// Ends when a process has used its time without asking for work.
async fn overrun(ready: &Notify) {
    if time::timeout(INIT_LIMIT, ready.notified()).await.is_ok() {
        future::pending::<()>().await;
    }
}

fn capture(
    output: impl AsyncRead + Send + Unpin + 'static,
    template: Line,
    journal: Journal,
    tail: Arc<Mutex<VecDeque<String>>>,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut output = BufReader::new(output);
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            match (&mut output)
                .take(MAX_LINE_BYTES)
                .read_until(b'\n', &mut bytes)
                .await
            {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            let text = String::from_utf8_lossy(&bytes)
                .trim_end_matches(['\n', '\r'])
                .to_owned();
            {
                let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
                if tail.len() >= TAIL_LINES {
                    tail.pop_front();
                }
                tail.push_back(text.clone());
            }
            journal.line(Line {
                text,
                ..template.clone()
            });
        }
    })
}
