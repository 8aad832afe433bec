//! The Lambda Runtime API (2018-06-01) for a pool of processes per function.
//!
//! Each process is given an address of its own, `http://127.0.0.1:PORT/<function>/<number>`, so
//! that its requests identify it. A process is started when a request waits and none is free, up
//! to the concurrency. A process that ends is replaced once there is work for it. One that ends
//! before its first `next` fails the requests that waited for it: a broken binary costs one start
//! per request and never a loop of restarts.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

pub(crate) mod process;
mod protocol;
mod workers;

use crate::{
    error::Error,
    http::{self, HeaderTimeout, Server},
    invoke_error::InvokeError,
    journal::Journal,
};
use bytes::Bytes;
use process::Runnable;
use std::{sync::Arc, time::Duration};
use workers::Workers;

/// The processes of all functions, and the Runtime API that they talk to.
pub(crate) struct Pool {
    workers: Arc<Workers>,
    _server: Server,
}

impl Pool {
    pub(crate) fn start(
        runnables: Vec<Runnable>,
        concurrency: usize,
        journal: Journal,
    ) -> Result<Self, Error> {
        let (listener, address) = http::bind_any()?;
        let workers = Workers::new(runnables, concurrency, address, journal)
            .map_err(|source| Error::io("start /bin/sh", source))?;
        let workers = Arc::new(workers);
        let for_server = Arc::clone(&workers);
        let server = http::serve(listener, HeaderTimeout::Never, move |request, _| {
            protocol::handle(Arc::clone(&for_server), request)
        });
        Ok(Self {
            workers,
            _server: server,
        })
    }

    /// Runs one event through a function and returns the bytes of its response.
    pub(crate) async fn invoke(
        &self,
        function: &str,
        event: Bytes,
        trace: String,
    ) -> Result<Bytes, InvokeError> {
        self.workers.invoke(function, event, trace).await
    }

    /// The processes of a function, oldest first.
    pub(crate) fn pids(&self, function: &str) -> Vec<u32> {
        self.workers.pids(function)
    }

    /// How long each process of a function took from its start to its first `next`, oldest first.
    pub(crate) fn starts(&self, function: &str) -> Vec<Duration> {
        self.workers.starts(function)
    }

    /// Kills a function's processes, as the loss of their host would.
    pub(crate) fn kill(&self, function: &str) {
        self.workers.kill(function);
    }

    /// Kills every process and returns when all are gone.
    pub(crate) async fn stop(&self) {
        self.workers.stop().await;
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.workers.abort();
    }
}
