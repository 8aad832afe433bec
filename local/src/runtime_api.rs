//! The Lambda Runtime API (2018-06-01) for a pool of processes per function.
//!
//! Every process is told an address of its own, `http://127.0.0.1:PORT/<function>/<number>`, so
//! that it is known who asks. Processes are started on first need, one more whenever requests
//! wait and nobody is free, up to the concurrency; a process that dies is replaced when there is
//! work. One that dies before its first `next` fails the requests that waited for it, so that a
//! broken binary costs one start per request and never a loop.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

mod process;
mod protocol;

use crate::{
    error::Error,
    http::{self, Patience, Server, json},
    id,
    invoke_error::InvokeError,
    journal::{Journal, Line, Stream},
    template::Function,
};
use ::http::{HeaderValue, Response, StatusCode};
use bytes::Bytes;
use http_body_util::Full;
use process::{Process, Reaper};
use protocol::not_found;
use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, Instant},
};
use tokio::{
    sync::{Notify, oneshot},
    task::{AbortHandle, JoinSet},
    time,
};

/// Lambda's limit for a synchronous event and for its answer, 6 MB and a little for the envelope.
pub(crate) const MAX_PAYLOAD_BYTES: usize = 6_291_556;
/// Requests waiting for one function; Lambda would have throttled long before.
pub(crate) const MAX_WAITING: usize = 10_000;
/// Start-up times remembered per function.
const MAX_STARTS: usize = 10_000;
/// How long the processes get to be gone when the stack stops.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// A function with what is needed to run it here.
pub(crate) struct Runnable {
    pub(crate) function: Function,
    pub(crate) binary: PathBuf,
    /// The whole environment but AWS_LAMBDA_RUNTIME_API.
    pub(crate) environment: Vec<(String, String)>,
}

/// The processes of all functions, and the Runtime API they talk to.
pub(crate) struct Pool {
    shared: Arc<Shared>,
    _server: Server,
}

struct Shared {
    workers: BTreeMap<String, Worker>,
    concurrency: usize,
    address: OnceLock<SocketAddr>,
    journal: Journal,
    watchers: Mutex<JoinSet<()>>,
    reaper: Reaper,
}

/// One function's queue and processes.
struct Worker {
    runnable: Runnable,
    state: Mutex<State>,
    work: Notify,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Invocation>,
    processes: BTreeMap<u64, Process>,
    started: u64,
    starts: VecDeque<Duration>,
    stopped: bool,
}

struct Invocation {
    id: String,
    event: Bytes,
    trace: String,
    answer: oneshot::Sender<Result<Bytes, InvokeError>>,
}

/// An invocation that a process has taken.
struct InFlight {
    answer: oneshot::Sender<Result<Bytes, InvokeError>>,
    timer: AbortHandle,
}

impl InFlight {
    fn finish(self, outcome: Result<Bytes, InvokeError>) {
        self.timer.abort();
        // Nobody may be waiting any more.
        drop(self.answer.send(outcome));
    }
}

impl Pool {
    pub(crate) fn start(
        runnables: Vec<Runnable>,
        concurrency: usize,
        journal: Journal,
    ) -> Result<Self, Error> {
        let workers = runnables
            .into_iter()
            .map(|runnable| {
                let worker = Worker {
                    runnable,
                    state: Mutex::default(),
                    work: Notify::new(),
                };
                (worker.runnable.function.logical_id.clone(), worker)
            })
            .collect();
        let shared = Arc::new(Shared {
            workers,
            concurrency: concurrency.max(1),
            address: OnceLock::new(),
            journal,
            watchers: Mutex::default(),
            reaper: Reaper::start().map_err(|source| Error::io("start /bin/sh", source))?,
        });
        let (listener, address) = http::adopt(http::bind(0, "nothing")?)?;
        shared.address.get_or_init(|| address);
        let of_server = Arc::clone(&shared);
        let server = http::serve(listener, Patience::Endless, move |request, _| {
            let shared = Arc::clone(&of_server);
            async move { shared.handle(request).await }
        });
        Ok(Self {
            shared,
            _server: server,
        })
    }

