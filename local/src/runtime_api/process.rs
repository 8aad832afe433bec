//! One process of a function: its start, its output and its end.

use crate::{
    invoke_error::InvokeError,
    journal::{Journal, Line, Stream},
    lock::lock,
    template::Function,
};
use bytes::Bytes;
use std::{
    collections::{BTreeMap, VecDeque},
    future, io,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader},
    process::{Child, ChildStdin, Command},
    sync::{Notify, oneshot},
    task::{AbortHandle, JoinHandle},
    time,
};

/// Lambda's own limit from a process's start to its first `next`.
const INIT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long to wait, after a process has ended, for output that is still in its pipes.
const OUTPUT_TIMEOUT: Duration = Duration::from_millis(500);
/// A longer line is split; Lambda splits at 256 KiB.
const MAX_LINE_BYTES: u64 = 256 * 1024;
/// How many of its last lines explain a process's end.
const MAX_LAST_LINES: usize = 10;

/// A function and what is needed to run it here.
pub(crate) struct Runnable {
    pub(crate) function: Function,
    pub(crate) binary: PathBuf,
    /// The whole environment except AWS_LAMBDA_RUNTIME_API.
    pub(crate) environment: Vec<(String, String)>,
}

/// What comes of an invocation: the bytes of the function's response, or why there is none.
pub(super) type Outcome = Result<Bytes, InvokeError>;

/// An invocation that a process works on.
pub(super) struct InFlight {
    reply: oneshot::Sender<Outcome>,
    timer: AbortHandle,
}

impl InFlight {
    pub(super) fn new(reply: oneshot::Sender<Outcome>, timer: AbortHandle) -> Self {
        Self { reply, timer }
    }

    pub(super) fn finish(self, outcome: Outcome) {
        self.timer.abort();
        // The caller may have gone.
        drop(self.reply.send(outcome));
    }
}

/// A process as its worker sees it.
pub(super) struct Process {
    pub(super) pid: u32,
    /// How many of its `next` requests are waiting.
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
    /// Whether it has not asked for work yet.
    pub(super) fn is_starting(&self) -> bool {
        self.phase == Phase::Starting
    }

    /// How many more invocations it can take now; one while it starts.
    pub(super) fn free(&self) -> usize {
        if self.is_starting() { 1 } else { self.polling }
    }

    /// Notes that it asks for work. Returns how long its start took if this is the first time.
    pub(super) fn first_next(&mut self, now: Instant) -> Option<Duration> {
        if self.phase == Phase::Running {
            return None;
        }
        self.phase = Phase::Running;
        self.ready.notify_one();
        Some(now.duration_since(self.started))
    }
}

/// The running side of a process, owned by its watcher. Dropping it kills the process.
pub(super) struct Running {
    child: Child,
    pid: u32,
    binary: String,
    kill: Arc<Notify>,
    ready: Arc<Notify>,
}

/// A process that kills all of a pool's processes when this program ends, however it ends. Without
/// it, a busy process would survive a `kill -9` of this program until it next asked for work.
pub(super) struct Reaper {
    group: i32,
    _child: Child,
    /// The reaper reads this to its end, which comes when this program ends.
    _stdin: Option<ChildStdin>,
}

impl Reaper {
    pub(super) fn start() -> io::Result<Self> {
        let mut child = Command::new("/bin/sh")
            .args(["-c", "read -r line; kill -KILL 0"])
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            // A group of its own, so that Ctrl-C reaches only this program, which then stops the
            // others in order.
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

/// Starts a process that asks the Runtime API at this address for work.
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

/// How a process ended.
pub(super) struct Ending {
    /// The binary and its end, such as `/path/rule-list ended (exit status: 3)`.
    summary: String,
    /// Its last lines on standard error; none if it was killed on purpose.
    last_lines: Vec<String>,
}

impl Ending {
    /// The end with its causes: what the process reported to `init/error`, and its last lines.
    pub(super) fn explain(self, init_error: Option<String>) -> String {
        let mut reason = self.summary;
        for detail in init_error.into_iter().chain(self.last_lines) {
            reason.push_str("\n  ");
            reason.push_str(&detail);
        }
        reason
    }
}

/// Follows a process to its end.
pub(super) async fn watch(running: Running, function: &str, journal: &Journal) -> Ending {
    let Running {
        mut child,
        pid,
        binary,
        kill,
        ready,
    } = running;
    let last_lines = Arc::new(Mutex::new(VecDeque::new()));
    let line = |stream| Line {
        function: function.to_owned(),
        pid,
        stream,
        text: String::new(),
    };
    let outputs = [
        child
            .stdout
            .take()
            .map(|out| capture(out, line(Stream::Out), journal.clone(), Arc::default())),
        child.stderr.take().map(|err| {
            let last_lines = Arc::clone(&last_lines);
            capture(err, line(Stream::Err), journal.clone(), last_lines)
        }),
    ];

    // The last lines explain an end of its own, not one that was asked for.
    let (end, is_explained) = tokio::select! {
        status = child.wait() => (describe(status), true),
        () = kill.notified() => ("was killed".to_owned(), false),
        () = init_timeout(&ready) => {
            (format!("did not ask for work within {} s", INIT_TIMEOUT.as_secs()), true)
        }
    };
    // Killing a process that has ended changes nothing.
    drop(child.start_kill());
    drop(child.wait().await);
    for output in outputs.into_iter().flatten() {
        // A grandchild may hold the pipe open.
        drop(time::timeout(OUTPUT_TIMEOUT, output).await);
    }

    let last_lines = std::mem::take(&mut *lock(&last_lines));
    Ending {
        summary: format!("{binary} {end}"),
        last_lines: last_lines
            .into_iter()
            .filter(|line: &String| is_explained && !line.trim().is_empty())
            .collect(),
    }
}

fn describe(status: io::Result<ExitStatus>) -> String {
    match status {
        Ok(status) => format!("ended ({status})"),
        Err(error) => format!("was lost ({error})"),
    }
}

/// Returns when a process has used up its time without asking for work.
async fn init_timeout(ready: &Notify) {
    if time::timeout(INIT_TIMEOUT, ready.notified()).await.is_ok() {
        future::pending::<()>().await;
    }
}

/// Writes a process's output to the journal, line by line, and keeps the last lines.
fn capture(
    output: impl AsyncRead + Send + Unpin + 'static,
    template: Line,
    journal: Journal,
    last_lines: Arc<Mutex<VecDeque<String>>>,
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
                let mut last_lines = lock(&last_lines);
                if last_lines.len() >= MAX_LAST_LINES {
                    last_lines.pop_front();
                }
                last_lines.push_back(text.clone());
            }
            journal.line(Line {
                text,
                ..template.clone()
            });
        }
    })
}
