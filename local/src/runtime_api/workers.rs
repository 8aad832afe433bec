//! Every function's queue and processes: who starts, who gets the next event, and what fails.

use super::process::{self, Ending, InFlight, Outcome, Process, Reaper, Runnable, Running};
use crate::{
    id,
    invoke_error::{InvokeError, MAX_PAYLOAD_BYTES, MAX_WAITING},
    journal::{Journal, Line, Stream},
    lock::lock,
};
use bytes::Bytes;
use std::{
    collections::{BTreeMap, VecDeque},
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};
use tokio::{
    sync::{Notify, oneshot},
    task::JoinSet,
    time,
};

/// Start times that are remembered per function.
const MAX_STARTS: usize = 10_000;
/// How long the processes may take to end when the stack stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// The workers of all functions, by logical id.
pub(super) struct Workers {
    by_function: BTreeMap<String, Worker>,
    concurrency: usize,
    /// Where the Runtime API is served.
    address: SocketAddr,
    journal: Journal,
    watchers: Mutex<JoinSet<()>>,
    reaper: Reaper,
}

/// One function's queue and processes.
pub(super) struct Worker {
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

/// A request that waits for a process.
struct Invocation {
    work: Work,
    reply: oneshot::Sender<Outcome>,
}

/// What a process receives in response to `next`.
pub(super) struct Work {
    /// The invocation's id.
    pub(super) id: String,
    /// The request's event.
    pub(super) event: Bytes,
    /// The trace header.
    pub(super) trace: String,
}

impl Workers {
    pub(super) fn new(
        runnables: Vec<Runnable>,
        concurrency: usize,
        address: SocketAddr,
        journal: Journal,
    ) -> io::Result<Self> {
        let by_function = runnables
            .into_iter()
            .map(|runnable| {
                let worker = Worker {
                    runnable,
                    state: Mutex::default(),
                    work: Notify::new(),
                };
                (worker.function().to_owned(), worker)
            })
            .collect();
        Ok(Self {
            by_function,
            concurrency: concurrency.max(1),
            address,
            journal,
            watchers: Mutex::default(),
            reaper: Reaper::start()?,
        })
    }

    /// The worker of a function.
    pub(super) fn find(&self, function: &str) -> Option<&Worker> {
        self.by_function.get(function)
    }

    pub(super) async fn invoke(
        self: &Arc<Self>,
        function: &str,
        event: Bytes,
        trace: String,
    ) -> Outcome {
        if event.len() > MAX_PAYLOAD_BYTES {
            return Err(InvokeError::EventTooLarge);
        }
        let worker = self
            .find(function)
            .ok_or_else(|| InvokeError::UnknownFunction {
                function: function.to_owned(),
            })?;
        let (reply, outcome) = oneshot::channel();
        {
            let mut state = worker.lock();
            if state.stopped {
                return Err(InvokeError::Stopped);
            }
            if state.waiting.len() >= MAX_WAITING {
                return Err(InvokeError::Throttled);
            }
            let id = id::invocation();
            let work = Work { id, event, trace };
            state.waiting.push_back(Invocation { work, reply });
            self.start_if_needed(worker, &mut state);
        }
        worker.work.notify_one();
        outcome.await.unwrap_or(Err(InvokeError::Stopped))
    }

    pub(super) fn pids(&self, function: &str) -> Vec<u32> {
        self.find(function).map_or_else(Vec::new, |worker| {
            let state = worker.lock();
            state
                .processes
                .values()
                .map(|process| process.pid)
                .collect()
        })
    }

    pub(super) fn starts(&self, function: &str) -> Vec<Duration> {
        self.find(function).map_or_else(Vec::new, |worker| {
            worker.lock().starts.iter().copied().collect()
        })
    }

    pub(super) fn kill(&self, function: &str) {
        if let Some(worker) = self.find(function) {
            worker.lock().kill_all();
        }
    }

    pub(super) async fn stop(&self) {
        self.refuse_work();
        let mut watchers = std::mem::take(&mut *lock(&self.watchers));
        let gone = async { while watchers.join_next().await.is_some() {} };
        // After the timeout, dropping the watchers kills their processes.
        drop(time::timeout(STOP_TIMEOUT, gone).await);
    }

    /// Kills every process without waiting for its end.
    pub(super) fn abort(&self) {
        self.refuse_work();
        // A watcher owns its process, which is killed with it.
        lock(&self.watchers).abort_all();
    }

    fn refuse_work(&self) {
        for worker in self.by_function.values() {
            let mut state = worker.lock();
            state.stopped = true;
            state.fail_waiting(&InvokeError::Stopped);
            state.kill_all();
        }
    }

    /// Starts one more process if more requests wait than processes are free or starting.
    fn start_if_needed(self: &Arc<Self>, worker: &Worker, state: &mut State) {
        let free = state.processes.values().map(Process::free).sum();
        if state.stopped || state.waiting.len() <= free || state.processes.len() >= self.concurrency
        {
            return;
        }
        state.started += 1;
        let number = state.started;
        let function = worker.function();
        let runtime_api = format!("http://{}/{function}/{number}", self.address);
        match process::spawn(&worker.runnable, &runtime_api, &self.reaper) {
            Ok((process, running)) => {
                state.processes.insert(number, process);
                let watched = Arc::clone(self).watch(function.to_owned(), number, running);
                let mut watchers = lock(&self.watchers);
                while watchers.try_join_next().is_some() {}
                watchers.spawn(watched);
            }
            Err(reason) => {
                self.log(function, 0, &reason);
                if state.processes.is_empty() {
                    state.fail_waiting(&InvokeError::Init { reason });
                }
            }
        }
    }

