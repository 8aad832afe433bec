//! The one way a scheduled function is run.
//!
//! A run that fails is logged with its cause and reported to Lambda as failed, so that the schedule's
//! retry policy and dead-letter queue apply. So are a panic and a run that takes too long.

use std::collections::BTreeMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};
use jiff::{SignedDuration, Timestamp};
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde::de::IgnoredAny;

use crate::config::Config;
use crate::dispatch::{Dispatcher, Tally};
use crate::domain::id::RequestId;
use crate::domain::webhook_url::Loopback;
use crate::jobs::{self, Job};
use crate::log;
use crate::problem::{Cause, Problem};
use crate::random;
use crate::serve::{connect, panicked, run};
use crate::store::tickets::report::Report;
use crate::store::{Store, Table};

/// The most time that a run takes. What is left then is left for the next run.
pub const RUN_DEADLINE: Duration = Duration::from_secs(150);

/// The time of a run in which work may begin. What follows is for work that has begun.
const WORK: SignedDuration = SignedDuration::from_secs(140);

/// The time between two runs, by the schedule.
const BETWEEN_RUNS: SignedDuration = SignedDuration::from_secs(60);

/// How long a run waits after an instant for which the next run should be there, and only then looks
/// whether it was.
const PRECEDENCE: SignedDuration = SignedDuration::from_secs(2);

/// A mark is true only after its instant.
const A_MOMENT: SignedDuration = SignedDuration::from_nanos(1);

/// How much is worked on at once.
const CONCURRENCY: usize = 32;

/// One run of a scheduled function.
pub struct Run {
    now: Timestamp,
    store: Store,
    look_ahead: SignedDuration,
    loopback: Loopback,
    counts: Arc<Mutex<Counts>>,
}

/// What a run has done, for its line in the log and for its metrics.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// What it found due.
    pub due: u64,
    /// For how long the first of that had been due when the run started.
    pub oldest_due: Duration,
    /// Notices that it made.
    pub notices: u64,
    /// What came of its attempts.
    pub attempts: Tally,
    /// Changes of tickets that it moved into summaries.
    pub changes: u64,
    /// What it could not do, and has left to the next run.
    pub problems: u64,
}

type BoxedHandler = Box<dyn Fn(Run) -> BoxFuture<'static, Result<(), Problem>> + Send + Sync>;

/// What a process keeps between runs.
struct Runner {
    job: &'static Job,
    handler: BoxedHandler,
    table: Table,
    config: Config,
}

impl Run {
    /// The table.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The instant until which the run looks for what is due.
    pub fn looks_until(&self) -> Timestamp {
        self.now.saturating_add(self.look_ahead).unwrap_or(self.now)
    }

    /// What attempts the run's deliveries.
    pub fn dispatcher(&self) -> Dispatcher {
        Dispatcher::new(self.loopback, self.ends_at(), log::problem)
    }

    /// Works on everything that is due, soonest first: on the past at once, on the rest at its instant.
    /// What `act` returns is due again, and is worked on in this run if it still looks so far ahead.
    ///
    /// In the second minute of a run the next one is there, so this one acts a little later, and has
    /// something to do only if that one has not.
    pub async fn at_their_instants<T, F>(
        &self,
        due: Vec<T>,
        at: fn(&T) -> Timestamp,
        act: impl Fn(T, Timestamp) -> F,
    ) where
        F: Future<Output = Result<Option<T>, Problem>>,
    {
        self.count_due(due.len(), due.first().map(at));
        let mut waiting: BTreeMap<(Timestamp, usize), T> = BTreeMap::new();
        let mut number = 0;
        let mut wait = |waiting: &mut BTreeMap<_, _>, item| {
            number += 1;
            waiting.insert((self.time_for(at(&item)), number), item);
        };
        due.into_iter().for_each(|item| wait(&mut waiting, item));
        let mut working = FuturesUnordered::new();
        loop {
            let next = waiting.first_key_value().map(|((time, _), _)| *time);
            let next = next.filter(|_| working.len() < CONCURRENCY && !self.has_ended());
            let ended = match next {
                None if working.is_empty() => return,
                None => working.next().await,
                Some(time) => ended_before(time, &mut working).await,
            };
            match ended {
                Some(Ok(Some(again))) if at(&again) < self.looks_until() => {
                    wait(&mut waiting, again);
                }
                Some(Ok(_)) => {}
                Some(Err(problem)) => self.left(&problem),
                None => {
                    if let Some((_, item)) = waiting.pop_first() {
                        let after = at(&item).checked_add(A_MOMENT);
                        let now = Timestamp::now().max(after.unwrap_or(Timestamp::MAX));
                        working.push(act(item, now));
                    }
                }
            }
        }
    }

