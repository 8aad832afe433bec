//! A receiver that fails now and then, and checks every signature with others' code.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fastrand::Rng;
use http::{HeaderMap, HeaderName};
use serde_json::Value;
use standardwebhooks::Webhook;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// How many of a hundred messages are answered with 500.
const FAILED_PERCENT: u8 = 12;
/// How many of a hundred messages are read, but not answered.
const UNANSWERED_PERCENT: u8 = 8;

/// A receiver on this machine, for several webhooks.
pub struct Receiver {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    secrets: Mutex<Vec<String>>,
    random: Mutex<Rng>,
    is_calm: AtomicBool,
    failures: AtomicUsize,
    accepted: Mutex<BTreeMap<(usize, String), String>>,
    wrong: Mutex<Vec<String>>,
}

impl Receiver {
    pub async fn start(random: Rng) -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            secrets: Mutex::default(),
            random: Mutex::new(random),
            is_calm: AtomicBool::new(false),
            failures: AtomicUsize::new(0),
            accepted: Mutex::default(),
            wrong: Mutex::default(),
        });
        let accepting = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&accepting);
                tokio::spawn(async move { shared.receive(stream).await });
            }
        });
        Receiver { address, shared }
    }

    /// The URL of a webhook.
    pub fn url(&self, webhook: usize) -> String {
        format!("http://{}/{webhook}", self.address)
    }

    /// Adds the secret of the next webhook.
    pub fn add_secret(&self, secret: String) {
        lock(&self.shared.secrets).push(secret);
    }

    /// Fails no more.
    pub fn calm_down(&self) {
        self.shared.is_calm.store(true, Ordering::SeqCst);
    }

    /// How many messages failed.
    pub fn failures(&self) -> usize {
        self.shared.failures.load(Ordering::SeqCst)
    }

    /// The messages that were answered with 2xx, by webhook and notice.
    pub fn accepted(&self) -> BTreeMap<(usize, String), String> {
        lock(&self.shared.accepted).clone()
    }

    /// What no message may be.
    pub fn wrong(&self) -> Vec<String> {
        lock(&self.shared.wrong).clone()
    }
}

impl Shared {
    async fn receive(&self, mut stream: TcpStream) {
        // A sender may be killed at any time.
        let Some((head, body)) = read(&mut stream).await else {
            return;
        };
        let (webhook, notice) = match self.verify(&head, &body) {
            Ok(verified) => verified,
            Err(why) => return lock(&self.wrong).push(format!("{why}: {head}\n{body}")),
        };
        let is_calm = self.is_calm.load(Ordering::SeqCst);
        let drawn = lock(&self.random).u8(..100);
        if !is_calm && drawn < FAILED_PERCENT + UNANSWERED_PERCENT {
            self.failures.fetch_add(1, Ordering::SeqCst);
            if drawn < FAILED_PERCENT {
                let failure = b"HTTP/1.1 500 Sorry\r\ncontent-length: 5\r\n\r\nsorry";
                drop(stream.write_all(failure).await);
            }
            return;
        }
        let answer = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await;
        if answer.is_ok() {
            let before = lock(&self.accepted).insert((webhook, notice), body.clone());
            if before.is_some_and(|before| before != body) {
                lock(&self.wrong).push(format!("another body than before: {body}"));
            }
        }
    }

    /// The webhook and the notice of a message, if it is what it should be.
    fn verify(&self, head: &str, body: &str) -> Result<(usize, String), String> {
        let mut lines = head.lines();
        let path = lines.next().and_then(|line| line.split(' ').nth(1));
        let webhook = path.and_then(|path| path.trim_start_matches('/').parse().ok());
        let webhook: usize = webhook.ok_or("no webhook")?;
        let secret = lock(&self.secrets)
            .get(webhook)
            .cloned()
            .ok_or("no secret")?;
        let headers = lines.filter_map(|line| {
            let (name, value) = line.split_once(": ")?;
            let name: HeaderName = name.parse().ok()?;
            Some((name, value.parse().ok()?))
        });
        let headers: HeaderMap = headers.collect();
        let verifier = Webhook::new(&secret).map_err(|error| error.to_string())?;
        let verified = verifier.verify(body.as_bytes(), &headers);
        verified.map_err(|error| error.to_string())?;
        let notice: Value = serde_json::from_str(body).map_err(|error| error.to_string())?;
        let id = notice["id"].as_str().unwrap_or_default();
        if headers["webhook-id"] != id || headers["content-type"] != "application/json" {
            return Err("wrong headers".to_owned());
        }
        Ok((webhook, id.to_owned()))
    }
}

/// The head and the body of a request; `None` if it breaks off.
async fn read(stream: &mut TcpStream) -> Option<(String, String)> {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 2_048]);
    loop {
        let number = stream
            .read(&mut buffer)
            .await
            .ok()
            .filter(|read| *read > 0)?;
        bytes.extend_from_slice(&buffer[..number]);
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let lines = head.lines().filter_map(|line| line.split_once(": "));
        let mut lengths = lines.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        let length: usize = lengths.next()?.1.parse().ok()?;
        if body.len() >= length {
            return Some((head.to_owned(), body.to_owned()));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