    async fn watch(self: Arc<Self>, function: String, number: u64, running: Running) {
        let ending = process::watch(running, &function, &self.journal).await;
        self.ended(&function, number, ending);
    }

    /// Fails what an ended process was working on, and replaces the process if there is work.
    fn ended(self: &Arc<Self>, function: &str, number: u64, ending: Ending) {
        let Some(worker) = self.find(function) else {
            return;
        };
        let mut state = worker.lock();
        let Some(mut process) = state.processes.remove(&number) else {
            return;
        };
        let reason = ending.explain(process.init_error.take());
        if !state.stopped {
            self.log(function, process.pid, &reason);
        }
        let was_starting = process.is_starting();
        for in_flight in process.in_flight.into_values() {
            in_flight.finish(Err(InvokeError::Died {
                reason: reason.clone(),
            }));
        }
        if !was_starting {
            self.start_if_needed(worker, &mut state);
        } else if state.processes.is_empty() {
            state.fail_waiting(&InvokeError::Init { reason });
        }
        // Otherwise the remaining processes serve what waits; another start would only fail again.
    }

    /// Logs what the platform has to say about a process.
    pub(super) fn log_for(&self, worker: &Worker, number: u64, text: &str) {
        let pid = worker
            .lock()
            .processes
            .get(&number)
            .map(|process| process.pid);
        self.log(worker.function(), pid.unwrap_or_default(), text);
    }

    fn log(&self, function: &str, pid: u32, text: &str) {
        self.journal.line(Line {
            function: function.to_owned(),
            pid,
            stream: Stream::Platform,
            text: text.to_owned(),
        });
    }

    /// Waits for work for a process; `None` if there is no such process.
    pub(super) async fn next(self: &Arc<Self>, worker: &Worker, number: u64) -> Option<Work> {
        let _polling = Polling::begin(worker, number)?;
        loop {
            let notified = worker.work.notified();
            if let Some(work) = self.take(worker, number) {
                return Some(work);
            }
            notified.await;
        }
    }

    fn take(self: &Arc<Self>, worker: &Worker, number: u64) -> Option<Work> {
        let mut state = worker.lock();
        let Invocation { work, reply } = loop {
            let invocation = state.waiting.pop_front()?;
            // The caller may have gone.
            if !invocation.reply.is_closed() {
                break invocation;
            }
        };
        // The same notification may have woken a second waiter.
        if !state.waiting.is_empty() {
            worker.work.notify_one();
        }
        let Some(process) = state.processes.get_mut(&number) else {
            state.waiting.push_front(Invocation { work, reply });
            return None;
        };
        let timer = tokio::spawn(Arc::clone(self).time_out(
            worker.function().to_owned(),
            number,
            work.id.clone(),
            worker.timeout(),
        ));
        let in_flight = InFlight::new(reply, timer.abort_handle());
        process.in_flight.insert(work.id.clone(), in_flight);
        Some(work)
    }

    async fn time_out(self: Arc<Self>, function: String, number: u64, id: String, limit: Duration) {
        time::sleep(limit).await;
        let Some(worker) = self.find(&function) else {
            return;
        };
        let mut state = worker.lock();
        if let Some(process) = state.processes.get_mut(&number)
            && let Some(in_flight) = process.in_flight.remove(&id)
        {
            let error = InvokeError::TimedOut { limit };
            self.log(&function, process.pid, &error.to_string());
            process.kill.notify_one();
            in_flight.finish(Err(error));
        }
    }
}

impl Worker {
    /// The function's logical id.
    pub(super) fn function(&self) -> &str {
        &self.runnable.function.logical_id
    }

    /// How long an invocation may take.
    pub(super) fn timeout(&self) -> Duration {
        self.runnable.function.timeout
    }

    /// Ends an invocation; `false` if the process is not working on it.
    pub(super) fn finish(&self, number: u64, id: &str, outcome: Outcome) -> bool {
        let mut state = self.lock();
        let process = state.processes.get_mut(&number);
        let in_flight = process.and_then(|process| process.in_flight.remove(id));
        drop(state);
        let is_known = in_flight.is_some();
        if let Some(in_flight) = in_flight {
            in_flight.finish(outcome);
        }
        is_known
    }

    /// Keeps what a process reported to `init/error`, to explain its end.
    pub(super) fn report_init_error(&self, number: u64, reason: String) {
        if let Some(process) = self.lock().processes.get_mut(&number) {
            process.init_error = Some(reason);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl State {
    fn fail_waiting(&mut self, error: &InvokeError) {
        for invocation in self.waiting.drain(..) {
            drop(invocation.reply.send(Err(error.clone())));
        }
    }

    fn kill_all(&self) {
        for process in self.processes.values() {
            process.kill.notify_one();
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
        if let Some(start) = process.first_next(Instant::now()) {
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
