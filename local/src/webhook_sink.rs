//! The receiver of `--webhook-sink`: a webhook of the demo team, whose messages it verifies as any
//! receiver has to, with others' code.

use crate::seed::Seed;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioIo},
};
use local::error::Error;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;
use standardwebhooks::Webhook;
use std::{convert::Infallible, fmt, sync::Arc, time::Duration};
use tokio::{net::TcpListener, task::JoinSet, time};

/// Above any message, and any answer to a request about a webhook.
const MAX_BODY_BYTES: usize = 64 * 1024;
/// How long to wait if the system has no file descriptor left for a new connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long the deletion of the webhook may hold up the end.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

/// A webhook and its receiver. Dropping it stops the receiver; [`WebhookSink::stop`] also deletes the
/// webhook.
pub(crate) struct WebhookSink {
    pub(crate) webhook_id: String,
    pub(crate) url: String,
    webhook: Requests,
    _receiver: JoinSet<()>,
}

/// Requests to the service, about webhooks.
struct Requests {
    url: String,
    authorization: String,
}

#[derive(Deserialize)]
struct Answer<T> {
    data: T,
}

#[derive(Deserialize)]
struct Created {
    id: String,
    secret: String,
}

#[derive(Deserialize)]
struct Message {
    r#type: String,
    data: Data,
}

/// What is printed of a message; a test has none of it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    ticket_id: Option<String>,
    metric: Option<String>,
    at: Option<String>,
}

impl WebhookSink {
    /// Listens on a free port, and has the service send the team's notices there.
    pub(crate) async fn start(service: &str, seed: &Seed) -> Result<Self, Error> {
        let listening = |error: std::io::Error| failed(format!("no port to listen on: {error}"));
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .map_err(listening)?;
        let url = format!("http://{}/", listener.local_addr().map_err(listening)?);
        let webhooks = Requests {
            url: format!("{service}/api/v1/teams/{}/sla/webhooks", seed.team_id),
            authorization: format!("Bearer {}", seed.secret_key),
        };
        let draft = json!({ "url": url, "description": "cargo local --webhook-sink" });
        let Answer::<Created> { data: created } =
            webhooks.send(Method::POST, &draft.to_string()).await?;
        let verifier = Webhook::new(&created.secret)
            .map_err(|error| failed(format!("the webhook's secret: {error}")))?;
        let mut receiver = JoinSet::new();
        receiver.spawn(receive(listener, Arc::new(verifier)));
        Ok(Self {
            webhook: Requests {
                url: format!("{}/{}", webhooks.url, created.id),
                authorization: webhooks.authorization,
            },
            webhook_id: created.id,
            url,
            _receiver: receiver,
        })
    }

    /// Deletes the webhook: data that is kept must not lead to a port that is another program's
    /// tomorrow.
    pub(crate) async fn stop(self) {
        let deletion = self.webhook.send::<serde_json::Value>(Method::DELETE, "");
        match time::timeout(STOP_TIMEOUT, deletion).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => eprintln!("the webhook is not deleted: {error}"),
            Err(_) => eprintln!("the webhook is not deleted: the service did not answer"),
        }
    }
}

impl Requests {
    /// Sends a request, and returns the answer to it if it succeeds.
    async fn send<T: DeserializeOwned>(&self, method: Method, body: &str) -> Result<T, Error> {
        let client = Client::builder(TokioExecutor::new()).build_http();
        let request = Request::builder()
            .method(method)
            .uri(&self.url)
            .header(header::AUTHORIZATION, &self.authorization)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body.to_owned())))
            .map_err(|error| failed(error.to_string()))?;
        let response = client
            .request(request)
            .await
            .map_err(|error| failed(error.to_string()))?;
        let status = response.status();
        let answer = read(response.into_body())
            .await
            .ok_or_else(|| failed("the service's answer was cut off".to_owned()))?;
        if !status.is_success() {
            let answer = String::from_utf8_lossy(&answer);
            return Err(failed(format!("the service answered {status}: {answer}")));
        }
        serde_json::from_slice(&answer).map_err(|error| failed(error.to_string()))
    }
}

/// Receives messages for as long as it runs.
async fn receive(listener: TcpListener, verifier: Arc<Webhook>) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        let Ok((stream, _)) = accepted else {
            time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let verifier = Arc::clone(&verifier);
        connections.spawn(async move {
            let service = service_fn(|request| answer(request, &verifier));
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            // How a connection ends concerns only its sender.
            drop(connection.await);
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    verifier: &Webhook,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let status = match check(verifier, &head.headers, read(body).await.as_deref()) {
        Ok(message) => {
            eprintln!("  webhook: {message}");
            StatusCode::OK
        }
        Err(reason) => {
            eprintln!("  webhook: refused a message that does not verify: {reason}");
            StatusCode::UNAUTHORIZED
        }
    };
    let mut response = Response::default();
    *response.status_mut() = status;
    Ok(response)
}

/// What a message says, if its signature verifies.
fn check(verifier: &Webhook, headers: &HeaderMap, body: Option<&[u8]>) -> Result<String, String> {
    let body = body.ok_or("it is too large, or was cut off")?;
    verifier
        .verify(body, headers)
        .map_err(|error| error.to_string())?;
    // By now it is the service's own.
    let message: Option<Message> = serde_json::from_slice(body).ok();
    Ok(message.map_or_else(
        || "a message in an unknown form".to_owned(),
        |message| message.to_string(),
    ))
}

/// A whole body, unless it is too large or is cut off.
async fn read(body: Incoming) -> Option<Bytes> {
    let body = Limited::new(body, MAX_BODY_BYTES).collect().await;
    body.ok().map(|body| body.to_bytes())
}

fn failed(reason: String) -> Error {
    Error::WebhookSink { reason }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Data {
            ticket_id,
            metric,
            at,
        } = &self.data;
        f.write_str(&self.r#type)?;
        if let Some(ticket) = ticket_id {
            write!(f, ", ticket {ticket}")?;
        }
        if let Some(metric) = metric {
            write!(f, ", {metric}")?;
        }
        if let Some(at) = at {
            write!(f, ", at {at}")?;
        }
        Ok(())
    }
}
