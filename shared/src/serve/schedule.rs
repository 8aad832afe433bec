//! The one way a scheduled function is run.
//!
//! A run that fails is logged with its cause and reported to Lambda as failed, so that the schedule's
//! retry policy and dead-letter queue apply. So are a panic and a run that takes too long.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde::de::IgnoredAny;

use crate::config::Config;
use crate::domain::id::RequestId;
use crate::jobs::Job;
use crate::log;
use crate::problem::{Cause, Problem};
use crate::serve::{connect, panicked, randomness, run};
use crate::store::{Store, Table};

/// The most time that a run takes. What is left then is left for the next run.
pub const RUN_DEADLINE: Duration = Duration::from_secs(150);

/// One run of a scheduled function.
pub struct Run {
    now: Timestamp,
    store: Store,
}

type BoxedHandler = Box<dyn Fn(Run) -> BoxFuture<'static, Result<(), Problem>> + Send + Sync>;

/// What a process keeps between runs.
struct Runner {
    job: &'static Job,
    handler: BoxedHandler,
    table: Table,
}

impl Run {
    /// When the run started.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The table.
    pub fn store(&self) -> &Store {
        &self.store
    }
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
        let id = RequestId::new(now, &randomness());
        let store = self.table.for_request(&id);
        let run = Run {
            now,
            store: store.clone(),
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
        log::run(&log::RunLine {
            id: &id,
            job: self.job.name,
            problem,
            took: started.elapsed(),
            cost: store.cost(),
        });
        outcome.map_err(|_| Diagnostic {
            error_type: "RunFailed".to_owned(),
            error_message: "the run has failed; its cause is in the log".to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::client;

    static JOB: Job = Job { name: "test-job" };

    fn outcome<F>(handler: fn(Run) -> F) -> Result<(), Diagnostic>
    where
        F: Future<Output = Result<(), Problem>> + Send + 'static,
    {
        let runner = Runner {
            job: &JOB,
            handler: Box::new(move |run| Box::pin(handler(run))),
            table: client::connect_to("http://127.0.0.1:1", "none"),
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
            assert!(run.now() <= Timestamp::now());
            Ok(())
        }
        async fn fails(_run: Run) -> Result<(), Problem> {
            Err(Problem::Unavailable("the table is away".into()))
        }
        async fn panics(run: Run) -> Result<(), Problem> {
            assert!(run.now() < Timestamp::UNIX_EPOCH, "a bug");
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
