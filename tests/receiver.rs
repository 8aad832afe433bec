//! A receiver of webhooks, which answers as a story wants it to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// The longest that a story waits for messages.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// A receiver on this machine.
#[derive(Clone)]
pub struct Receiver {
    pub url: String,
    shared: Arc<Shared>,
}

struct Shared {
    answer: Mutex<Answer>,
    received: Mutex<Vec<Received>>,
    arrived: tokio::sync::Notify,
}

/// How it answers.
#[derive(Clone, Copy)]
pub enum Answer {
    Status(u16),
    /// With this status and this header.
    With(u16, &'static str),
    /// Not at all.
    Nothing,
    /// With 200 and a body without end.
    Endless,
}

/// A message that it got.
#[derive(Clone, Debug)]
pub struct Received {
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Receiver {
    pub async fn start(answer: Answer) -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            answer: Mutex::new(answer),
            received: Mutex::default(),
            arrived: tokio::sync::Notify::new(),
        });
        let accepting = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(receive(stream, Arc::clone(&accepting)));
            }
        });
        Receiver {
            url: format!("http://{address}/sla?from=dueline"),
            shared,
        }
    }

    pub fn answer_with(&self, answer: Answer) {
        *lock(&self.shared.answer) = answer;
    }

    /// Everything that it got so far.
    pub fn received(&self) -> Vec<Received> {
        lock(&self.shared.received).clone()
    }

    /// Everything that it got, once that is so many messages.
    pub async fn messages(&self, number: usize) -> Vec<Received> {
        let enough = async {
            loop {
                let arrived = self.shared.arrived.notified();
                let received = self.received();
                if received.len() >= number {
                    return received;
                }
                arrived.await;
            }
        };
        let received = tokio::time::timeout(MAX_WAIT, enough).await;
        received.unwrap_or_else(|_| panic!("{number} messages: {:?}", self.received()))
    }
}

impl Received {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    /// Asserts that others' code accepts the signature.
    #[track_caller]
    pub fn assert_signed(&self, secret: &str) {
        let webhook = standardwebhooks::Webhook::new(secret).expect("a secret");
        let mut headers = http::HeaderMap::new();
        for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
            headers.insert(name, self.headers[name].parse().expect("a header"));
        }
        let verified = webhook.verify(self.body.as_bytes(), &headers);
        verified.expect("a valid signature");
    }
}

async fn receive(mut stream: TcpStream, shared: Arc<Shared>) {
    let Some(received) = read(&mut stream).await else {
        return;
    };
    lock(&shared.received).push(received);
    shared.arrived.notify_waiters();
    let answer = *lock(&shared.answer);
    let head = match answer {
        Answer::Nothing => return std::future::pending().await,
        Answer::Status(status) => format!("HTTP/1.1 {status} x\r\ncontent-length: 4\r\n\r\nnote"),
        Answer::With(status, header) => {
            format!("HTTP/1.1 {status} x\r\n{header}\r\ncontent-length: 0\r\n\r\n")
        }
        Answer::Endless => "HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n".to_owned(),
    };
    let mut sent = stream.write_all(head.as_bytes()).await;
    while matches!(answer, Answer::Endless) && sent.is_ok() {
        sent = stream.write_all(&[b'x'; 4_096]).await;
    }
}

async fn read(stream: &mut TcpStream) -> Option<Received> {
    let mut bytes = Vec::new();
    loop {
        let mut buffer = [0; 4_096];
        let number = stream.read(&mut buffer).await.ok()?;
        bytes.extend_from_slice(&buffer[..number]);
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            if number == 0 {
                return None;
            }
            continue;
        };
        let headers: BTreeMap<String, String> = head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        if body.len() >= headers["content-length"].parse().ok()? {
            let body = body.to_owned();
            return Some(Received { headers, body });
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