    /// Logs and counts what has been reported about a ticket.
    pub fn reported(&self, report: &Report, now: Timestamp) {
        for (notice_type, at) in &report.notices {
            log::notice(notice_type.as_str(), at.duration_until(now));
        }
        self.count(|counts| counts.notices += report.notices.len() as u64);
    }

    /// Counts what came of the run's attempts.
    pub fn attempted(&self, attempts: Tally) {
        self.count(|counts| counts.attempts = attempts);
    }

    /// Counts the changes of a team that were moved into its summaries, or logs why they were not.
    pub fn summed_up(&self, moved: Result<u64, Problem>) {
        match moved {
            Ok(changes) => self.count(|counts| counts.changes += changes),
            Err(problem) => self.left(&problem),
        }
    }

    /// Logs and counts what is left to the next run.
    fn left(&self, problem: &Problem) {
        log::problem(problem);
        self.count(|counts| counts.problems += 1);
    }

    fn count(&self, add: impl FnOnce(&mut Counts)) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        add(&mut counts);
    }

    /// When no more work may begin.
    fn ends_at(&self) -> Timestamp {
        self.now.saturating_add(WORK).unwrap_or(self.now)
    }

    fn has_ended(&self) -> bool {
        Timestamp::now() > self.ends_at()
    }

    /// When it is time for what is due at an instant.
    fn time_for(&self, instant: Timestamp) -> Timestamp {
        if self.now.duration_until(instant) > BETWEEN_RUNS {
            instant.saturating_add(PRECEDENCE).unwrap_or(instant)
        } else {
            instant
        }
    }

    fn count_due(&self, due: usize, oldest: Option<Timestamp>) {
        let age = oldest.map(|oldest| oldest.duration_until(self.now));
        self.count(|counts| {
            counts.due += due as u64;
            counts.oldest_due = age.and_then(|age| age.try_into().ok()).unwrap_or_default();
        });
    }
}

/// The work that ends before an instant; `None` if the instant comes first.
async fn ended_before<F: Future>(
    instant: Timestamp,
    working: &mut FuturesUnordered<F>,
) -> Option<F::Output> {
    let pause = Timestamp::now().duration_until(instant);
    let pause = Duration::try_from(pause)
        .ok()
        .filter(|pause| !pause.is_zero())?;
    if working.is_empty() {
        tokio::time::sleep(pause).await;
        return None;
    }
    let ended = tokio::time::timeout(pause, working.next()).await;
    ended.ok().flatten()
}

