//! A receiver of webhooks in a thread of its own, so that its arrivals are not late because the rest of
//! this process is busy.

use std::convert::Infallible;
use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use std::{fs, io};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::runtime::Builder;

/// The name of its thread.
const THREAD: &str = "receiver";

/// A receiver on this machine. It runs until the process ends.
pub struct Receiver {
    pub url: String,
    shared: Arc<Shared>,
}

struct Shared {
    status: AtomicU16,
    arrivals: Mutex<Vec<(Timestamp, Bytes)>>,
}

/// A notice that has arrived.
pub struct Arrival {
    /// When it was there, to the last byte.
    pub at: Timestamp,
    pub notice: Value,
}

impl Receiver {
    /// Starts one that answers 204.
    pub fn start() -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            status: AtomicU16::new(204),
            arrivals: Mutex::default(),
        });
        let for_thread = Arc::clone(&shared);
        let thread = thread::Builder::new().name(THREAD.to_owned());
        let started = thread.spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build();
            runtime
                .expect("a runtime")
                .block_on(accept(listener, for_thread))
        });
        started.expect("a thread");
        Receiver {
            url: format!("http://{address}/"),
            shared,
        }
    }

    /// What it answers from now on.
    pub fn answer(&self, status: u16) {
        self.shared.status.store(status, Ordering::Relaxed);
    }

    /// The number of arrivals.
    pub fn count(&self) -> usize {
        self.shared.arrivals().len()
    }

    /// Waits for so many arrivals, at most until then.
    pub async fn wait_for(&self, number: usize, until: Instant) {
        while self.count() < number && Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Everything that has arrived, in that order.
    pub fn arrivals(&self) -> Vec<Arrival> {
        let arrivals = self.shared.arrivals();
        let read = arrivals.iter().map(|(at, body)| Arrival {
            at: *at,
            notice: serde_json::from_slice(body).expect("a notice is JSON"),
        });
        read.collect()
    }

    /// The CPU time of every receiver of this process.
    pub fn cpu() -> Duration {
        let threads = fs::read_dir("/proc/self/task").expect("Linux");
        let of_receiver = |thread: io::Result<fs::DirEntry>| {
            let path = thread.ok()?.path();
            let name = fs::read_to_string(path.join("comm")).ok()?;
            let used = fs::read_to_string(path.join("schedstat")).ok()?;
            let used = used.split(' ').next()?.parse::<u64>().ok()?;
            (name.trim_end() == THREAD).then_some(used)
        };
        Duration::from_nanos(threads.filter_map(of_receiver).sum())
    }
}

impl Arrival {
    /// The id of the notice.
    pub fn id(&self) -> &str {
        self.notice["id"].as_str().unwrap_or_default()
    }

    /// The time since the instant of the mark.
    pub fn lateness(&self) -> SignedDuration {
        let mark = self.notice["data"]["at"].as_str().expect("an instant");
        let mark: Timestamp = mark.parse().expect("an instant");
        mark.duration_until(self.at)
    }
}

impl Shared {
    fn arrivals(&self) -> MutexGuard<'_, Vec<(Timestamp, Bytes)>> {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    listener.set_nonblocking(true).expect("a socket");
    let listener = tokio::net::TcpListener::from_std(listener).expect("a socket");
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        let service = service_fn(move |request| receive(request, Arc::clone(&shared)));
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::spawn(async move {
            // The sender says what went wrong.
            let _ = connection.await;
        });
    }
}

async fn receive(
    request: Request<Incoming>,
    shared: Arc<Shared>,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    let body = request.into_body().collect().await;
    let body = body.expect("a whole request").to_bytes();
    shared.arrivals().push((Timestamp::now(), body));
    let status = shared.status.load(Ordering::Relaxed);
    let response = Response::builder().status(status).body(Empty::new());
    Ok(response.expect("a status"))
}
