//! EventBridge Scheduler: runs each scheduled function once at the start, and then at its rate.
//!
//! A run starts when it is due, even if the one before it has not ended, as in the cloud. A run that
//! fails is reported in the function's log and not repeated: the next run comes anyway.

use crate::{
    id,
    runtime_api::Pool,
    template::{Function, Schedule},
};
use jiff::Timestamp;
use serde_json::json;
use std::sync::Arc;
use tokio::{
    task::JoinSet,
    time::{self, MissedTickBehavior},
};

/// The schedules of all functions. Dropping it stops them; runs that have started go on.
pub(crate) struct Scheduler {
    _tasks: JoinSet<()>,
}

impl Scheduler {
    pub(crate) fn start(functions: &[Function], pool: &Arc<Pool>) -> Self {
        let mut tasks = JoinSet::new();
        for function in functions {
            for schedule in &function.schedules {
                let name = function.logical_id.clone();
                tasks.spawn(follow(name, *schedule, Arc::clone(pool)));
            }
        }
        Self { _tasks: tasks }
    }
}

async fn follow(function: String, schedule: Schedule, pool: Arc<Pool>) {
    let mut ticks = time::interval(schedule.every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let (function, pool) = (function.clone(), Arc::clone(&pool));
        tokio::spawn(async move {
            let event = event(&function).to_string();
            // The pool has logged a failure.
            drop(pool.invoke(&function, event.into(), id::trace_root()).await);
        });
    }
}

/// What the scheduler sends if the template does not say otherwise.
/// <https://docs.aws.amazon.com/lambda/latest/dg/with-eventbridge-scheduler.html>
fn event(function: &str) -> serde_json::Value {
    json!({
        "version": "0",
        "id": id::invocation(),
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler",
        "account": "123456789012",
        "time": Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "region": "us-east-1",
        "resources": [format!("arn:aws:scheduler:us-east-1:123456789012:schedule/default/{function}")],
        "detail": "{}",
    })
}
