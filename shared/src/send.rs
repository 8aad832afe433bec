//! Sends webhooks: one signed POST to a URL that a client chose, which is therefore not trusted.
//!
//! A host is resolved at every attempt. Unless each of its addresses is public, nothing is sent; and
//! the connection goes to an address that was checked, so that a second answer of the name service
//! cannot lead elsewhere. Redirects are not followed, no connection is used twice, and everything
//! is bounded: time, headers, body.

mod network;
mod retry_after;
#[cfg(test)]
mod tests;
mod tls;

use std::fmt;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

use crate::domain::webhook_secret::WebhookSecret;
use crate::domain::webhook_url::{Loopback, Scheme, Target, UrlReason, WebhookUrl};
use crate::send::network::Network;

/// The time for an attempt, from resolving the host to the end of the response.
pub const TIMEOUT: Duration = Duration::from_secs(5);
/// The most bytes of a response's status line and headers. Most servers send less than 8 KiB.
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// The most headers of a response.
const MAX_HEADERS: usize = 100;
/// The most bytes that are read of a response's body, so that a receiver can finish its answer.
const MAX_BODY_READ_BYTES: usize = 64 * 1024;
/// The most bytes that are kept of a response's body: enough for an error message.
const MAX_BODY_KEPT_BYTES: usize = 500;

/// Sends webhooks. One is enough for a process: it keeps the root certificates, and no connections.
pub struct Sender {
    user_agent: String,
    loopback: Loopback,
    time: Duration,
    network: Network,
    /// Made at the first attempt over TLS; `None` within if there are no root certificates.
    tls: OnceLock<Option<TlsConnector>>,
}

/// What is sent, by the Standard Webhooks' names.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// The header `webhook-id`: the same at every attempt.
    pub id: &'a str,
    /// The header `webhook-timestamp`, in whole seconds: that of the attempt.
    pub timestamp: Timestamp,
    /// The JSON.
    pub body: &'a str,
    /// What it is signed with: each secret adds a signature to the header `webhook-signature`.
    pub secrets: &'a [&'a WebhookSecret],
}

/// What came of sending a message once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The time from the start to the outcome: at most [`TIMEOUT`], but for the scheduler's delays.
    pub took: Duration,
    /// What came back.
    pub outcome: Outcome,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver answered, perhaps with a refusal.
    Answered {
        /// The status of the answer. Redirects are reported, not followed.
        status: u16,
        /// The first 500 bytes of the answer, as far as they came in time.
        body: String,
        /// How long the receiver asks to be left alone: with 429 and 503 alone, at most 24 hours.
        retry_after: Option<Duration>,
    },
    /// There was no answer.
    Failed(Failure),
}

/// Why there was no answer. Each is worded for the team that owns the webhook: without addresses,
/// or anything else of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The URL is not acceptable, or no longer: see [`WebhookUrl::target`].
    UrlRefused,
    /// The host is, or has among others, an address that is not public. Nothing was connected to.
    NotGlobal,
    /// The host has no address, or the name service did not say.
    NotResolved,
    /// No address of the host accepted a connection.
    NotConnected,
    /// The receiver's certificate is for another name, has expired, or is signed by an unknown
    /// authority. Nothing was sent.
    Certificate,
    /// There was no agreement on TLS. Nothing was sent.
    Tls,
    /// This machine has no root certificates.
    NoRoots,
    /// The request could not be sent.
    NotSent,
    /// The connection ended before an answer.
    NoAnswer,
    /// What came back is not HTTP/1, or its headers are too large.
    NotHttp,
    /// There was no answer within [`TIMEOUT`].
    TimedOut,
}

impl Sender {
    /// A sender that uses the system's name service and root certificates. The version is that of
    /// the `user-agent`.
    pub fn new(version: &str, loopback: Loopback) -> Sender {
        Sender {
            user_agent: format!("Dueline/{version}"),
            loopback,
            time: TIMEOUT,
            network: Network::system(),
            tls: OnceLock::new(),
        }
    }

    /// Sends a message once. Dropping the future closes the connection.
    pub async fn post(&self, url: &WebhookUrl, message: &Message<'_>) -> Attempt {
        let start = Instant::now();
        let deadline = start + self.time;
        let outcome = match timeout_at(deadline, self.answer(url, message)).await {
            Ok(Ok((response, _connection))) => read(response, deadline).await,
            Ok(Err(failure)) => Outcome::Failed(failure),
            Err(_) => Outcome::Failed(Failure::TimedOut),
        };
        let took = start.elapsed();
        Attempt { took, outcome }
    }