/// Runs a scheduled function until its execution environment is shut down.
pub fn serve_schedule<H, F>(job: &'static Job, handler: H) -> ExitCode
where
    H: Fn(Run) -> F + Send + Sync + 'static,
    F: Future<Output = Result<(), Problem>> + Send + 'static,
{
    run(listen(job, Box::new(move |run| Box::pin(handler(run)))))
}

async fn listen(job: &'static Job, handler: BoxedHandler) -> Result<(), Cause> {
    let config = Config::from_env()?;
    let table = connect(&config).await?;
    let runner = Arc::new(Runner {
        job,
        handler,
        table,
        config,
    });
    // What the schedule sends says nothing that the clock does not.
    let service = service_fn(move |_event: LambdaEvent<IgnoredAny>| {
        let runner = Arc::clone(&runner);
        async move { runner.run().await }
    });
    lambda_runtime::run_concurrent(service).await
}

impl Runner {
    async fn run(&self) -> Result<(), Diagnostic> {
        let (now, started) = (Timestamp::now(), Instant::now());
        let id = RequestId::new(now, &random::bytes());
        let store = self.table.for_request(&id);
        let counts = Arc::default();
        let run = Run {
            now,
            store: store.clone(),
            look_ahead: SignedDuration::from_secs(self.config.look_ahead_seconds.into()),
            loopback: self.config.loopback,
            counts: Arc::clone(&counts),
        };
        let work = AssertUnwindSafe((self.handler)(run)).catch_unwind();
        let outcome = match tokio::time::timeout(RUN_DEADLINE, work).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(panic)) => Err(panicked(panic.as_ref())),
            Err(_elapsed) => Err(Problem::Unavailable("the run's deadline has passed".into())),
        };
        let problem = outcome.as_ref().err().map(Problem::name);
        if let Err(Problem::Internal(cause) | Problem::Unavailable(cause)) = &outcome {
            log::failure(&id, self.job.name, cause);
        }
        let counts = *counts.lock().unwrap_or_else(PoisonError::into_inner);
        log::run(&log::RunLine {
            id: &id,
            job: self.job.name,
            problem,
            took: started.elapsed(),
            cost: store.cost(),
            due: counts.due,
            oldest_due: counts.oldest_due,
            notices: counts.notices,
            delivered: counts.attempts.delivered,
            failed_attempts: counts.attempts.failed,
            given_up: counts.attempts.given_up,
            changes: counts.changes,
            problems: counts.problems,
        });
        if problem.is_none() {
            self.measure(&counts, now);
        }
        outcome.map_err(|_| Diagnostic {
            error_type: "RunFailed".to_owned(),
            error_message: "the run has failed; its cause is in the log".to_owned(),
        })
    }

    /// Writes what alarms watch. What is zero is not written, since a metric costs by the hour, but for
    /// the age of what is due, which says that the run took place.
    fn measure(&self, counts: &Counts, now: Timestamp) {
        let Some(namespace) = &self.config.metrics_namespace else {
            return;
        };
        let mut metrics = Vec::new();
        if self.job.name == jobs::BREACH_SWEEP.name {
            metrics.push(("OldestDueSeconds", counts.oldest_due.as_secs_f64()));
        }
        let above_zero = [
            ("NoticesMade", counts.notices),
            ("DeliveriesGivenUp", counts.attempts.given_up),
        ];
        let above_zero = above_zero.into_iter().filter(|(_, number)| *number > 0);
        metrics.extend(above_zero.map(|(name, number)| (name, number as f64)));
        log::metrics(namespace, now, &metrics);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::client;

    static JOB: Job = Job {
        name: "test-job",
        every_minutes: 1,
    };

    fn outcome<F>(handler: fn(Run) -> F) -> Result<(), Diagnostic>
    where
        F: Future<Output = Result<(), Problem>> + Send + 'static,
    {
        let runner = Runner {
            job: &JOB,
            handler: Box::new(move |run| Box::pin(handler(run))),
            table: client::connect_to("http://127.0.0.1:1", "none"),
            config: Config::for_table(Some("none".to_owned())).expect("defaults"),
        };
        // Time advances only while everything waits for it, so the deadline passes at once.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .expect("a runtime");
        runtime.block_on(runner.run())
    }

    #[test]
    fn a_run_that_fails_panics_or_hangs_is_reported_as_failed() {
        async fn succeeds(run: Run) -> Result<(), Problem> {
            assert!(run.looks_until() >= run.now);
            Ok(())
        }
        async fn fails(_run: Run) -> Result<(), Problem> {
            Err(Problem::Unavailable("the table is away".into()))
        }
        async fn panics(run: Run) -> Result<(), Problem> {
            assert!(run.now < Timestamp::UNIX_EPOCH, "a bug");
            Ok(())
        }
        async fn hangs(_run: Run) -> Result<(), Problem> {
            std::future::pending().await
        }
        assert!(outcome(succeeds).is_ok());
        assert!(outcome(fails).is_err());
        assert!(outcome(panics).is_err());
        assert!(outcome(hangs).is_err());
    }
}