    /// Runs one event through a function and returns the bytes it answered.
    pub(crate) async fn invoke(
        &self,
        function: &str,
        event: Bytes,
        trace: String,
    ) -> Result<Bytes, InvokeError> {
        if event.len() > MAX_PAYLOAD_BYTES {
            return Err(InvokeError::EventTooLarge);
        }
        let shared = &self.shared;
        let worker = shared
            .workers
            .get(function)
            .ok_or_else(|| InvokeError::UnknownFunction {
                function: function.to_owned(),
            })?;
        let (answer, answered) = oneshot::channel();
        {
            let mut state = worker.lock();
            if state.stopped {
                return Err(InvokeError::Stopped);
            }
            if state.waiting.len() >= MAX_WAITING {
                return Err(InvokeError::Throttled);
            }
            state.waiting.push_back(Invocation {
                id: id::invocation(),
                event,
                trace,
                answer,
            });
            shared.start_if_needed(worker, &mut state);
        }
        worker.work.notify_one();
        answered.await.unwrap_or(Err(InvokeError::Stopped))
    }

    /// The processes of a function, oldest first.
    pub(crate) fn pids(&self, function: &str) -> Vec<u32> {
        let worker = self.shared.workers.get(function);
        worker
            .map(|worker| {
                worker
                    .lock()
                    .processes
                    .values()
                    .map(|process| process.pid)
                    .collect()
            })
            .unwrap_or_default()
    }

    /// How long each process of a function took from its start to its first `next`.
    pub(crate) fn starts(&self, function: &str) -> Vec<Duration> {
        let worker = self.shared.workers.get(function);
        worker
            .map(|worker| worker.lock().starts.iter().copied().collect())
            .unwrap_or_default()
    }

    /// Kills a function's processes, as a host that is lost would.
    pub(crate) fn kill(&self, function: &str) {
        if let Some(worker) = self.shared.workers.get(function) {
            for process in worker.lock().processes.values() {
                process.kill.notify_one();
            }
        }
    }

    /// Kills every process and returns when all are gone.
    pub(crate) async fn stop(&self) {
        self.shared.refuse_work();
        let mut watchers = {
            let mut held = self
                .shared
                .watchers
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *held)
        };
        let gone = async { while watchers.join_next().await.is_some() {} };
        // Past the limit, dropping the watchers kills what they watch.
        drop(time::timeout(STOP_LIMIT, gone).await);
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.refuse_work();
        // A watcher owns its process, which is killed with it.
        self.shared
            .watchers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .abort_all();
    }
}

impl Worker {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn refuse_work(&self) {
        for worker in self.workers.values() {
            let mut state = worker.lock();
            state.stopped = true;
            for invocation in state.waiting.drain(..) {
                drop(invocation.answer.send(Err(InvokeError::Stopped)));
            }
            for process in state.processes.values() {
                process.kill.notify_one();
            }
        }
    }

    /// Starts one more process when more requests wait than processes are free or on their way.
    fn start_if_needed(self: &Arc<Self>, worker: &Worker, state: &mut State) {
        let free = state
            .processes
            .values()
            .map(|process| {
                if process.is_starting() {
                    1
                } else {
                    process.polling
                }
            })
            .sum();
        if state.stopped || state.waiting.len() <= free || state.processes.len() >= self.concurrency
        {
            return;
        }
        state.started += 1;
        let number = state.started;
        let function = &worker.runnable.function.logical_id;
        let address = self
            .address
            .get()
            .map(ToString::to_string)
            .unwrap_or_default();
        match process::spawn(
            &worker.runnable,
            &format!("http://{address}/{function}/{number}"),
            &self.reaper,
        ) {
            Ok((process, running)) => {
                let watched = process::watch(Arc::clone(self), function.clone(), number, running);
                state.processes.insert(number, process);
                let mut watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
                while watchers.try_join_next().is_some() {}
                watchers.spawn(watched);
            }
            Err(reason) => {
                self.say(function, 0, &reason);
                if state.processes.is_empty() {
                    state.fail_waiting(&reason);
                }
            }
        }
    }

    /// A process has ended: fails what it worked on, and replaces it if there is work.
    fn ended(self: &Arc<Self>, function: &str, number: u64, reason: String) {
        let Some(worker) = self.workers.get(function) else {
            return;
        };
        let mut state = worker.lock();
        let Some(process) = state.processes.remove(&number) else {
            return;
        };
        if !state.stopped {
            self.say(function, process.pid, &reason);
        }
        let is_init = process.is_starting();
        for in_flight in process.in_flight.into_values() {
            in_flight.finish(Err(InvokeError::Died {
                reason: reason.clone(),
            }));
        }
        if !is_init {
            self.start_if_needed(worker, &mut state);
        } else if state.processes.is_empty() {
            state.fail_waiting(&reason);
        }
        // Else those that run take what waits: another start would only fail again.
    }