    /// The head of the answer, and the task that reads the rest from the connection.
    async fn answer(
        &self,
        url: &WebhookUrl,
        message: &Message<'_>,
    ) -> Result<(Response<Incoming>, JoinSet<()>), Failure> {
        let target = url.target(self.loopback).map_err(|reason| match reason {
            UrlReason::NotGlobal => Failure::NotGlobal,
            _ => Failure::UrlRefused,
        })?;
        let request = self.request(&target, message)?;
        let stream = self.network.connect(&target).await?;
        match target.scheme() {
            Scheme::Http => exchange(stream, request).await,
            Scheme::Https => {
                let connector = self.tls.get_or_init(tls::connector);
                let connector = connector.as_ref().ok_or(Failure::NoRoots)?;
                let stream = tls::handshake(connector, target.host(), stream).await?;
                exchange(stream, request).await
            }
        }
    }

    fn request(&self, target: &Target, message: &Message<'_>) -> Result<Request<String>, Failure> {
        let second = message.timestamp.as_second();
        let secrets = message.secrets.iter();
        let signatures: Vec<_> = secrets
            .map(|secret| secret.sign(message.id, second, message.body))
            .collect();
        Request::post(target.path_and_query())
            .header(HOST, target.authority())
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, &self.user_agent)
            .header("webhook-id", message.id)
            .header("webhook-timestamp", second)
            .header("webhook-signature", signatures.join(" "))
            .body(message.body.to_owned())
            .map_err(|_| Failure::NotSent)
    }
}

impl Attempt {
    /// Whether the receiver has taken the message: by any 2xx.
    pub fn delivered(&self) -> bool {
        matches!(&self.outcome, Outcome::Answered { status, .. } if (200..300).contains(status))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Failure::UrlRefused => "the URL is not allowed",
            Failure::NotGlobal => "the host resolves to an address that is not public",
            Failure::NotResolved => "the host could not be resolved",
            Failure::NotConnected => "the receiver did not accept a connection",
            Failure::Certificate => "the receiver's certificate is not valid for this host",
            Failure::Tls => "the receiver and this service did not agree on TLS",
            Failure::NoRoots => "this service has no root certificates to check the receiver's by",
            Failure::NotSent => "the request could not be sent",
            Failure::NoAnswer => "the receiver closed the connection without an answer",
            Failure::NotHttp => "the receiver's answer is not valid HTTP/1.1, or too large",
            Failure::TimedOut => {
                return write!(
                    f,
                    "the receiver did not answer within {} seconds",
                    TIMEOUT.as_secs()
                );
            }
        })
    }
}

/// Sends a request and waits for the head of its answer.
async fn exchange<S>(
    stream: S,
    request: Request<String>,
) -> Result<(Response<Incoming>, JoinSet<()>), Failure>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADERS)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|_| Failure::NotSent)?;
    // A set ends its tasks when it is dropped, and with this one the connection is closed.
    let mut task = JoinSet::new();
    task.spawn(async {
        // What goes wrong here, `send_request` and the body report.
        let _ = connection.await;
    });
    let response = sender.send_request(request).await;
    match response {
        Ok(response) => Ok((response, task)),
        Err(error) if error.is_parse() => Err(Failure::NotHttp),
        Err(_) => Err(Failure::NoAnswer),
    }
}

/// Reads an answer. From here on nothing fails: the status is known, and of the body that much is
/// kept which comes in time.
async fn read(response: Response<Incoming>, deadline: Instant) -> Outcome {
    let (head, mut body) = response.into_parts();
    let status = head.status.as_u16();
    let retry_after = match status {
        429 | 503 => head.headers.get(RETRY_AFTER),
        _ => None,
    };
    let (mut kept, mut read_bytes) = (Vec::new(), 0);
    let reading = async {
        while let Some(Ok(frame)) = body.frame().await {
            let data = frame.data_ref().map(|data| &data[..]).unwrap_or_default();
            kept.extend(data.iter().take(MAX_BODY_KEPT_BYTES - kept.len()));
            read_bytes += data.len();
            if read_bytes >= MAX_BODY_READ_BYTES {
                break;
            }
        }
    };
    // Whether the body ended or the time did makes no difference.
    let _ = timeout_at(deadline, reading).await;
    Outcome::Answered {
        status,
        body: String::from_utf8_lossy(&kept).into_owned(),
        retry_after: retry_after.and_then(|value| {
            let value = value.to_str().ok()?;
            retry_after::parse(value, SystemTime::now())
        }),
    }
}