    fn say_of(&self, worker: &Worker, number: u64, text: &str) {
        let pid = worker
            .lock()
            .processes
            .get(&number)
            .map(|process| process.pid);
        self.say(
            &worker.runnable.function.logical_id,
            pid.unwrap_or_default(),
            text,
        );
    }

    fn say(&self, function: &str, pid: u32, text: &str) {
        self.journal.line(Line {
            function: function.to_owned(),
            pid,
            stream: Stream::Platform,
            text: text.to_owned(),
        });
    }

    /// Waits for work, and hands it out.
    async fn next(self: &Arc<Self>, worker: &Worker, number: u64) -> Response<Full<Bytes>> {
        let Some(_polling) = Polling::begin(worker, number) else {
            return not_found();
        };
        loop {
            let notified = worker.work.notified();
            if let Some(response) = self.take(worker, number) {
                return response;
            }
            notified.await;
        }
    }

    fn take(self: &Arc<Self>, worker: &Worker, number: u64) -> Option<Response<Full<Bytes>>> {
        let mut state = worker.lock();
        let invocation = loop {
            let invocation = state.waiting.pop_front()?;
            // Whoever asked may have gone.
            if !invocation.answer.is_closed() {
                break invocation;
            }
        };
        // A second waiter may have been woken by the same notice.
        if !state.waiting.is_empty() {
            worker.work.notify_one();
        }
        let function = &worker.runnable.function;
        let Invocation {
            id,
            event,
            trace,
            answer,
        } = invocation;
        let Some(process) = state.processes.get_mut(&number) else {
            state.waiting.push_front(Invocation {
                id,
                event,
                trace,
                answer,
            });
            return None;
        };
        let timer = tokio::spawn(Arc::clone(self).time_out(
            function.logical_id.clone(),
            number,
            id.clone(),
            function.timeout,
        ));
        let deadline_ms = id::now_ms()
            .saturating_add(u64::try_from(function.timeout.as_millis()).unwrap_or(u64::MAX));
        let arn = format!(
            "arn:aws:lambda:us-east-1:123456789012:function:{}",
            function.logical_id
        );
        let mut response = json(StatusCode::OK, event);
        for (name, value) in [
            ("lambda-runtime-aws-request-id", id.as_str()),
            ("lambda-runtime-deadline-ms", &deadline_ms.to_string()),
            ("lambda-runtime-invoked-function-arn", &arn),
            ("lambda-runtime-trace-id", &trace),
        ] {
            if let Ok(value) = HeaderValue::from_str(value) {
                response.headers_mut().insert(name, value);
            }
        }
        process.in_flight.insert(
            id,
            InFlight {
                answer,
                timer: timer.abort_handle(),
            },
        );
        Some(response)
    }

    async fn time_out(self: Arc<Self>, function: String, number: u64, id: String, limit: Duration) {
        time::sleep(limit).await;
        let Some(worker) = self.workers.get(&function) else {
            return;
        };
        let mut state = worker.lock();
        if let Some(process) = state.processes.get_mut(&number)
            && let Some(in_flight) = process.in_flight.remove(&id)
        {
            let error = InvokeError::TimedOut { limit };
            self.say(&function, process.pid, &error.to_string());
            process.kill.notify_one();
            drop(in_flight.answer.send(Err(error)));
        }
    }
}

impl State {
    fn fail_waiting(&mut self, reason: &str) {
        for invocation in self.waiting.drain(..) {
            drop(invocation.answer.send(Err(InvokeError::Init {
                reason: reason.to_owned(),
            })));
        }
    }
}

/// Counts a process as free for as long as it waits in `next`.
struct Polling<'w> {
    worker: &'w Worker,
    number: u64,
}

impl<'w> Polling<'w> {
    fn begin(worker: &'w Worker, number: u64) -> Option<Self> {
        let mut state = worker.lock();
        let process = state.processes.get_mut(&number)?;
        process.polling += 1;
        let first = process.first_next(Instant::now());
        if let Some(start) = first {
            if state.starts.len() >= MAX_STARTS {
                state.starts.pop_front();
            }
            state.starts.push_back(start);
        }
        Some(Self { worker, number })
    }
}

impl Drop for Polling<'_> {
    fn drop(&mut self) {
        if let Some(process) = self.worker.lock().processes.get_mut(&self.number) {
            process.polling = process.polling.saturating_sub(1);
        }
    }
}
